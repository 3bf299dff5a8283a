"""Values of log τ at which densities are known, and what follows from these."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats

# Values on either side of the middle, and the distance of the first ones, in units.
_SIDE = 16
_STEP = 0.4
_NEWTON_STEPS = 8


def spaced(middle: Floats, unit: Floats, reach: Floats) -> Floats:
    """Return values around a middle, close together there and wide apart far away, (C, K).

    They are middle + w·sinh(a·j), j = −16…16, with a step of 0.4 units in the middle and the ends
    ``reach`` away: a density as wide as the unit is sampled well wherever it is near the middle,
    and so are the flat ends of a likelihood.

    Parameters
    ----------
    middle, unit, reach
        Of each of C conditions, (C,).
    """
    ratio = np.maximum(reach / (_STEP * _SIDE * unit), 1.0)
    # sinh(y)/y = ratio, where y = a·16; Newton's method on the logarithm, from above.
    y = np.log(2 * ratio) + 1.5 + np.log1p(np.log(ratio))
    for _ in range(_NEWTON_STEPS):
        slope = 1 / np.tanh(y) - 1 / y
        y = np.maximum(y - (np.log(np.sinh(y) / y) - np.log(ratio)) / slope, 1e-3)
    y, j = y[:, None], np.arange(-_SIDE, _SIDE + 1) / _SIDE
    return np.asarray(middle[:, None] + reach[:, None] * np.sinh(y * j) / np.sinh(y))


def weights(places: Floats) -> Floats:
    """Return the weights of the trapezoidal rule, (…, K)."""
    gaps = np.diff(places)
    found = np.zeros_like(places)
    found[..., :-1] += gaps / 2
    found[..., 1:] += gaps / 2
    return found


def quantiles(places: Floats, density: Floats, share: Floats) -> Floats:
    """Return where distributions have reached a share, for each of n rows of shares, (n, C).

    Densities are linear between places.

    Parameters
    ----------
    places, density
        (C, K); densities need no norm.
    share
        (n, C), 0 to 1.
    """
    gaps = np.diff(places)
    masses = np.cumsum(gaps * (density[:, 1:] + density[:, :-1]) / 2, axis=1)
    wanted = share * masses[:, -1]
    cell = np.minimum((masses[None] < wanted[..., None]).sum(axis=2), gaps.shape[1] - 1)
    row = np.arange(len(places))
    before = np.where(cell > 0, masses[row, np.maximum(cell - 1, 0)], 0.0)
    here, there = density[row, cell], density[row, cell + 1]
    # here·t + (there − here)·t²/2 = left, t from 0 to 1.
    left = (wanted - before) / gaps[row, cell]
    root = np.sqrt(np.maximum(here**2 + 2 * (there - here) * left, 0.0))
    part = 2 * left / np.maximum(here + root, np.finfo(float).tiny)
    return np.asarray(places[row, cell] + gaps[row, cell] * np.clip(part, 0.0, 1.0))


def crossings(
    places: Floats, height: Floats, level: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the first and the last place where a height is at a level, and whether there are.

    Heights, (C, K), are linear between places; ``level``, (C,), is below the largest of each.
    """
    inside = height >= level[:, None]
    first = inside.argmax(axis=1)
    last = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    below, above = first > 0, last < inside.shape[1] - 1
    return (
        _between(places, height, level, np.maximum(first - 1, 0), first),
        _between(places, height, level, np.minimum(last + 1, inside.shape[1] - 1), last),
        below,
        above,
    )


def _between(
    places: Floats, height: Floats, level: Floats, out: NDArray[np.intp], into: NDArray[np.intp]
) -> Floats:
    row = np.arange(len(places))
    rise = height[row, into] - height[row, out]
    part = np.where(rise > 0, (level - height[row, out]) / np.where(rise > 0, rise, 1.0), 0.0)
    return np.asarray(places[row, out] + part * (places[row, into] - places[row, out]))
