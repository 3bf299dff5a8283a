"""Results on disk: JSON whose arrays are base64 text, so that they read back bit by bit."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.errors import InputError
from pdpsych.schema import Schema
from pdpsych.versions import versions
from pdpsych.whole import whole

R = TypeVar("R")

_HEAD = ("schema_version", "kind", "versions")
_DTYPES = ("float32", "float64", "bool")


def write(path: str | Path, schema: Schema, values: dict[str, Any]) -> Path:
    """Write a result with the versions that made it; tensors and arrays may be values."""
    head = {"schema_version": schema.version, "kind": schema.kind}
    made = {"versions": versions("numpy", "scipy", "torch")}
    text = json.dumps(head | values | made, indent=1, ensure_ascii=False, default=_plain)
    with whole(Path(path)) as part:
        part.write_text(text + "\n", encoding="utf-8")
    return Path(path)


def read(path: str | Path, schema: Schema, build: Callable[[dict[str, Any]], R]) -> R:
    """Read a result of :func:`write`; ``build`` makes it of its values, arrays as numpy's.

    Raises
    ------
    InputError
        If the file cannot be read, is not such a result, or of a version that cannot be read.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"), object_hook=_array)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"{path}: not a result of pdpsych: {error}; {schema.remake}") from None
    upgraded = schema.upgrade(data, schema.version_of(data, str(path)))
    if upgraded.get("kind") != schema.kind:
        raise InputError(
            f"{path}: kind: {upgraded.get('kind')!r}; allowed here: {schema.kind}; {schema.remake}"
        )
    try:
        return build({key: value for key, value in upgraded.items() if key not in _HEAD})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not a {schema.kind} result: {error}; {schema.remake}") from None


def tensor(values: NDArray[Any]) -> Tensor:
    """Return an array that was read as a tensor on the CPU."""
    return torch.from_numpy(values.copy())


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if not isinstance(value, np.ndarray):
        raise TypeError(f"a {type(value).__name__} cannot be written as JSON")
    order = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
    text = base64.b64encode(order.tobytes()).decode()
    return {"dtype": value.dtype.name, "shape": list(value.shape), "base64": text}


def _array(node: dict[str, Any]) -> Any:
    if node.keys() != {"dtype", "shape", "base64"}:
        return node
    if node["dtype"] not in _DTYPES:
        raise ValueError(f"dtype {node['dtype']!r}; allowed: {', '.join(_DTYPES)}")
    dtype, values = np.dtype(node["dtype"]), base64.b64decode(node["base64"], validate=True)
    if math.prod(node["shape"]) * dtype.itemsize != len(values):
        raise ValueError(f"an array of shape {node['shape']} with {len(values)} bytes")
    return np.frombuffer(values, dtype.newbyteorder("<")).astype(dtype).reshape(node["shape"])
