"""Arrays in JSON, bit by bit, as base64 text."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def packed(array: NDArray[Any]) -> dict[str, Any]:
    """Return an array of numbers as plain data: its type, shape and bytes, the lowest first.

    Examples
    --------
    >>> packed(np.array([1, -2], dtype=np.int8))
    {'dtype': 'int8', 'shape': [2], 'base64': 'Af4='}
    """
    order = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    text = base64.b64encode(order.tobytes()).decode("ascii")
    return {"dtype": array.dtype.name, "shape": list(array.shape), "base64": text}


def unpacked(plain: dict[str, Any], kinds: str = "fi") -> NDArray[Any]:
    """Return the array of :func:`packed`.

    Parameters
    ----------
    kinds
        NumPy's letters of the kinds of numbers that are taken.

    Raises
    ------
    ValueError, KeyError
        If it is not one.
    """
    dtype = np.dtype(plain["dtype"])
    if dtype.kind not in kinds:
        raise ValueError(f"{dtype} is not a type of numbers")
    content = base64.b64decode(plain["base64"], validate=True)
    if math.prod(plain["shape"]) * dtype.itemsize != len(content):
        raise ValueError(f"an array of shape {plain['shape']} with {len(content)} bytes")
    return np.frombuffer(content, dtype.newbyteorder("<")).reshape(plain["shape"]).astype(dtype)
