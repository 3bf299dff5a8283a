"""How a network continues images and maps beyond their border, replaced while it is evaluated."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from pdpsych.common.errors import InputError
from pdpsych.geometry.representation import Network

PaddingMode = Literal["replicate", "reflect"]
MODES: tuple[PaddingMode, ...] = ("replicate", "reflect")

Call = tuple[tuple[Any, ...], Mapping[str, Any]]


@runtime_checkable
class Repaddable(Protocol):
    """A network that says how it would be with another padding.

    Examples
    --------
    >>> from pdpsych import models
    >>> from pdpsych.geometry.repadding import Repaddable
    >>> (identity,) = models.load(["identity"])
    >>> isinstance(identity.network, Repaddable)
    True
    """

    def repadded(self, mode: PaddingMode) -> Network:
        """Return the same network, its weights shared, with this padding in place of its own."""
        ...


@contextmanager
def repadded(mode: PaddingMode, *, checked: bool = False) -> Iterator[None]:
    """Replace the padding of convolutions, averages, ``pad`` and ``unfold`` inside.

    Derivatives are those of the replaced padding. Maximum pooling stays as it is: its padding
    is less than every pixel and so enters no response. What pads by other ways is not changed;
    ``checked`` looks for it, where no gradient is needed.

    Parameters
    ----------
    mode
        ``replicate``: the nearest pixel stands for those beyond the border; ``reflect``: those
        beyond it are a mirror image, without the pixel at the border.
    checked
        Whether to look for padding that was not replaced.

    Raises
    ------
    InputError
        If ``checked``, and something pads in a way of its own.

    Examples
    --------
    >>> import torch
    >>> from pdpsych.geometry.repadding import repadded
    >>> ones = torch.ones(1, 1, 3)
    >>> torch.conv1d(ones, ones, padding=1)
    tensor([[[2., 3., 2.]]])
    >>> with repadded("replicate"):
    ...     torch.conv1d(ones, ones, padding=1)
    tensor([[[3., 3., 3.]]])
    """
    with _Repadding(mode), _OtherPadding() if checked else nullcontext() as other:
        yield
    if other and other.found:
        raise InputError(f"its padding cannot be changed: it may pad by {other.found}")


class _Repadding(TorchFunctionMode):
    """Pads explicitly where a function would have padded by itself."""

    def __init__(self, mode: PaddingMode):
        super().__init__()
        self._mode = mode

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Replace what pads."""
        kwargs = kwargs or {}
        if func is functional.pad:
            padded = _padded(self._mode, *args, **kwargs)
            return func(*args, **kwargs) if padded is None else padded
        rule = _RULES.get(func)
        found = rule(self._mode, *args, **kwargs) if rule else None
        args, kwargs = found or (args, kwargs)
        return func(*args, **kwargs)


def extended(image: Tensor, dimension: int, before: int, after: int, mode: PaddingMode) -> Tensor:
    """Return a map that goes on beyond both ends of one dimension; negative numbers cut it.

    Mirror images of mirror images stand for what lies further away than the map is long.

    Examples
    --------
    >>> import torch
    >>> from pdpsych.geometry.repadding import extended
    >>> extended(torch.arange(3), 0, 4, 1, "reflect").tolist()
    [0, 1, 2, 1, 0, 1, 2, 1]
    """
    size = image.shape[dimension]
    places = torch.arange(-before, size + after, device=image.device)
    if mode == "reflect" and size > 1:
        places = places.remainder(2 * (size - 1))
        places = torch.minimum(places, 2 * (size - 1) - places)
    return image.index_select(dimension, places.clamp(0, size - 1))


def _padded(
    wanted: PaddingMode,
    input: Tensor,
    pad: Sequence[int],
    mode: str = "constant",
    value: float | None = None,
) -> Tensor | None:
    """Return what ``pad`` shall give, or None where its own result may stay."""
    pairs = list(zip(pad[::2], pad[1::2], strict=True))
    lowest = mode == "constant" and value == -math.inf
    dimensions = _spatial(input, pairs)
    if lowest or dimensions is None or not _positive(pad):
        return None
    for dimension, (before, after) in zip(dimensions, pairs, strict=True):
        input = extended(input, dimension, before, after, wanted)
    return input


def _spatial(input: Tensor, pairs: Sequence[tuple[int, int]]) -> list[int] | None:
    """Return which dimension each pair pads; None if one is, or may be, that of the channels."""
    last = [-1 - i for i in range(len(pairs))]
    if input.ndim in (3, 4) and len(pairs) <= input.ndim - 2:
        return last
    # Channels last, (B, H, W, C): the first pair, that of the channels, is nothing.
    if input.ndim == 4 and len(pairs) == 3 and not any(pairs[0]) and any(pairs[1]):
        return last
    return None


def _convolution(
    mode: PaddingMode,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Call | None:
    count = weight.ndim - 2
    if padding == "same":
        gaps = _each(dilation, count)
        totals = [gap * (taps - 1) for gap, taps in zip(gaps, weight.shape[2:], strict=True)]
        pairs = [(total // 2, total - total // 2) for total in totals]
    else:
        pairs = [(p, p) for p in _each(0 if isinstance(padding, str) else padding, count)]
    if not any(map(any, pairs)):
        return None
    return (_around(input, pairs, mode), weight, bias, stride, 0, dilation, groups), {}


def _average(
    count: int,
    mode: PaddingMode,
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    *rest: Any,
    **named: Any,
) -> Call | None:
    pads = _each(padding, count)
    # Rounding up, the number of windows depends on who pads.
    if not any(pads) or ceil_mode:
        return None
    around = _around(input, [(p, p) for p in pads], mode)
    return (around, kernel_size, stride or kernel_size, 0, ceil_mode, *rest), named


def _unfolded(
    mode: PaddingMode,
    input: Tensor,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Call | None:
    pairs = [(p, p) for p in _each(padding, 2)]
    return (_around(input, pairs, mode), kernel_size, dilation, 0, stride), {}


_RULES: dict[Callable[..., Any], Callable[..., Call | None]] = {
    torch.conv1d: _convolution,
    torch.conv2d: _convolution,
    torch.conv3d: _convolution,
    functional.avg_pool1d: partial(_average, 1),
    functional.avg_pool2d: partial(_average, 2),
    functional.avg_pool3d: partial(_average, 3),
    functional.unfold: _unfolded,
}


def _around(input: Tensor, pairs: Sequence[tuple[int, int]], mode: PaddingMode) -> Tensor:
    """Extend the last dimensions, one for each pair."""
    for i, (before, after) in enumerate(pairs):
        if before or after:
            input = extended(input, i - len(pairs), before, after, mode)
    return input


def _each(value: int | Sequence[int], count: int) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return values * count if len(values) == 1 else values


class _OtherPadding(TorchDispatchMode):
    """Notes an operation that pads, below everything that could replace it.

    Whatever a module is written in, its operations come through here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found = ""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        # An error from here would come out of a scripted module as another.
        if not self.found and _may_pad(func, args, kwargs):
            self.found = _name(func)
        return func(*args, **kwargs)


# They turn round, join or write parts of a map, and so can pad it without saying so.
_BY_HAND = {"roll", "slice_scatter", "copy_", "index_put", "index_put_", "grid_sampler_2d"}
_BY_HAND |= {"grid_sampler_3d", "cudnn_grid_sampler", "_fft_r2c", "_fft_c2c"}
_PADS = ("padding", "pad", "pad_h", "pad_w")


def _may_pad(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    name = _name(func)
    names = [argument.name for argument in func._schema.arguments]
    given = dict(zip(names, args, strict=False)) | dict(kwargs)
    if name == "cat":
        first = given["tensors"][0]
        return bool(first.ndim >= 4 and given.get("dim", 0) % first.ndim >= 2)
    if name == "constant_pad_nd":
        return given.get("value") != -math.inf and not _of_channels(given["self"], given["pad"])
    if given.get("transposed"):
        # Where kernels do not overlap, nothing is missing at the border.
        sizes = given["weight"].shape[2:]
        return any(k > s for k, s in zip(sizes, given["stride"], strict=False))
    if "max_pool" in name:
        return False
    return name in _BY_HAND or any(_positive(given.get(pad)) for pad in _PADS)


def _of_channels(input: Tensor, pad: Sequence[int]) -> bool:
    """Return whether ``pad`` cuts only, or is that of ``local_response_norm``, (B, 1, C, H, W)."""
    return not _positive(pad) or (input.ndim == 5 and not any(pad[:4]))


def _name(func: Any) -> str:
    return str(func.name()).partition("::")[2].partition(".")[0]


def _positive(value: Any) -> bool:
    values = value if isinstance(value, (list, tuple)) else [value]
    return any(isinstance(v, int) and v > 0 for v in values)
