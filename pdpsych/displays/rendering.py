"""From an image in a model's units to the levels a display shows, and what survives of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pdpsych.displays.curve import Curve, Power, Srgb
from pdpsych.displays.display import Display
from pdpsych.displays.dither import Levels, dither, moments
from pdpsych.displays.encoding import Array, Encoding, linear_from_srgb, srgb_from_linear

# Cells of the tables from values to levels, and values a block: both fit a core's cache.
_CELLS = 4096
_BLOCK = 16384

N = TypeVar("N", bound=np.generic)


@dataclass(frozen=True)
class Shown:
    """A distorted image and its reference as they reach the display.

    Attributes
    ----------
    distorted, reference
        Integer levels, (C, H, W), each with a dither draw of its own.
    realised
        ⟨shown − shown reference, ε⟩ in model units, for the sign that was asked for.
    residual_rms
        Root mean square, in model units, of what was added besides ``realised · ε``.
    clipped
        Share of pixel values of s + αε that lie outside [0, 1].
    """

    distorted: Levels
    reference: Levels
    realised: float
    residual_rms: float
    clipped: float


@dataclass(frozen=True)
class Expected:
    """What dither draws show of an image on average, in model units.

    Attributes
    ----------
    mean, variance
        Of each shown value over draws, (C, H, W).
    clipped
        Share of pixel values of the image that lie outside [0, 1].
    """

    mean: Array
    variance: Array
    clipped: float


@dataclass(frozen=True)
class Agreement:
    """How what dither draws show of s + αε, less the reference, agrees with ε.

    Attributes
    ----------
    realised, scatter
        Mean and standard deviation over draws of the realised amplitude, in model units. Without
        dither the deviation is that of rounding errors which are independent of each other.
    cosine, draw_cosine
        Between ε and the mean difference, and between ε and that of a single draw.
    clipped
        Share of pixel values of s + αε that lie outside [0, 1].
    """

    realised: float
    scatter: float
    cosine: float
    draw_cosine: float
    clipped: float


def show(
    image: Array,
    distortion: Array,
    amplitude: float,
    display: Display,
    encoding: Encoding,
    rng: np.random.Generator,
) -> Shown:
    """Take s and s + αε to display levels: gamut, luminance, curve, dither, one rounding.

    Parameters
    ----------
    image, distortion
        Base image s in [0, 1] and unit distortion ε, (C, H, W), in ``encoding``.
    amplitude
        α, with the sign of the distortion; ‖αε‖₂ = |α|.
    rng
        Draws the dither of the distorted image, then that of the reference.
    """
    base, direction = _values(image), _values(distortion)
    transfers = _transfers(display, encoding, len(base))
    wanted, outside = _levels(base, transfers, direction, amplitude)
    distorted = dither(wanted, display.dither, display.top, rng)
    still, _ = _levels(base, transfers)
    reference = dither(still, display.dither, display.top, rng)
    realised, residual = _survived(distorted, reference, direction, amplitude, transfers)
    sign = -1.0 if amplitude < 0 else 1.0
    return Shown(distorted, reference, sign * realised, residual, outside / base.size)


def quantise(
    image: Array, display: Display, encoding: Encoding, rng: np.random.Generator
) -> Levels:
    """Return the display levels, (C, H, W), of an image in model units."""
    return dither(levels(image, display, encoding), display.dither, display.top, rng)


def levels(image: Array, display: Display, encoding: Encoding) -> Array:
    """Return the levels, with fractions, that show an image (C, H, W); values are clipped."""
    values = _values(image)
    return _levels(values, _transfers(display, encoding, len(values)))[0]


def expected(
    image: Array,
    display: Display,
    encoding: Encoding,
    distortion: Array | None = None,
    amplitude: float = 0.0,
) -> Expected:
    """Return what dither draws show of s, or of s + αε, on average.

    Parameters are those of :func:`show`.
    """
    base = _values(image)
    direction = None if distortion is None else _values(distortion)
    mean, variance = np.empty_like(base), np.empty_like(base)
    outside = 0
    for channel, part, found, out in _moments(base, display, encoding, direction, amplitude):
        _flat(mean)[channel, part], _flat(variance)[channel, part] = found
        outside += out
    return Expected(mean, variance, outside / base.size)


def agreement(
    image: Array,
    distortion: Array,
    amplitude: float,
    display: Display,
    encoding: Encoding,
    reference: Expected,
) -> Agreement:
    """Compare what dither draws show of s + αε, less the reference, with ε.

    Parameters are those of :func:`show`; ``reference`` is what is :func:`expected` of s.
    """
    base, direction = _values(image), _values(distortion)
    dithered = display.dither != "none"
    sums = np.zeros(4)
    outside = 0
    for channel, part, (mean, variance), out in _moments(
        base, display, encoding, direction, amplitude
    ):
        ε = _flat(direction)[channel, part]
        mean -= _flat(reference.mean)[channel, part]
        variance += _flat(reference.variance)[channel, part]
        moved = variance if dithered else (mean - np.float32(amplitude) * ε) ** 2
        sums += mean @ ε, mean @ mean, variance.sum(), moved @ ε**2
        outside += out
    on, length, noise, scatter = map(float, sums)
    sign = -1.0 if amplitude < 0 else 1.0
    return Agreement(
        realised=sign * on,
        scatter=float(np.sqrt(scatter)),
        cosine=_cosine(sign * on, length),
        draw_cosine=_cosine(sign * on, length + noise),
        clipped=outside / base.size,
    )


def shown_difference(
    image: Array, distortion: Array, amplitude: float, display: Display, encoding: Encoding
) -> Array:
    """Return the expected shown difference for one unit of realised amplitude, (C, H, W).

    The mean over dither draws and both signs, which is ε where the display shows it as meant.
    Parameters are those of :func:`show`.
    """
    more, less = (
        expected(image, display, encoding, distortion, sign * amplitude).mean for sign in (1, -1)
    )
    difference = more.astype(np.float64) - less
    return difference / float(np.vdot(difference, distortion))


def largest_amplitude(image: Array, distortion: Array, clipped: float) -> float:
    """Return the largest α at which neither s + αε nor s − αε clips more than a share.

    Exact: each pixel value has one amplitude at which it leaves [0, 1]; this is the quantile
    of those.
    """
    base, direction = np.ravel(image), np.ravel(distortion)
    allowed = int(np.floor(clipped * base.size))
    if allowed >= base.size:
        return float("inf")
    leaves = np.empty((2, base.size))
    with np.errstate(divide="ignore", invalid="ignore"):
        for start in range(0, base.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            value, step = base[part].astype(np.float64), direction[part].astype(np.float64)
            white, black = (1.0 - value) / step, -value / step
            np.fmax(white, black, out=leaves[0, part])
            np.fmax(-white, -black, out=leaves[1, part])
    leaves[:, direction == 0] = np.inf
    leaves.partition(allowed, axis=1)
    return float(leaves[:, allowed].min())


@dataclass(frozen=True, eq=False)
class _Transfer:
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


def _transfers(display: Display, encoding: Encoding, channels: int) -> list[_Transfer]:
    return [_transfer(curve, encoding, display.top) for curve in display.curves(channels)]


@lru_cache(maxsize=32)
def _transfer(curve: Curve, encoding: Encoding, top: int) -> _Transfer:
    luminance = curve.luminance(np.linspace(0, 1, top + 1))
    seen = srgb_from_linear(luminance) if encoding == "srgb" else luminance
    seen = seen.astype(np.float32)
    if curve == (Srgb() if encoding == "srgb" else Power(1.0)):
        return _Transfer(None, None, seen)
    values = np.linspace(0, 1, _CELLS + 1) ** 2
    meant = linear_from_srgb(values) if encoding == "srgb" else values
    starts = top * curve.level(meant)
    steps = np.append(np.diff(starts), 0)
    return _Transfer(starts.astype(np.float32), steps.astype(np.float32), seen)


def _values(image: Array) -> Array:
    return np.ascontiguousarray(image, dtype=np.float32)


def _flat(image: NDArray[N]) -> NDArray[N]:
    """Return a view (C, H·W) of an image."""
    return image.reshape(len(image), -1)


def _blocks(image: NDArray[N]) -> Iterator[tuple[int, slice]]:
    """Yield channel and range of pixels, block by block."""
    for channel, pixels in enumerate(_flat(image)):
        for start in range(0, len(pixels), _BLOCK):
            yield channel, slice(start, start + _BLOCK)


def _levels(
    base: Array,
    transfers: Sequence[_Transfer],
    direction: Array | None = None,
    amplitude: float = 0.0,
) -> tuple[Array, int]:
    """Return the levels of s, or of s + αε, and how many of its values are outside [0, 1]."""
    result = base.copy()
    outside = 0
    for channel, part in _blocks(result):
        values = _flat(result)[channel, part]
        if direction is not None:
            values += np.float32(amplitude) * _flat(direction)[channel, part]
        outside += _clip(values)
        transfers[channel].to_levels(values)
    return result, outside


def _moments(
    base: Array,
    display: Display,
    encoding: Encoding,
    direction: Array | None,
    amplitude: float,
) -> Iterator[tuple[int, slice, tuple[Array, Array], int]]:
    """Yield channel, pixels, mean and variance over draws, and how many values are outside."""
    transfers = _transfers(display, encoding, len(base))
    for channel, part in _blocks(base):
        values = _flat(base)[channel, part].copy()
        if direction is not None:
            values += np.float32(amplitude) * _flat(direction)[channel, part]
        outside = _clip(values)
        transfers[channel].to_levels(values)
        yield channel, part, moments(values, transfers[channel].seen, display.dither), outside


def _clip(values: Array) -> int:
    """Clip values into [0, 1] and return how many were outside."""
    inside = np.clip(values, 0, 1)
    outside = np.count_nonzero(inside != values)
    values[...] = inside
    return int(outside)


def _cosine(on: float, squared_length: float) -> float:
    """Return the cosine of something with ε, at most 1 whatever float32 rounded."""
    return min(on / float(np.sqrt(squared_length)), 1.0) if squared_length else 0.0


def _survived(
    distorted: Levels,
    reference: Levels,
    direction: Array,
    amplitude: float,
    transfers: Sequence[_Transfer],
) -> tuple[float, float]:
    """Return ⟨shown − shown reference, ε⟩ and the rms of what was added besides.

    What differs from αε is summed, not what was added: a residual far smaller than α is not
    lost in rounding.
    """
    error_on = error = norm = 0.0
    for channel, part in _blocks(distorted):
        seen, ε = transfers[channel].seen, _flat(direction)[channel, part]
        missed = seen.take(_flat(distorted)[channel, part])
        missed -= seen.take(_flat(reference)[channel, part])
        missed -= np.float32(amplitude) * ε
        error_on += float(missed @ ε)
        error += float(missed @ missed)
        norm += float(ε @ ε)
    realised = amplitude * norm + error_on
    excess = amplitude - realised
    residual = error + 2 * excess * error_on + excess**2 * norm
    return realised, float(np.sqrt(max(residual, 0.0) / direction.size))
