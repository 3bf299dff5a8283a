"""Dividing a gradient by what resists it: the representations a distortion should not excite."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.solvers.preconditioner import Preconditioner
from pdpsych.geometry.space import DistortionSpace

Floats = NDArray[np.float64]

# Outer steps correct what an inner solve leaves: to half of it both ends of LGN against LGG take
# 529 products for 387; to twice of it they take 315, and a network's pair is the same to 0.2 %
# (benchmarks/solver_constants.py sweep, as for the others).
TOLERANCE = 0.1
# Inner solves end by TOLERANCE long before; half and twice change nothing.
MAX_STEPS = 100
# A network is not run for less than the floor resists anyway; half and twice change nothing.
NEGLIGIBLE = 0.05


class WeightedInformation:
    """N = Pᵀ Σ_i w_i (I_i + floor_i) P of the representations that resist, and its inverse.

    Networks are run only as far as representations that matter: one whose mean power is below
    a share NEGLIGIBLE of all floors together changes N nowhere.

    Parameters
    ----------
    weights
        w, (N,), not negative, not all zero.
    """

    def __init__(
        self,
        geometry: LocalGeometry,
        space: DistortionSpace,
        preconditioner: Preconditioner,
        weights: Floats,
    ):
        self._space = space
        self._floor = float(weights @ geometry.floors)
        power = weights * (geometry.mean_power() + geometry.floors)
        # The strongest is there in any case.
        members = np.flatnonzero(power >= min(NEGLIGIBLE * self._floor, power.max())).tolist()
        self._part = geometry.select(members)
        self._weights = weights[members]
        self._divide = preconditioner.inverse(weights)

    def precondition(self, gradient: Tensor) -> Tensor:
        """Return an approximation of N⁻¹ g that runs no network, (C, H, W)."""
        divided = self._divide(gradient)
        # Of a projection, inverses stay in its range, where all of N is.
        return self._space.apply(divided[None])[0] if self._space.is_projection else divided

    def solve(self, gradient: Tensor, steps: int = MAX_STEPS) -> Tensor:
        """Return N⁻¹ g to a relative residual of TOLERANCE, by conjugate gradients, (C, H, W).

        Stops early after ``steps``; any iterate is a direction that climbs, and that of no
        step is the preconditioned gradient.
        """
        if steps < 1:
            return self.precondition(gradient)
        solution, residual = torch.zeros_like(gradient), gradient
        direction = preconditioned = self.precondition(residual)
        start = size = _inner(residual, preconditioned)
        for _ in range(steps):
            pushed = self._apply(direction)
            curvature = _inner(direction, pushed)
            if not curvature > 0:
                break
            solution = solution + size / curvature * direction
            residual = residual - size / curvature * pushed
            preconditioned = self.precondition(residual)
            before, size = size, _inner(residual, preconditioned)
            if not size > TOLERANCE**2 * start:
                break
            direction = preconditioned + size / before * direction
        return solution

    def _apply(self, direction: Tensor) -> Tensor:
        inside = self._space.apply(direction[None])
        pushed = self._part.push(inside)
        weighted = [float(w) * t for w, t in zip(self._weights, pushed, strict=True)]
        pulled = self._part.pull(weighted)
        return self._space.adjoint(pulled + self._floor * inside)[0]


def _inner(a: Tensor, b: Tensor) -> float:
    return float((a.double() * b.double()).sum())
