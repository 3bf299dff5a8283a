"""Equation 1: the distance between two representations at a pair of distortions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def metric(
    d_a_u: ArrayLike, d_a_v: ArrayLike, d_b_u: ArrayLike, d_b_v: ArrayLike
) -> NDArray[np.float64]:
    """Return |log d_A(u)/d_A(v) − log d_B(u)/d_B(v)|, natural log; arguments broadcast.

    A pseudo-metric on representations that ignores the scale of each (Feather et al. 2025,
    equation 1).

    Parameters
    ----------
    d_a_u, d_a_v, d_b_u, d_b_v
        Sensitivities of representations A and B to the distortions u and v, all above 0.
    """
    return np.abs(log_ratio(d_a_u, d_a_v) - log_ratio(d_b_u, d_b_v))


def log_ratio(d_u: ArrayLike, d_v: ArrayLike) -> NDArray[np.float64]:
    """Return log d(u)/d(v), natural log."""
    return np.asarray(np.log(d_u) - np.log(d_v), dtype=np.float64)
