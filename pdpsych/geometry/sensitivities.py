"""Sensitivity of one representation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.geometry.local import LocalGeometry, RepresentationLike


def sensitivity(
    representation: RepresentationLike,
    image: Tensor | NDArray[np.floating],
    distortions: Tensor | NDArray[np.floating],
    floor: float = 0.0,
) -> NDArray[np.float64]:
    """Return d(u) = sqrt(uᵀ I u + η²·(tr I/D)·‖u‖²) of each distortion, (K,).

    Parameters
    ----------
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
    """
    geometry = LocalGeometry([representation], image, floor)
    return geometry.sensitivities(geometry.block(distortions))[0]
