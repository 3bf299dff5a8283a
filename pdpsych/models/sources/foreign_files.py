"""Files that are given for checkpoints and hold none that can be read, by how they begin.

Each is told by its first bytes or by what is in its archive, with advice that leads to a file that
can be read.
"""

from __future__ import annotations

import pickle
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pdpsych.common.errors import InputError

ZIP = b"PK\x03\x04"
"""How archives of zip begin, which newer checkpoints and those of NumPy are."""
_HEAD = 4096  # bytes
_SAVE = "torch.save(network.state_dict(), 'NEW.pt')"
_FOR_PYTORCH = (
    f"get the same weights for PyTorch, or build the network in Python, load them, and save {_SAVE}"
)


class _Foreign(NamedTuple):
    """A kind of file, what tells it from its first bytes, and what to do."""

    what: str
    begins: Callable[[bytes], bool]
    remedy: str


def _has(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(starts)


def _is_page(head: bytes) -> bool:
    return re.match(rb"\s*<(!doctype|html|\?xml|head|!--)", head, re.IGNORECASE) is not None


def _is_onnx(head: bytes) -> bool:
    # A message of protobuf whose first field is the version of ONNX, the second what wrote it.
    return re.match(rb"\x08[\x01-\x20](\x12|\x1a|\x3a|\x42)", head) is not None


_BY_HEAD = (
    _Foreign("is empty", lambda head: not head, "get the file again"),
    _Foreign(
        "is the pointer of Git LFS, not the file it stands for",
        _has(b"version https://git-lfs"),
        "run `git lfs pull` in its repository",
    ),
    _Foreign(
        "is a web page, not a checkpoint",
        _is_page,
        "get the file itself: on GitHub and Hugging Face the address that has /resolve/ or /raw/ "
        "in the place of /blob/; where a page asks for something, in a browser",
    ),
    _Foreign(
        "is HDF5, as Keras and h5py write it",
        _has(b"\x89HDF\r\n\x1a\n"),
        f"{_FOR_PYTORCH}; tensors under PyTorch's names go into a .npz file: "
        "np.savez('NEW.npz', **{name: array})",
    ),
    _Foreign("is compressed by gzip", _has(b"\x1f\x8b"), "unpack it, with gunzip or tar -xzf"),
    _Foreign("is compressed", _has(b"BZh", b"\xfd7zXZ\0", b"7z\xbc\xaf", b"Rar!"), "unpack it"),
    _Foreign("is GGUF, weights of language models", _has(b"GGUF"), _FOR_PYTORCH),
    _Foreign("is TensorFlow Lite", lambda head: head[4:8] == b"TFL3", _FOR_PYTORCH),
    _Foreign(
        "is ONNX, a graph without the network's own layers",
        _is_onnx,
        f"where it was made, save {_SAVE}; or let a function of yours make the network from it, "
        "onnx2torch.convert('FILE.onnx'), and name that as python:MODULE:FUNCTION",
    ),
)


def check_native(file: BinaryIO, path: Path) -> None:
    """Refuse what is no file of tensors of PyTorch, NumPy or safetensors, saying what it is.

    Raises
    ------
    InputError
        With advice for its kind.
    """
    head = file.read(_HEAD)
    file.seek(0)
    for kind in _BY_HEAD:
        if kind.begins(head):
            raise InputError(kind.what, file=path, remedy=kind.remedy)
    if head.startswith(ZIP):
        _check_archive(file, path)
    elif _is_plain_pickle(head):
        raise InputError(
            "is a pickle that torch.save did not write",
            file=path,
            remedy="if you trust it, keep its arrays: np.savez('NEW.npz', "
            f"**pickle.load(open('{path.name}', 'rb'))), with ['model'] or another key behind "
            "pickle.load(…) where they are below one",
        )
    else:
        file.seek(0)
        if _is_tar(file):
            raise InputError("is a tar archive", file=path, remedy="unpack it: tar -xf")
    file.seek(0)


def _check_archive(file: BinaryIO, path: Path) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError("damaged: its end is missing", file=path, remedy="get it again") from error
    for what, remedy in _archives(names, path.name):
        raise InputError(what, file=path, remedy=remedy)


def _archives(names: list[str], file: str) -> Iterator[tuple[str, str]]:
    inside = [name.partition("/")[2] for name in names]
    if "constants.pkl" in inside:
        yield (
            "is TorchScript, a program with its weights",
            "if you trust it, keep only its tensors: "
            f"torch.save(torch.jit.load('{file}').state_dict(), 'NEW.pt')",
        )
    elif any(
        name.endswith("archive_format") or name == "serialized_exported_program.json"
        for name in (*names, *inside)
    ):
        yield (
            "is a program of torch.export, with its weights",
            "if you trust it, keep only its tensors: "
            f"torch.save(torch.export.load('{file}').state_dict, 'NEW.pt')",
        )
    elif "model.weights.h5" in names:
        yield "is a network of Keras", _FOR_PYTORCH
    elif names and "data.pkl" not in inside and not all(n.endswith(".npy") for n in names):
        yield "is a zip archive of other files", "unpack it, and give the checkpoint that is in it"


def _is_plain_pickle(head: bytes) -> bool:
    if not re.match(rb"\x80[\x02-\x05]", head):
        return False
    # torch.save writes a number of its own first, in files older than the format of 1.6.
    return pickle.dumps(0x1950A86A20F9469CFC6C, 2)[2:-1] not in head[:32]


def _is_tar(file: BinaryIO) -> bool:
    try:
        return tarfile.is_tarfile(file)
    except OSError:
        return False
