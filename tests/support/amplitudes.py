"""Log ratios at amplitudes, straight from distances of responses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.geometry import LocalGeometry
from pdpsych.geometry.finite.distances import Change, Distances


def log_ratios_at(
    local: LocalGeometry, pair: Tensor, amplitudes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return log D̄(u)/D̄(v), (N, A), D̄ the root mean square of both signs."""
    distances, signed = Distances(local), [s * a for a in amplitudes for s in (1, -1)]
    rows = [distances([Change(distortion, alpha) for alpha in signed]) for distortion in pair]
    u, v = (np.square([one.values for one in own]).reshape(-1, 2, len(local.names)) for own in rows)
    return np.log(u.mean(axis=1) / v.mean(axis=1)).T / 2
