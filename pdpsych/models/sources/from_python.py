"""Networks that Python code of one's own makes."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from torch import nn

from pdpsych.common.errors import InputError
from pdpsych.models.address import NetworkAddress
from pdpsych.models.checks import nearest
from pdpsych.models.preprocessing import InputFormat
from pdpsych.models.sources.source import BuiltNetwork


def build(address: NetworkAddress, folder: Path) -> BuiltNetwork:
    """Call ``package.module:callable``, which returns a module with its weights."""
    path, _, attribute = address.name.partition(":")
    with _importable(folder.resolve()):
        found = _imported(path, folder.resolve())
        make = getattr(found, attribute, None)
        if not callable(make):
            made = [name for name, value in vars(found).items() if callable(value)]
            raise InputError(
                f"{path} has no such callable", value=attribute, allowed=nearest(attribute, made)
            )
        try:
            module = make()
        except Exception as error:
            raise InputError(f"{attribute}(): {type(error).__name__}: {error}") from error
    if not isinstance(module, nn.Module):
        raise InputError(f"{attribute}() returns {type(module).__name__}, not a torch.nn.Module")
    code = _code_sha256(found)
    return BuiltNetwork(module, attribute, f"made by {address.name}", InputFormat(), code)


def _code_sha256(module: ModuleType) -> str:
    """Return the SHA-256 of the text of a module's file, whatever ends its lines."""
    path = Path(module.__file__ or "")
    if path.suffix != ".py" or not path.is_file():
        return ""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def _imported(path: str, folder: Path) -> ModuleType:
    try:
        found = importlib.import_module(path)
    except ImportError as error:
        raise InputError(
            str(error), remedy=f"looked in {folder} and among installed packages"
        ) from error
    except Exception as error:
        raise InputError(f"importing {path}: {type(error).__name__}: {error}") from error
    top = path.partition(".")[0]
    loaded = Path(sys.modules[top].__file__ or "").resolve()
    here = [
        place for place in (folder / f"{top}.py", folder / top / "__init__.py") if place.exists()
    ]
    if here and loaded not in here:
        # Python imports a name once; the network of another study must not pass for this one's.
        raise InputError(
            f"{loaded} is already imported as {top}", file=here[0], remedy="rename one of them"
        )
    return found


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let the modules of a folder be imported, ahead of installed ones."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
