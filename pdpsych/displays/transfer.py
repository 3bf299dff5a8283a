"""From values of an image to levels of a display, a block at a time, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pdpsych.displays.curve import Curve, Power, Srgb
from pdpsych.displays.display import Display
from pdpsych.displays.dither import moments
from pdpsych.displays.encoding import Array, Encoding, linear_from_srgb, srgb_from_linear

# Cells of the tables from values to levels, and values a block: both fit a core's cache.
_CELLS = 4096
BLOCK = 16384

N = TypeVar("N", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Transfer:
    """Tables of one channel: from values of an encoding to levels, and back from whole levels.

    Between values whose square roots are evenly spaced, levels are linear: the curves are steep
    at black. ``starts`` and ``steps`` are None where levels are proportional to values.
    """

    starts: Array | None
    steps: Array | None
    seen: Array

    def to_levels(self, values: Array) -> None:
        """Replace float32 values in [0, 1] by levels."""
        if self.starts is None or self.steps is None:
            values *= len(self.seen) - 1
            return
        np.sqrt(values, out=values)
        values *= _CELLS
        cell = values.astype(np.intp)
        values -= np.floor(values)
        values *= self.steps.take(cell, mode="clip")
        values += self.starts.take(cell, mode="clip")


def transfers_of(display: Display, encoding: Encoding, channels: int) -> list[Transfer]:
    """Return the tables of each channel of an image."""
    return [_transfer(curve, encoding, display.top) for curve in display.curves(channels)]


@lru_cache(maxsize=32)
def _transfer(curve: Curve, encoding: Encoding, top: int) -> Transfer:
    luminance = curve.luminance(np.linspace(0, 1, top + 1))
    seen = srgb_from_linear(luminance) if encoding == "srgb" else luminance
    seen = seen.astype(np.float32)
    if curve == (Srgb() if encoding == "srgb" else Power(1.0)):
        return Transfer(None, None, seen)
    values = np.linspace(0, 1, _CELLS + 1) ** 2
    meant = linear_from_srgb(values) if encoding == "srgb" else values
    starts = top * curve.level(meant)
    steps = np.append(np.diff(starts), 0)
    return Transfer(starts.astype(np.float32), steps.astype(np.float32), seen)


def as_values(image: Array) -> Array:
    """Return an image as contiguous float32."""
    return np.ascontiguousarray(image, dtype=np.float32)


def flat(image: NDArray[N]) -> NDArray[N]:
    """Return a view (C, H·W) of an image."""
    return image.reshape(len(image), -1)


def blocks(image: NDArray[N]) -> Iterator[tuple[int, slice]]:
    """Yield channel and range of pixels, block by block."""
    for channel, pixels in enumerate(flat(image)):
        for start in range(0, len(pixels), BLOCK):
            yield channel, slice(start, start + BLOCK)


def levels_of(
    base: Array,
    transfers: Sequence[Transfer],
    direction: Array | None = None,
    amplitude: float = 0.0,
) -> tuple[Array, int]:
    """Return the levels of s, or of s + αε, and how many of its values are outside [0, 1]."""
    result = base.copy()
    outside = 0
    for channel, part in blocks(result):
        values = flat(result)[channel, part]
        if direction is not None:
            values += np.float32(amplitude) * flat(direction)[channel, part]
        outside += _clip(values)
        transfers[channel].to_levels(values)
    return result, outside


def moments_of(
    base: Array,
    display: Display,
    encoding: Encoding,
    direction: Array | None,
    amplitude: float,
) -> Iterator[tuple[int, slice, tuple[Array, Array], int]]:
    """Yield channel, pixels, mean and variance over draws, and how many values are outside."""
    transfers = transfers_of(display, encoding, len(base))
    for channel, part in blocks(base):
        values = flat(base)[channel, part].copy()
        if direction is not None:
            values += np.float32(amplitude) * flat(direction)[channel, part]
        outside = _clip(values)
        transfers[channel].to_levels(values)
        yield channel, part, moments(values, transfers[channel].seen, display.dither), outside


def _clip(values: Array) -> int:
    """Clip values into [0, 1] and return how many were outside."""
    inside = np.clip(values, 0, 1)
    outside = np.count_nonzero(inside != values)
    values[...] = inside
    return int(outside)
