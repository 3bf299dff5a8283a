"""Results on disk: JSON whose arrays are base64 text, so that they read back bit by bit."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, get_type_hints

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import replacing
from pdpsych.common.versions import versions
from pdpsych.geometry.solvers.certificate import Certificate

if TYPE_CHECKING:
    from typing_extensions import Self

_HEAD = ("schema_version", "kind", "versions")
_DTYPES = ("float32", "float64", "bool")


class Result:
    """What the dataclasses of results share: they go to a file and come back the same.

    Fields are plain, or of a type in ``_RESTORED``.
    """

    SCHEMA: ClassVar[Schema]

    def to_json(self, path: str | Path) -> Path:
        """Write the result, with the versions that made it; return the path."""
        schema = self.SCHEMA
        head = {"schema_version": schema.version, "kind": schema.kind}
        made = {"versions": versions("numpy", "scipy", "torch")}
        text = json.dumps(head | vars(self) | made, indent=1, ensure_ascii=False, default=_plain)
        with replacing(Path(path)) as part:
            part.write_text(text + "\n", encoding="utf-8")
        return Path(path)

    @classmethod
    def from_json(cls, path: str | Path) -> Self:
        """Read a result of :meth:`to_json`; tensors are on the CPU.

        Raises
        ------
        InputError
            If the file cannot be read, is not such a result, or of a version that cannot be read.
        """
        schema = cls.SCHEMA
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"), object_hook=_array)
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise InputError(f"{path}: not a result of pdpsych: {error}; {schema.remake}") from None
        upgraded = schema.upgrade(data, schema.version_of(data, str(path)))
        if upgraded.get("kind") != schema.kind:
            raise InputError(
                f"{path}: kind: {upgraded.get('kind')!r}; allowed here: {schema.kind}; "
                f"{schema.remake}"
            )
        try:
            return cls._of({key: value for key, value in upgraded.items() if key not in _HEAD})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{path}: not a {schema.kind} result: {error}; {schema.remake}"
            ) from None

    @classmethod
    def _of(cls, values: dict[str, Any]) -> Self:
        types = get_type_hints(cls)
        restored = {name: _RESTORED.get(types[name], _same)(v) for name, v in values.items()}
        return cls(**restored)


def _same(value: Any) -> Any:
    return value


def _tensor(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(values.copy())


_RESTORED: dict[Any, Callable[[Any], Any]] = {
    Tensor: _tensor,
    Certificate: Certificate.from_dict,
    tuple[str, ...]: tuple,
}


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, Certificate):
        return value.to_dict()
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
