"""The normal distribution function for the hundreds of millions of values that a fit asks for."""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy

from pdpsych.analysis.names import Floats

# Beyond ±9, Φ or 1 − Φ is below 2⁻⁶² and counts as constant.
_PER_UNIT = 1024
_LAST = 9 * _PER_UNIT


def cumulative(x: Floats, out: Floats | None = None) -> Floats:
    """Return Φ(x) in about a third of the time of :func:`scipy.special.ndtr`.

    By Taylor's series from the nearest of nodes x₀ that are 1/1024 apart, Φ(x₀) + φ(x₀)·h·(1 −
    x₀h/2), of which numpy does each step for many values at once; |h| ≤ 2⁻¹¹ leaves an error below
    8·10⁻¹², and below 2·10⁻⁸ of the value itself.

    Parameters
    ----------
    x
        Any shape; beyond ±9 it counts as ±9.
    out
        Where to put the result, ``x`` itself too.
    """
    value, slope = _nodes()
    h = np.multiply(x, _PER_UNIT, out=out)
    np.clip(h, -_LAST, _LAST, out=h)
    node = np.rint(h)
    which = node.astype(np.intp)
    which += _LAST
    h -= node
    step = np.multiply(node, h, out=node)
    step *= -0.5 / _PER_UNIT**2
    step += 1
    step *= h
    # Indices are right as they are, and to wrap them is cheaper than to check them.
    step *= slope.take(which, mode="wrap")
    return np.add(step, value.take(which, mode="wrap"), out=h)


@cache
def _nodes() -> tuple[Floats, Floats]:
    """Return Φ and its derivative, by a step, at the nodes; on demand, as SciPy takes a while."""
    nodes = np.arange(-_LAST, _LAST + 1) / _PER_UNIT
    slope = np.exp(-(nodes**2) / 2) / (np.sqrt(2 * np.pi) * _PER_UNIT)
    return np.asarray(scipy.special.ndtr(nodes)), slope
