"""From levels with fractions to whole levels: rounding, and noise that keeps the fraction."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from pdpsych.displays.encoding import Array

Dither = Literal["none", "uniform", "triangular", "error-diffusion"]
Levels = NDArray[np.uint16]

# Shares of an error that its neighbours get: right, and below to the left, middle and right.
_RIGHT, _LEFT_BELOW, _BELOW, _RIGHT_BELOW = 7 / 16, 3 / 16, 5 / 16, 1 / 16
# A fraction f is rounded with variance f(1 − f), 1/6 on average, and with what it was passed on.
_DIFFUSED_VARIANCE = (1 + _RIGHT**2 + _LEFT_BELOW**2 + _BELOW**2 + _RIGHT_BELOW**2) / 6


def dither(levels: Array, kind: Dither, top: int, rng: np.random.Generator) -> Levels:
    """Round levels once, after adding the noise of a kind of dither.

    Parameters
    ----------
    levels
        Levels with fractions in [0, top], (C, H, W), float32 or float64; overwritten.
    kind
        ``none`` rounds to the nearest. ``uniform`` adds ±½ level (Allard & Faubert 2008),
        ``triangular`` the sum of two such draws: its variance does not depend on the fraction.
        ``error-diffusion`` passes the error of each pixel on to its neighbours (Floyd &
        Steinberg 1976), which moves the noise to high frequencies. Each rounding has uniform
        noise of its own: without, an image of whole levels loses small distortions, and others
        are exaggerated.
    """
    if kind == "error-diffusion":
        return _diffuse(levels, top, rng)
    if kind == "none":
        levels += 0.5
    else:
        levels += _fractions(levels.shape, rng)
    if kind == "triangular":
        levels += _fractions(levels.shape, rng)
        levels -= 0.5
        np.maximum(levels, 0, out=levels)
    return np.minimum(levels, top, out=levels).astype(np.uint16)


def moments(levels: Array, seen: Array, kind: Dither) -> tuple[Array, Array]:
    """Return mean and variance over draws of what is seen of levels of one channel.

    With error diffusion the fraction of a level varies with its neighbours' errors: the variance
    is that of all fractions, and of the errors that were passed on.

    Parameters
    ----------
    levels
        Levels with fractions in [0, top].
    seen
        What each whole level looks like, (top + 1,).
    """
    if kind in ("uniform", "error-diffusion"):
        whole = levels.astype(np.intp)
        fraction = levels - np.floor(levels)
        step = np.append(np.diff(seen), 0).take(whole)
        mean = seen.take(whole) + fraction * step
        share = fraction - fraction**2 if kind == "uniform" else _DIFFUSED_VARIANCE
        return mean, share * step**2
    nearest = np.minimum(np.floor(levels + 0.5), len(seen) - 1)
    index = nearest.astype(np.intp)
    middle = seen.take(index)
    if kind == "none":
        return middle, np.zeros_like(middle)
    offset = levels - nearest
    above, below = 0.5 * (0.5 + offset) ** 2, 0.5 * (0.5 - offset) ** 2
    steps = np.diff(seen)
    up, down = np.append(steps, 0).take(index), np.insert(steps, 0, 0).take(index)
    shift = above * up - below * down
    return middle + shift, above * up**2 + below * down**2 - shift**2


def _fractions(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return uniform draws from [0, 1), float32; 16 bits each, four of every 64 drawn."""
    count = int(np.prod(shape))
    drawn = rng.integers(0, 2**64 - 1, -(-count // 4), dtype=np.uint64, endpoint=True)
    return (drawn.view(np.uint16)[:count] * np.float32(2**-16)).reshape(shape)


def _diffuse(levels: Array, top: int, rng: np.random.Generator) -> Levels:
    """Diffuse errors by Floyd & Steinberg's weights, all pixels of a wave x + 2y = t at once.

    A pixel needs the errors of its left neighbour (wave t − 1) and of the three above (t − 1,
    t − 2, t − 3), so that within a wave none needs another.
    """
    channels, height, width = levels.shape
    waves = width + 2 * height
    # Column y + 1 is row y of the image, and wave t is at t + 3: none is missing at the borders.
    errors = np.zeros((waves + 3, channels, height + 1), levels.dtype)
    skewed = np.zeros((waves, channels, height), levels.dtype)
    np.copyto(_unskew(skewed, width), levels)
    for t in range(waves - 2):
        first, last = max(0, (t - width) // 2 + 1), min(height, t // 2 + 1)
        here, above = slice(first + 1, last + 1), slice(first, last)
        wanted = skewed[t, :, first:last]
        wanted += errors[t + 2, :, here] * _RIGHT
        wanted += errors[t + 2, :, above] * _LEFT_BELOW
        wanted += errors[t + 1, :, above] * _BELOW
        wanted += errors[t, :, above] * _RIGHT_BELOW
        shown = np.floor(wanted + rng.random(wanted.shape, wanted.dtype.type))
        np.clip(shown, 0, top, out=shown)
        np.subtract(wanted, shown, out=errors[t + 3, :, here])
        wanted[...] = shown
    return _unskew(skewed, width).astype(np.uint16)


def _unskew(skewed: Array, width: int) -> Array:
    """Return a view (C, H, W) of an array (waves, C, H) in which [x + 2y, c, y] is [c, y, x]."""
    _, channels, height = skewed.shape
    wave, channel, row = skewed.strides
    return as_strided(skewed, (channels, height, width), (channel, row + 2 * wave, wave))
