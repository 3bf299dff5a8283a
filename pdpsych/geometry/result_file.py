"""Results that go to a file and back: JSON whose arrays are base64 text, equal bit by bit."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.packing import packed, unpacked
from pdpsych.common.results import Result
from pdpsych.common.versions import versions

if TYPE_CHECKING:
    from typing_extensions import Self

_HEAD = ("schema_version", "kind", "versions")
_DTYPES = ("float32", "float64", "bool")


class SavedResult(Result):
    """A result whose fields are plain data, arrays, tensors, or dataclasses of such fields."""

    SCHEMA: ClassVar[Schema]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain data, arrays as base64 text."""
        return _fields(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the result of data from :meth:`to_dict`; tensors are on the CPU.

        Raises
        ------
        KeyError, TypeError, ValueError, AttributeError
            If they are not such data.
        """
        return _built(cls, data)

    def to_json(self, path: str | Path) -> Path:
        """Write the result, with the versions that made it; return the path."""
        made = {"versions": versions("numpy", "scipy", "torch")}
        return self.SCHEMA.write(path, {"kind": self.SCHEMA.kind} | self.to_dict() | made)

    @classmethod
    def from_json(cls, path: str | Path) -> Self:
        """Read a result of :meth:`to_json`; tensors are on the CPU.

        Raises
        ------
        InputError
            If the file cannot be read, is not such a result, or of a version that cannot be read.
        """
        schema = cls.SCHEMA
        with schema.reading(path) as data:
            kind = data.get("kind")
            if kind != schema.kind:
                raise InputError(
                    "is another result",
                    file=path,
                    field="kind",
                    value=kind,
                    allowed=(schema.kind,),
                    remedy=schema.remake,
                )
            return cls.from_dict({k: v for k, v in data.items() if k not in _HEAD})


def named(names: Sequence[str]) -> str:
    """Return the names of representations for one line: where there are many, their number."""
    return ", ".join(names) if len(names) <= 8 else f"{len(names)} representations"


def _fields(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that count, see :class:`Result`, as plain data."""
    kept = [field.name for field in dataclasses.fields(value) if field.compare]
    return {name: _plain(getattr(value, name)) for name in kept}


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        return packed(value)
    if dataclasses.is_dataclass(value):
        return _fields(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (str, bool, int, float, NoneType)):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


def _built(made: type[Any], data: dict[str, Any]) -> Any:
    types = get_type_hints(made)
    return made(**{name: _restored(types[name], value) for name, value in data.items()})


def _restored(kind: Any, value: Any) -> Any:
    """Return the value of a field of this type from plain data."""
    if get_origin(kind) in (Union, UnionType):
        kind = next(k for k in get_args(kind) if (k is NoneType) == (value is None))
    if kind is Tensor:
        return torch.from_numpy(_array(value).copy())
    if get_origin(kind) is np.ndarray:
        return _array(value)
    if get_origin(kind) is tuple:
        return tuple(_restored(get_args(kind)[0], inner) for inner in value)
    is_made = isinstance(kind, type) and dataclasses.is_dataclass(kind)
    return _built(kind, value) if is_made else value


def _array(node: dict[str, Any]) -> NDArray[Any]:
    if node["dtype"] not in _DTYPES:
        raise ValueError(f"dtype {node['dtype']!r}; allowed: {', '.join(_DTYPES)}")
    return unpacked(node, kinds="fb")
