"""Operations that are affine, or piecewise so, given derivatives that can be taken twice.

PyTorch's second derivative of a convolution also computes that of the weights, wanted or not,
which is most of its cost; that of a batch normalisation is a general formula for a product; a
hard sigmoid has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import batch_norm, hardsigmoid
from torch.overrides import TorchFunctionMode

Map = Callable[[Tensor], Tensor]


class AffineOperations(TorchFunctionMode):
    """While active, affine operations take derivatives by rules of their own.

    Their values are those of PyTorch to the last bit.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Replace what has a rule and fits it."""
        kwargs = kwargs or {}
        rule = _RULES.get(func)
        maps = rule(*args, **kwargs) if rule else None
        if maps is None:
            return func(*args, **kwargs)
        image = args[0] if args else kwargs["input"]
        return _Affine.apply(image, lambda x: func(x, *args[1:], **_rest(kwargs)), *maps)


class _Affine(torch.autograd.Function):
    """An affine map whose derivative and transposed derivative are given."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Map, push: Map, pull: Map) -> Tensor:
        ctx.push, ctx.pull = push, pull
        return value(x)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        return _Affine.apply(cotangents[0], ctx.pull, ctx.pull, ctx.push), None, None, None


def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> tuple[Map, Map] | None:
    """Return the push and pull of a convolution, or None where the rule does not hold."""
    if isinstance(padding, str) or input.ndim != weight.ndim or not _fixed(weight, bias):
        return None
    shape, count = input.shape, weight.ndim - 2
    steps, pads, gaps = (_each(value, count) for value in (stride, padding, dilation))
    tail = (steps, pads, gaps, False, [0] * count, groups)

    def push(u: Tensor) -> Tensor:
        return torch.ops.aten.convolution(u, weight, None, *tail)

    def pull(w: Tensor) -> Tensor:
        like = w.new_empty(1).expand(shape)
        only_input = [True, False, False]
        return torch.ops.aten.convolution_backward(w, like, weight, None, *tail, only_input)[0]

    return push, pull


def _normalization(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Map, Map] | None:
    """Return the push and pull of a batch normalisation by running statistics, or None."""
    if training or running_var is None or not _fixed(running_mean, running_var, weight, bias):
        return None
    gain = (running_var + eps).rsqrt()
    gain = gain if weight is None else gain * weight
    gain = gain.view(1, -1, *[1] * (input.ndim - 2))
    return gain.mul, gain.mul


def _hard_sigmoid(input: Tensor, inplace: bool = False) -> tuple[Map, Map] | None:
    """Return the push and pull of a hard sigmoid, a line between two constants, or None."""
    if inplace:
        return None
    slope = (input.detach().abs() < 3).to(input) / 6
    return slope.mul, slope.mul


_RULES: dict[Callable[..., Any], Callable[..., tuple[Map, Map] | None]] = {
    torch.conv1d: _convolution,
    torch.conv2d: _convolution,
    torch.conv3d: _convolution,
    batch_norm: _normalization,
    hardsigmoid: _hard_sigmoid,
}


def _fixed(*weights: Tensor | None) -> bool:
    return not any(weight is not None and weight.requires_grad for weight in weights)


def _each(value: int | Sequence[int], count: int) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return values * count if len(values) == 1 else values


def _rest(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in kwargs.items() if key != "input"}
