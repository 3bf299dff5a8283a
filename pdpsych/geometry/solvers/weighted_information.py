"""Dividing a gradient by what resists it: the representations a distortion should not excite."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.solvers.preconditioner import Preconditioner

Floats = NDArray[np.float64]

# Outer steps correct what an inner solve leaves. With half and twice of it both ends of LGN against
# LGG take 534 and 431 products for 476, an ascent of the early models 453 and 392 for 432, a
# search of them 1136 and 932 for 962; of a network F is the same to 0.3 %
# (benchmarks/solver_constants.py sweep, as for the others).
TOLERANCE = 0.1
# Inner solves end by TOLERANCE long before, half and twice change nothing; but of a model that is
# nearly blind, without a floor, some do not.
MAX_STEPS = 100
# Pixel values up to which a projection by conjugate gradients is worth an inner step.
SMALL = 4096


class Allowed(Protocol):
    """What may change: a :class:`DistortionSpace`, or a part of one."""

    @property
    def is_projection(self) -> bool:
        """Whether projections are cheap."""
        ...

    def project(self, distortions: Tensor) -> Tensor:
        """Return the projection onto it, (K, C, H, W)."""
        ...


class WeightedInformation:
    """N = Π Σ_i w_i (I_i + floor_i) Π of the representations that resist, and its inverse.

    Π is the orthogonal projection onto what the space allows. Networks are run only as far as
    representations that have a weight.

    Parameters
    ----------
    weights
        w, (N,), not negative, not all zero.
    """

    def __init__(
        self,
        geometry: LocalGeometry,
        space: Allowed,
        preconditioner: Preconditioner,
        weights: Floats,
    ):
        self._space = space
        self._floor = float(weights @ geometry.floors)
        members = np.flatnonzero(weights > 0).tolist()
        self._part = geometry.select(members)
        self._weights = weights[members].tolist()
        self._divide = preconditioner.inverse(weights)

    def precondition(self, gradient: Tensor) -> Tensor:
        """Return an approximation of N⁻¹ g that runs no network, (C, H, W)."""
        return self._space.project(self._divide(gradient)[None])[0]

    def solve(self, gradient: Tensor, steps: int | None = None) -> Tensor:
        """Return N⁻¹ g to a relative residual of TOLERANCE, by conjugate gradients, (C, H, W).

        Stops early after ``steps``, by default MAX_STEPS; any iterate is a direction that climbs,
        and that of no step is the preconditioned gradient. So it is where projections are dear.
        """
        steps = MAX_STEPS if steps is None else steps
        dear = not self._space.is_projection and gradient.numel() > SMALL
        if steps < 1 or dear:
            return self.precondition(gradient)
        solution, residual = torch.zeros_like(gradient), gradient
        direction = preconditioned = self.precondition(residual)
        start = size = inner(residual, preconditioned)
        told = _Told(gradient.device)
        for _ in range(steps):
            pushed = self._apply(direction)
            curvature = inner(direction, pushed)
            length = torch.where(curvature > 0, size / curvature, 0.0)
            solution = solution + length * direction
            residual = residual - length * pushed
            preconditioned = self.precondition(residual)
            before, size = size, inner(residual, preconditioned)
            if not told((curvature > 0) & (size > TOLERANCE**2 * start)):
                break
            direction = preconditioned + size / before * direction
        return solution

    def _apply(self, direction: Tensor) -> Tensor:
        informed = self._part.information(direction[None], self._weights)
        return self._space.project(informed.add_(direction[None], alpha=self._floor))[0]


class _Told:
    """Whether a loop goes on, which the device says.

    Of a GPU nobody waits for the answer: asked after each step, it is that of the step before,
    which is done while the latest one runs. So one step more is taken than would be needed.
    """

    def __init__(self, device: torch.device):
        self._late = device.type == "cuda"
        self._before: tuple[Tensor, torch.cuda.Event] | None = None

    def __call__(self, goes_on: Tensor) -> bool:
        if not self._late:
            return bool(goes_on)
        answer = torch.empty((), dtype=torch.bool, pin_memory=True)
        answer.copy_(goes_on, non_blocking=True)
        copied = torch.cuda.Event()
        copied.record()
        before, self._before = self._before, (answer, copied)
        if before is None:
            return True
        before[1].synchronize()
        return bool(before[0])


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Return ⟨a, b⟩, accumulated in float64, on the device."""
    return (a.double() * b.double()).sum()
