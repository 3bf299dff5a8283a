"""Sensitivities of representations, and equation 1: how far two disagree on a pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.representation import RepresentationLike


def sensitivity(
    representation: RepresentationLike,
    image: Tensor | NDArray[np.floating],
    distortions: Tensor | NDArray[np.floating],
    *,
    floor: float = 0.0,
) -> NDArray[np.float64]:
    """Return d(u) = sqrt(uᵀ I u + η²·(tr I/D)·‖u‖²) of each distortion, (K,).

    Parameters
    ----------
    representation
        The model: a network, a layer of it, and a noise model.
    image
        Base image s, (C, H, W), in [0, 1].
    distortions
        (K, C, H, W), of any length; for ‖u‖ = 1, d(u) is d′ per unit amplitude.
    floor
        η; 0 is the definition of Feather et al. 2025.

    Raises
    ------
    InputError
        If the image is not in range or the shapes do not fit.

    Examples
    --------
    Pixels with noise of unit variance tell all distortions equally well.

    >>> from pdpsych import geometry, models
    >>> import numpy as np
    >>> (identity,) = models.load(["identity"])
    >>> geometry.sensitivity(identity, np.full((1, 4, 4), 0.5), np.ones((1, 1, 4, 4)))
    array([4.])
    """
    geometry = LocalGeometry([representation], image, floor=floor)
    return geometry.sensitivities(geometry.block(distortions))[0]


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

    Examples
    --------
    A is twice as sensitive to u as to v, B half as sensitive:

    >>> from pdpsych import geometry
    >>> print(geometry.metric(2.0, 1.0, 0.5, 1.0).round(3))
    1.386
    """
    return np.abs(log_ratio(d_a_u, d_a_v) - log_ratio(d_b_u, d_b_v))


def log_ratio(d_u: ArrayLike, d_v: ArrayLike) -> NDArray[np.float64]:
    """Return log d(u)/d(v), natural log; arguments broadcast.

    Parameters
    ----------
    d_u, d_v
        Sensitivities to the distortions u and v, above 0.

    Examples
    --------
    >>> from pdpsych import geometry
    >>> print(geometry.log_ratio([1.0, 2.0], 1.0).round(3))
    [0.    0.693]
    """
    return np.asarray(np.log(d_u) - np.log(d_v), dtype=np.float64)
