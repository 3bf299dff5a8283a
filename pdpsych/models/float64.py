"""All arithmetic in float64, whatever precision a network asks for inside."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

# Eight bits and fewer are no precision of arithmetic, but a quantisation that a network has.
_WIDER = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex32: torch.complex128,
    torch.complex64: torch.complex128,
}


class Float64Arithmetic(TorchDispatchMode):
    """While active, operations take and give float64 where they would float32, 16 or bfloat16.

    A network that converts to half precision inside is then the function that its author meant,
    which has finite differences at small steps. Views and what is written in place stay as they
    are; tensors outside are not changed.

    Examples
    --------
    >>> import torch
    >>> from pdpsych.models.float64 import Float64Arithmetic
    >>> with Float64Arithmetic():
    ...     x = torch.tensor([1 + 1e-12], dtype=torch.float64).half() - 1
    >>> bool(x > 0)
    True
    """

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Widen what goes in and comes out."""
        kwargs = kwargs or {}
        if _quantises(func):
            # Scales have to be float32 there; what is quantised need not.
            return func(_wide(args[0]), *tree_map(_single, args[1:]), **kwargs)
        if _aliases(func):
            return func(*args, **kwargs)
        return tree_map(_wide, func(*tree_map(_wide, args), **tree_map(_wide, dict(kwargs))))


def in_float64(module: nn.Module) -> nn.Module:
    """Return a copy of a module with float64 parameters and buffers."""
    made = [
        value
        for part in module.modules()
        for value in vars(part).values()
        if isinstance(value, Tensor) and not value.is_leaf
    ]
    # Weights that are computed from parameters are no leaves, which do not copy themselves.
    known = {id(value): value.detach().clone() for value in made}
    return copy.deepcopy(module, known).double()


@cache
def _aliases(func: Callable[..., Any]) -> bool:
    schema: Any = getattr(func, "_schema", None)
    return schema is None or any(a.alias_info is not None for a in schema.arguments)


@cache
def _quantises(func: Callable[..., Any]) -> bool:
    return any(part in str(func) for part in ("fake_quantize", "moving_avg_obs_fq"))


def _single(value: Any) -> Any:
    wide = isinstance(value, Tensor) and value.dtype == torch.float64
    return value.float() if wide else value


def _wide(value: Any) -> Any:
    if isinstance(value, torch.dtype):
        return _WIDER.get(value, value)
    if isinstance(value, Tensor) and value.dtype in _WIDER and value.layout == torch.strided:
        return value.to(_WIDER[value.dtype])
    return value
