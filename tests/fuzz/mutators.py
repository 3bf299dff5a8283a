"""Ways to break a file: its bytes, its values, or what a format lets somebody hide in it.

Each takes a generator of random numbers, so that a seed gives the same input again.
"""

from __future__ import annotations

import copy
import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image

Rng = np.random.Generator
BOMB = 10 * 2**30
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", '=HYPERLINK("http://x","y")')
# A file that names one of these is right to be refused in its name.
PATHS = ("/etc/passwd", "/dev/zero", "../../../etc/passwd", "a/b")
_TEXTS = (
    *FORMULAS,
    *PATHS,
    "",
    " ",
    "x" * 100_000,
    "é" * 300,
    "日本\u202e\u200b",
    "\x00",
    "a\x00b",
    "\x1b[2J\x07",
    "line\nline",
    "..",
    ".",
    "/",
    "~root",
    "C:\\x\\y",
    "{0.__class__}",
    "{total}{nothing}",
    "%s%n",
    "NaN",
    "2001-99-99",
)
_VALUES: tuple[Any, ...] = (
    *_TEXTS,
    None,
    True,
    False,
    0,
    -1,
    1,
    3,
    0.5,
    -0.0,
    1e308,
    -1e308,
    1e-320,
    2**31,
    2**63,
    10**30,
    float("nan"),
    float("inf"),
    [],
    {},
    [[]],
    {"": None},
    {"a": {"b": [1, "c"]}},
    [1, 2, 3, 4, 5],
)
# Nothing that leads out of the study: commands write where an option says.
OPTION_VALUES: tuple[str | None, ...] = (
    *FORMULAS,
    None,
    "",
    " ",
    "x" * 3000,
    "日本",
    "a\x00b",
    "\x1b[2J",
    "line\nline",
    ".",
    "a/b",
    "file:resnet18@nowhere.pt/layer1",
    "file:squeezenet1_1@networks/one.pt/features",
    "python:os:system",
    "torchvision:nothing",
    "timm:x@y/z",
    "psychopy:nothing",
    "buffer:x",
    "0",
    "-1",
    "1",
    "1,2",
    "1,,2",
    "0/0",
    "2/1",
    "1e400",
    "nan",
    "inf",
    "9" * 30,
    "9" * 5000,
    "stimuli",
    "stimuli/small.yaml",
    "stimuli/images/a.png",
    "experiments/displays/plain.yaml",
    "{0.__class__}",
)
# Stand for text that no writer would write, see ``_with_raw``.
_JSON_RAW = ("9" * 5000, "-" + "9" * 5000, "1e400", '"\\ud800"', "[" * 100_000, "{'a': 1}", "01")
_YAML_BOMB = "[&a0 [x, x], " + ", ".join(
    f"&a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)
)
YAML_RAW = (
    "9" * 5000,
    ".nan",
    "-.inf",
    "1e400",
    "0x" + "f" * 5000,
    "1_0:60:60",
    "2001-99-99",
    "2001-01-01 99:99:99",
    "!!python/object/apply:os.system ['touch PWNED']",
    "!!python/name:os.system",
    "!!python/object/new:os.system ['touch PWNED']",
    "!!binary '%%%'",
    "!!timestamp x",
    "!!int x",
    "!!float x",
    "!!bool x",
    "!!set {a, b}",
    "!!omap [a: 1]",
    "!unknown x",
    "*nobody",
    "&me [*me]",
    "&me {a: *me}",
    "{[1, 2]: 3}",
    "{? {a: 1} : 3}",
    "{<<: 3}",
    "{<<: &b {<<: *b}}",
    "{1: 2, null: 3, 1.5: 4}",
    _YAML_BOMB + "]",
    "[" * 50_000,
    "{a: " * 3_000 + "}" * 3_000,
    "[" * 400 + "]" * 400,
)


def pick(rng: Rng, choices: Any) -> Any:
    """Return one of several things."""
    return choices[int(rng.integers(len(choices)))]


def broken_bytes(data: bytes, rng: Rng) -> bytes:
    """Flip, cut, repeat, insert, empty, or encode differently."""
    at = int(rng.integers(len(data) + 1))
    length = int(rng.integers(1, 64))

    def flipped() -> bytes:
        changed = bytearray(data)
        for place in rng.integers(len(data), size=int(rng.integers(1, 9))):
            changed[place] ^= 1 << int(rng.integers(8))
        return bytes(changed)

    def as_text(encoding: str, mark: bytes = b"") -> bytes:
        return mark + data.decode("latin-1").encode(encoding)

    ways: list[Callable[[], bytes]] = [
        flipped,
        flipped,
        lambda: data[:at],
        lambda: data[at:],
        lambda: data[:at] + data[at + length :],
        lambda: data[:at] + data[at : at + length] * 3 + data[at + length :],
        lambda: data + data,
        lambda: data[:at] + rng.bytes(length) + data[at:],
        lambda: (
            data[:at] + pick(rng, [b"\x00", b"\xff", b"\n", b"\r", b"\t", b'"', b"{"]) + data[at:]
        ),
        lambda: b"",
        lambda: b"\x00" * len(data),
        lambda: as_text("utf-16"),
        lambda: as_text("utf-8", b"\xef\xbb\xbf"),
        lambda: data[:at] + "é".encode("latin-1") + data[at:],
        lambda: pickle.dumps({"a": Harmful()}),
    ]
    return pick(rng, ways)()


class Harmful:
    """Makes a file where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("PWNED", "w")


def broken_tree(tree: Any, rng: Rng, raw: int) -> Any:
    """Replace, delete, rename or move one or two of the values in nested lists and dicts.

    ``raw`` texts ``RAW0``, ``RAW1``, … are among the new values.
    """
    root = [copy.deepcopy(tree)]
    for _ in range(1 + int(rng.random() < 0.2)):
        places = list(_places(root))
        holder, key = pick(rng, places)
        way = rng.integers(8)
        if way < 5 or holder is root:
            if raw and rng.random() < 0.25:
                holder[key] = f"RAW{rng.integers(raw)}"
            else:
                holder[key] = copy.deepcopy(pick(rng, _VALUES))
        elif way == 5:
            del holder[key]
        elif isinstance(holder, dict):
            value = holder.pop(key) if way == 6 else holder[key]
            holder[pick(rng, (*_TEXTS, key + "x", key[:-1]))] = value
        else:
            holder.insert(key, copy.deepcopy(holder[key]))
        if rng.random() < 0.1:
            other, place = pick(rng, list(_places(root)))
            other[place] = [other[place]] if rng.random() < 0.5 else {"a": other[place]}
    return root[0]


def _places(node: Any) -> Any:
    """Yield every list or dict below with each of its keys."""
    if isinstance(node, dict | list):
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            yield node, key
            yield from _places(node[key])


def broken_yaml(data: bytes, rng: Rng) -> bytes:
    """Break a YAML file."""
    if rng.random() < 0.2:
        return broken_bytes(data, rng)
    tree = broken_tree(yaml.safe_load(data), rng, len(YAML_RAW))
    text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=bool(rng.random() < 0.5))
    return _with_raw(text, "{}", YAML_RAW)


def broken_json(data: bytes, rng: Rng) -> bytes:
    """Break a JSON file."""
    if rng.random() < 0.15:
        return broken_bytes(data, rng)
    tree = broken_tree(json.loads(data), rng, len(_JSON_RAW))
    return _with_raw(json.dumps(tree), '"{}"', _JSON_RAW)


def _with_raw(text: str, quoted: str, raws: tuple[str, ...]) -> bytes:
    for number in reversed(range(len(raws))):
        text = text.replace(quoted.format(f"RAW{number}"), raws[number])
    return text.encode("utf-8", "surrogatepass")


def broken_log(data: bytes, rng: Rng) -> bytes:
    """Break one line of a trial log; half of the time its chain is made whole again."""
    from pdpsych.experiments.logs import hash_chain

    if rng.random() < 0.15:
        return broken_bytes(data, rng)
    lines = data.splitlines()
    number = 0 if rng.random() < 0.4 else int(rng.integers(len(lines)))
    lines[number] = broken_json(lines[number], rng)
    if rng.random() < 0.2:
        other = int(rng.integers(len(lines)))
        lines[number], lines[other] = lines[other], lines[number]
    if rng.random() < 0.5:
        return b"\n".join([*lines, b""])
    digest, sealed = "", []
    for line in lines:
        try:
            record = hash_chain.unseal(line.decode(), "").record
            whole, digest = hash_chain.seal(record, digest)
            sealed.append(whole.encode())
        except (ValueError, TypeError, AttributeError, RecursionError):
            sealed.append(line)
    return b"\n".join([*sealed, b""])


def broken_csv(data: bytes, rng: Rng) -> bytes:
    """Break a cell, a column's name or a line of a table."""
    if rng.random() < 0.25:
        return broken_bytes(data, rng)
    rows = [line.split(",") for line in data.decode().splitlines()]
    row = rows[0] if rng.random() < 0.2 else pick(rng, rows)
    cell = int(rng.integers(len(row)))
    way = rng.integers(6)
    if way < 4:
        row[cell] = str(pick(rng, (*_VALUES, "9" * 5000, '"', '"a', "1,5", "1;5")))
    elif way == 4:
        row.pop(cell)
    else:
        rows.remove(row)
    text = "\n".join(",".join(row) for row in rows) + "\n" * int(rng.integers(2))
    return text.encode("utf-8", "surrogatepass")


def broken_arrays(data: bytes, rng: Rng) -> bytes:
    """Break the arrays of a set's image: their values, kinds and shapes, and the archive."""
    if rng.random() < 0.3:
        return broken_bytes(data, rng)
    with np.load(io.BytesIO(data)) as file:
        arrays = dict(file)
    name = pick(rng, list(arrays))
    array = arrays[name]
    hole = array.copy()
    hole.flat[int(rng.integers(array.size))] = pick(rng, [np.nan, np.inf, -1e30, 3e38])
    ways: list[Callable[[], Any]] = [
        lambda: hole,
        lambda: array * 0,
        lambda: array.astype(pick(rng, ["f8", "i4", ">f4", "c8", "U3", "?"])),
        lambda: array[..., :-1],
        lambda: array.reshape(-1),
        lambda: np.empty((0, *array.shape[1:]), np.float32),
        lambda: np.array(pick(rng, _VALUES[-24:]), dtype=object),
        lambda: np.asfortranarray(array),
    ]
    way = rng.integers(len(ways) + 5)
    if way < len(ways):
        arrays[name] = ways[way]()
    elif way == len(ways):
        arrays[f"../{name}"] = arrays.pop(name)
    elif way == len(ways) + 1:
        return bomb(name)
    elif way == len(ways) + 2:
        return claim(name, pick(rng, [(BOMB,), (2**62, 2**62), (-1, 16, 16), ()]))
    elif way == len(ways) + 3:
        return npy(array)
    else:
        return pickle.dumps(arrays)
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array: Any) -> bytes:
    """Return an array as the content of a ``.npy`` file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def header(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    """Return the head of a ``.npy`` file that claims a shape."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def claim(name: str, shape: tuple[int, ...]) -> bytes:
    """Return an archive whose array claims a shape and holds nothing."""
    return _archive({f"{name}.npy": header(shape)})


@lru_cache(maxsize=2)
def bomb(name: str, size: int = 2**32 - 2**24) -> bytes:
    """Return an archive of some MB whose array really holds ``size`` bytes of zeros."""
    head = header((size // 4,))
    whole = (size // len(_ZEROS)) * len(_ZEROS)
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    parts = [compressor.compress(head), compressor.flush(zlib.Z_FULL_FLUSH)]
    once = compressor.compress(_ZEROS) + compressor.flush(zlib.Z_FULL_FLUSH)
    parts += [once] * (whole // len(_ZEROS)) + [compressor.flush()]
    return _stored_as_deflated(f"{name}.npy", b"".join(parts), len(head) + whole)


_ZEROS = bytes(2**24)


def _stored_as_deflated(name: str, packed: bytes, size: int) -> bytes:
    """Return an archive of one member that is compressed already; its checksum is wrong."""
    encoded = name.encode()
    shared = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(packed), size, len(encoded), 0)
    local = b"PK\x03\x04" + shared + encoded + packed
    entry = b"PK\x01\x02\x14\x00" + shared + struct.pack("<HHHII", 0, 0, 0, 0, 0) + encoded
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0)
    return local + entry + end


def _archive(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def broken_image(data: bytes, rng: Rng) -> bytes:
    """Break a photograph, or put another kind of image in its place."""
    if rng.random() < 0.5:
        return broken_bytes(data, rng)
    way = int(rng.integers(12))
    side = int(pick(rng, [1, 2, 7, 16, 17, 40]))
    if way == 0:
        return png_header(pick(rng, [(40_000, 40_000), (2**31 - 1, 2**31 - 1), (0, 0)]))
    if way == 1:
        return npy(pick(rng, _ARRAYS))
    if way == 2:
        return header(pick(rng, [(BOMB,), (2**20, 2**20), (-1, 4), (16, 16)]), "<f8")
    if way == 3:
        return pick(rng, _SCRIPTS)
    mode = pick(rng, ["L", "RGB", "RGBA", "LA", "P", "CMYK", "YCbCr", "1", "I;16", "I", "F"])
    kind = pick(rng, ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "ICO", "TGA"])
    image = Image.effect_noise((side, side), 40).convert("L")
    image = (
        image.convert(mode)
        if mode != "I;16"
        else Image.fromarray(np.full((side, side), 30_000, np.uint16))
    )
    more = [image.copy(), image.copy()]
    extra = {"save_all": True, "append_images": more} if rng.random() < 0.3 else {}
    file = io.BytesIO()
    try:
        image.save(file, kind, **extra)
    except (OSError, ValueError, KeyError):
        return data[: len(data) // 2]
    return file.getvalue() if rng.random() < 0.7 else broken_bytes(file.getvalue(), rng)


_ARRAYS = (
    np.zeros((16, 16)),
    np.full((16, 16), np.nan),
    np.full((16, 16), np.inf),
    np.full((16, 16), 1.5),
    np.full((16, 16, 4), 0.5),
    np.full((16, 16, 3), 0.5, np.float16),
    np.full((16, 16), 0.5, np.longdouble),
    np.full((16, 16), 0.5, ">f8"),
    np.zeros((0, 16)),
    np.zeros((16, 16), int),
    np.zeros((16, 16), complex),
    np.zeros((1, 1)),
    np.float64(0.5),
    np.array([["a"]]),
    np.array([{"a": 1}], dtype=object),
    np.zeros((16, 16), [("x", "f8")]),
)
_SCRIPTS = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n(PWNED) (w) file closefile\nshowpage\n",
    b"<svg xmlns='http://www.w3.org/2000/svg' width='16' height='16'/>",
    b"<!doctype html>",
    b"#!/bin/sh\ntouch PWNED\n",
)


def png_header(size: tuple[int, int]) -> bytes:
    """Return a PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)
    packed = zlib.compress(bytes(64))
    chunks = (b"IHDR", head), (b"IDAT", packed), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def broken_checkpoint(data: bytes, rng: Rng) -> bytes:
    """Break a checkpoint: its tensors, their names, what else it holds, and the archive."""
    if rng.random() < 0.35:
        return broken_bytes(data, rng)
    if rng.random() < 0.1:
        return pickle.dumps(Harmful())
    content = torch.load(io.BytesIO(data), weights_only=True)
    state = content["state_dict"]
    key = pick(rng, list(state))
    tensor = state[key]
    ways: list[Callable[[], Any]] = [
        lambda: torch.full_like(tensor, torch.nan) if tensor.is_floating_point() else tensor - 9,
        lambda: tensor.to(pick(rng, [torch.float16, torch.float64, torch.int32, torch.complex64])),
        lambda: tensor.flatten()[:1].expand(10**9),
        lambda: tensor.float().to_sparse(),
        lambda: torch.quantize_per_tensor(tensor.float(), 0.1, 0, torch.qint8),
        lambda: torch.empty_like(tensor, device="meta"),
        lambda: tensor[None],
        lambda: torch.empty(0),
        lambda: pick(rng, [*_VALUES[-24:], Harmful(), {"a": tensor}, torch.nn.Linear(2, 2)]),
        lambda: torch.nn.Parameter(tensor.float()),
    ]
    way = rng.integers(len(ways) + 3)
    if way < len(ways):
        state[key] = ways[way]()
    elif way == len(ways):
        state[pick(rng, ("module." + key, "module.model." + key, "", key + "x", 3))] = tensor
    elif way == len(ways) + 1:
        del state[key]
    else:
        content = pick(rng, [state, [state], {"model": 3}, {}, tensor, {"state_dict": {}}, None])
    return saved(content, zipped=bool(rng.random() < 0.8))


def saved(content: Any, zipped: bool = True) -> bytes:
    """Return what torch writes into a checkpoint."""
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()
