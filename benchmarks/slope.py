"""The gradient of the variance of log ratios, by one product forwards and one backwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych import geometry
from pdpsych.geometry.local import squared_norms

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Slope:
    """x, (N,), and the gradient of F over F at a unit pair, (2, C, H, W)."""

    log_ratios: Floats
    gradient: Tensor

    @classmethod
    def at(cls, local: geometry.LocalGeometry, pair: Tensor) -> Slope:
        """Find both at distortions (2, C, H, W) of any length, in the precision of the image."""
        unit = pair / pair.flatten(1).norm(dim=1).view(2, 1, 1, 1)
        pushed, power = local.push(unit), local.mean_power()
        squares = np.array([squared_norms(t) for t in pushed]) + local.floors[:, None]
        x = 0.5 * np.log(squares[:, 0] / squares[:, 1])
        weights = 2 / len(x) * (x - x.mean())[:, None] / squares * [1, -1]
        # Models of any scale: each side of a product takes half of the exponent.
        scaled = [
            torch.from_numpy(w * p**0.5)[:, None].to(t) * (t / p**0.5)
            for w, p, t in zip(weights, power, pushed, strict=True)
        ]
        own = torch.from_numpy(weights.T @ local.floors).to(unit).view(2, 1, 1, 1)
        return cls(x, (local.pull(scaled) + own * unit) / float(np.var(x)))
