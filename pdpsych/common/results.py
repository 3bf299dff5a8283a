"""What results have in common: a line, prose, equality, a hash, and a face in notebooks."""

from __future__ import annotations

import dataclasses
import hashlib
import html
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pdpsych.common.errors import InputError


class Result:
    """A result: a frozen dataclass that is made with ``eq=False, repr=False``.

    It is printed in one line, without reading any file; :meth:`describe` says it in prose. Two
    results are equal if their fields are, arrays bit by bit and tables cell by cell; fields with
    ``compare=False`` are passed over. A subclass has :meth:`describe` and ``_line``.
    """

    # Fields that are too much to print.
    _left_out: ClassVar[tuple[str, ...]] = ()

    def describe(self) -> str:
        """Say the result in prose, some lines."""
        raise TypeError(f"{type(self).__name__} describes itself")

    def _line(self) -> str:
        """Say the result in some words."""
        raise TypeError(f"{type(self).__name__} has a line")

    def to_dict(self) -> dict[str, Any]:
        """Return what it holds as plain data, which JSON can hold: what ``--json`` prints.

        Tables are lists of rows; a number that is not finite is None.
        """
        if not dataclasses.is_dataclass(self):
            return dict(plain(self.model_dump(mode="json")))  # type: ignore[attr-defined]
        names = [f.name for f in dataclasses.fields(self) if f.name not in self._left_out]
        return {name: plain(getattr(self, name)) for name in names}

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._line()}>"

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        return in_notebooks(self.describe())

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self is other or content_sha256(self) == content_sha256(other)

    def __hash__(self) -> int:
        return int(content_sha256(self)[:15], 16)


def in_notebooks(text: str) -> str:
    """Return text as HTML, whose lines are broken between words, as notebooks would not."""
    style = "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere"
    return f'<pre style="{style}">{html.escape(text)}</pre>'


def plain(value: Any) -> Any:
    """Return results, tables, arrays, settings and errors as data that JSON can hold.

    Examples
    --------
    >>> plain({"at": Path("a"), "of": (1, float("nan"))})
    {'at': 'a', 'of': [1, None]}
    """
    if isinstance(value, Result):
        return value.to_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, InputError):
        told = ("problem", "file", "line", "field", "value", "allowed", "remedy")
        return {"message": str(value)} | {name: plain(getattr(value, name)) for name in told}
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json"))
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if hasattr(value, "to_dict"):
        return plain(value.to_dict("records"))
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, bool, int, type(None))) else str(value)


def content_sha256(value: Any) -> str:
    """Return the SHA-256 of what a result, an array, a table or plain data holds."""
    return hashlib.sha256(json.dumps(_plain(value), sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return a value as plain data that is equal exactly where the value is."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        compared = [f.name for f in dataclasses.fields(value) if f.compare]
        return {name: _plain(getattr(value, name)) for name in compared}
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump())
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if hasattr(value, "columns") and hasattr(value, "to_numpy"):
        return {str(name): _plain(value[name].tolist()) for name in value.columns}
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        order = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        return [value.dtype.name, list(value.shape), hashlib.sha256(order.tobytes()).hexdigest()]
    if isinstance(value, np.ndarray):
        return [_plain(inner) for inner in value.tolist()]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, (str, bool, int, type(None))):
        return value
    return value.as_posix() if isinstance(value, Path) else repr(value)
