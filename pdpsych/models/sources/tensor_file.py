"""Files of tensors, whatever library wrote them: all tensors in one, by the names they have there.

``.pth``, ``.pt``, ``.ckpt``, ``.bin``, ``.tar`` and the like as torch.save writes them,
``.safetensors``, ``.npz``, and the index of a checkpoint in several parts. What a file is, its
content tells, not its ending. Nothing in a file is run: of a pickle only tensors and plain data are
made, and classes of other libraries lead to one that does nothing.
"""

from __future__ import annotations

import json
import pickle
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor
from torch.serialization import safe_globals

from pdpsych.common.errors import InputError
from pdpsych.common.files.arrays import read_arrays
from pdpsych.common.files.reading import CHECKPOINT, DOCUMENT, open_regular, read_text
from pdpsych.models.sources.foreign_files import ZIP, check_native

_DEEPEST = 8
_MOST_CLASSES = 100
# What is inert in training scripts' own settings, of libraries that hold more than that.
_INERT = {
    "argparse.Namespace",
    "collections.defaultdict",
    "collections.deque",
    "datetime.datetime",
    "datetime.timedelta",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    "torch.torch_version.TorchVersion",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
}
_LIBRARIES = {*sys.stdlib_module_names, "numpy", "torch", "torchvision", "timm"}
_CONVERT = (
    "if you trust it, run this where what it names can be imported: x = torch.load('{file}', "
    "weights_only=False); torch.save(x.state_dict() if hasattr(x, 'state_dict') else "
    "{{k: v.state_dict() if hasattr(v, 'state_dict') else v for k, v in x.items() if "
    "hasattr(v, 'state_dict') or isinstance(v, (dict, torch.Tensor))}}, 'NEW.pt')"
)


class _StandIn:
    """Takes the place of an object in a file that is not a tensor; does nothing."""

    def __new__(cls, *args: object, **kwargs: object) -> _StandIn:
        return object.__new__(cls)

    def __init__(self, *args: object, **kwargs: object):
        pass

    def __setstate__(self, state: object) -> None:
        pass


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return all tensors in a file, by their names with those of the dicts that hold them.

    ``{"state_dict": {"fc.bias": …}}`` gives ``state_dict.fc.bias``. Values that are not tensors
    are left out.

    Raises
    ------
    InputError
        If the file cannot be read, is of another kind, or holds no tensor under a name; with what
        to do.
    """
    content = _content(path)
    found = dict(_flat(content, ""))
    if not found:
        if any(isinstance(one, _StandIn) for one in _objects(content)):
            raise _more_than_tensors(path, described(content), whole=True)
        raise InputError(
            "holds no tensors under names",
            file=path,
            value=described(content),
            allowed="a state dict, as network.state_dict() gives it, or dicts that hold one",
        )
    return found


def described(content: object) -> str:
    """Say in some words what a file holds."""
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    names = sorted(str(key) for key in content)
    more = ", ..." if len(names) > 5 else ""
    return f"{len(names)} keys ({', '.join(names[:5])}{more})" if names else "an empty dict"


def _content(path: Path) -> Any:
    if path.is_dir():
        raise _a_folder(path)
    with open_regular(path, CHECKPOINT, "a file of weights") as file:
        if path.name.endswith(".index.json"):
            return _shards(path)
        if _is_safetensors(file):
            return _from_safetensors(path)
        check_native(file, path)
        zipped = file.read(len(ZIP)) == ZIP
        file.seek(0)
        if zipped and _is_npz(file):
            return _from_npz(file, path)
    return _from_torch(path, zipped)


def _a_folder(path: Path) -> InputError:
    """Say what of a folder may be meant."""
    names = sorted(p.name for p in path.iterdir()) if path.is_dir() else []
    if ".metadata" in names:
        return InputError(
            "is a folder of torch.distributed.checkpoint",
            file=path,
            remedy="make one file of it: from torch.distributed.checkpoint.format_utils import "
            f"dcp_to_torch_save; dcp_to_torch_save('{path.name}', 'NEW.pt')",
        )
    endings = (".safetensors", ".index.json", ".bin", ".pth", ".pt", ".ckpt", ".tar", ".npz")
    files = [name for name in names if name.endswith(endings)]
    return InputError("is a folder", file=path, allowed=files or "a file of weights")


def _shards(path: Path) -> dict[str, Any]:
    """Return the content of all files that an index, as Hugging Face writes it, names."""
    try:
        places = json.loads(read_text(path, DOCUMENT))["weight_map"]
        names = sorted(set(places.values()))
        if not all(isinstance(n, str) and Path(n).name == n != path.name for n in names):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            "is not the index of a checkpoint in parts",
            file=path,
            allowed="weight_map: {NAME: FILE}",
        ) from None
    found: dict[str, Any] = {}
    for name in names:
        found |= _content(path.parent / name)
    return found


def _is_safetensors(file: BinaryIO) -> bool:
    head = file.read(9)
    file.seek(0)
    return len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") < 10**8


def _from_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as error:
        raise InputError(f"damaged: {error}", file=path) from error


def _is_npz(file: BinaryIO) -> bool:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    return bool(names) and all(name.endswith(".npy") for name in names)


def _from_npz(file: BinaryIO, path: Path) -> dict[str, Tensor]:
    try:
        found = read_arrays(file)
    except Exception as error:  # a damaged file fails in any way
        raise InputError(f"not the arrays of a checkpoint: {error}", file=path) from error
    return {
        name: torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
        for name, array in found.items()
        if array.dtype.kind in "fiub" and array.dtype != np.longdouble
    }


def _from_torch(path: Path, zipped: bool) -> Any:
    """Return the content of a file of torch.save: tensors, plain data, and stand-ins."""
    stand_ins: dict[str, Any] = {}
    while True:
        try:
            with safe_globals(list(stand_ins.values())):
                # Files in the format before torch 1.6 cannot be mapped into memory.
                return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
        except OSError as error:
            raise InputError(str(error.strerror or error), file=path) from error
        except pickle.UnpicklingError as error:
            refused = re.search(r"GLOBAL (\S+)", str(error))
            name = refused[1] if refused else ""
            if not name:
                raise InputError("damaged, or not written by torch.save", file=path) from error
            if not _inert(name) or name in stand_ins or len(stand_ins) == _MOST_CLASSES:
                raise _more_than_tensors(path, name) from error
            stand_ins[name] = _stand_in(name)
        except Exception as error:  # a damaged file fails in any way
            raise InputError(
                f"damaged, or not written by torch.save: {type(error).__name__}: {error}",
                file=path,
            ) from error


def _inert(name: str) -> bool:
    """Tell whether nothing is lost where an object of this class is passed over.

    Settings and records of training scripts, of any library but those that a network is made of.
    """
    return name in _INERT or ("." in name and name.partition(".")[0] not in _LIBRARIES)


def _stand_in(name: str) -> type[_StandIn]:
    """Return a stand-in that a file finds under a qualified name."""
    module, _, short = name.rpartition(".")
    return type(short, (_StandIn,), {"__module__": module, "__qualname__": short})


def _objects(content: object) -> Iterator[object]:
    yield content
    if isinstance(content, Mapping):
        yield from content.values()


def _more_than_tensors(path: Path, name: str, whole: bool = False) -> InputError:
    whole = whole or name.startswith(("torch.nn.", "torchvision.", "timm."))
    what = (
        "holds a whole network, whose code reading it would run"
        if whole
        else "holds more than tensors, and reading that could run any program"
    )
    return InputError(what, file=path, value=name, remedy=_CONVERT.format(file=path.name))


def _flat(content: object, inside: str, depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    if not isinstance(content, Mapping) or depth > _DEEPEST:
        return
    for key, value in content.items():
        name = f"{inside}.{key}" if inside else f"{key}"
        if not isinstance(key, str):
            continue
        if isinstance(value, Tensor):
            yield name, value
        else:
            yield from _flat(value, name, depth + 1)
