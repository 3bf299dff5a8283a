"""The ascent at finite amplitudes, inside the gamut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.geometry.local import squared_norms
from pdpsych.geometry.solvers.climb import Problem
from pdpsych.geometry.solvers.disagreement import SIGNS
from pdpsych.geometry.visible.gamut import Free, Gamut
from pdpsych.geometry.visible.objective import SPAN, Objective, log_ratios

Floats = NDArray[np.float64]

# Steps remembered, and inner steps of each division.
MEMORY, INNER = 8, 10
# The longest step from a distortion of unit norm, and how often a step is shortened.
LONGEST, SHORTENED = 0.5, 8
# Share of the climb that the slope promises which a step must bring (Armijo's rule).
SUFFICIENT = 1e-4
# An ascent that has risen by less than this, relative, in so many steps has settled.
LEAST_RISE, PATIENCE = 1e-3, 10
TINY = 1e-300


class Ascent:
    """Climbs the mean of F by preconditioned L-BFGS on the unit spheres, a step at a time.

    The slope of each distortion is divided by the local information of the representations that
    it should not excite, some steps of conjugate gradients. A step goes to the nearest pair
    inside the gamut; pixels at its limit that the slope pushes outwards wait.

    Parameters
    ----------
    pair
        In the space, inside the gamut, of unit norm.

    Attributes
    ----------
    pair
        (2, C, H, W), of unit norm, inside the gamut.
    objective
        The mean of F over the amplitudes.
    squares
        D̄²/α², (N, 2, 3).
    gradient_norm
        Of the worse distortion, on the unit sphere and without the pixels that wait, relative to
        the objective.
    gain
        What the latest step promised, relative to the objective.
    stopped
        Why it cannot or need not go on, if so.
    """

    def __init__(self, problem: Problem, objective: Objective, gamut: Gamut, pair: Tensor):
        self._problem, self._objective, self._gamut = problem, objective, gamut
        self._memory: list[tuple[Tensor, Tensor]] = []
        self._history: list[float] = []
        self.gain = np.inf
        self.stopped: Literal["settled", "stalled"] | None = None
        self.pair = pair
        self._look(objective.climbing(self.pair))

    def advance(self) -> None:
        """Take a step."""
        slope = self._free * self._gradient
        direction = self._free * self._quasi_newton(slope)
        promised = _inner(slope, direction)
        self.gain = promised / 2 / max(self.objective, TINY)
        before, gradient = self.pair, self._gradient
        if not (promised > 0 and self._step(direction)):
            # What is remembered misleads; without memory there is nothing else to try.
            self.stopped = None if self._memory else "stalled"
            self._memory = []
            return
        step, fall = self.pair - before, gradient - self._gradient
        if _inner(step, fall) > 0:
            self._memory = [*self._memory[1 - MEMORY :], (step, fall)]

    def _look(self, seen: tuple[float, Tensor, Floats]) -> None:
        """Take in what the objective is at the pair."""
        self.objective, gradient, self.squares = seen
        self._history.append(self.objective)
        self._gradient = _tangent(self.pair, self._gamut.space.project(gradient))
        outwards = self._gamut.at_limit(self.pair) & (self._gradient * self.pair > 0)
        # Where P is no projection, a distortion of which pixels were left out is not in the space.
        waits = outwards & self._gamut.space.is_projection
        self._free = (~waits).to(gradient)
        free = _tangent(self.pair, self._free * self._gradient)
        steepness = float(np.sqrt(squared_norms(free.flatten(1))).max())
        self.gradient_norm = steepness / max(self.objective, TINY)
        early = self._history[max(len(self._history) - 1 - PATIENCE, 0)]
        settled = len(self._history) > PATIENCE and self.objective < (1 + LEAST_RISE) * early
        self.stopped = "settled" if settled else None

    def _step(self, direction: Tensor) -> bool:
        """Go along a direction as far as it climbs; return whether it does."""
        length = min(1.0, LONGEST / float(np.sqrt(squared_norms(direction.flatten(1))).max()))
        for _ in range(SHORTENED):
            trial = self._gamut.nearest(self.pair + length * direction, allowed=True)
            seen = self._objective.climbing(trial)
            rise, expected = seen[0] - self.objective, _inner(self._gradient, trial - self.pair)
            if rise > 0 and rise >= SUFFICIENT * expected:
                self.pair = trial
                self._look(seen)
                return True
            # To the top of the parabola through both values, as steep here as it is.
            length *= float(np.clip(expected / (2 * max(expected - rise, TINY)), 0.1, 0.5))
        return False

    def _quasi_newton(self, slope: Tensor) -> Tensor:
        """Return the inverse Hessian of −F times a slope, by the two loops of L-BFGS."""
        divided, left, shares = self._division(), slope, []
        for step, fall in reversed(self._memory):
            shares.append(_inner(step, left) / _inner(step, fall))
            left = left - shares[-1] * fall
        found = divided(left)
        if self._memory:
            step, fall = self._memory[-1]
            found = found * (_inner(step, fall) / _inner(fall, divided(fall)))
        for (step, fall), share in zip(self._memory, reversed(shares), strict=True):
            found = found + (share - _inner(fall, found) / _inner(step, fall)) * step
        return found

    def _division(self) -> Callable[[Tensor], Tensor]:
        """Return the division of both slopes by what resists u and v in the pixels that are free.

        Weights are those of D̄² in F, their mean over the amplitudes. Without the pixels that wait:
        to cut the quotient off there would add what other models see.
        """
        x = log_ratios(self.squares)
        slopes = 2 * self._problem.contrast @ (x - x.mean(axis=0)) / len(SPAN)
        weights = slopes[:, None] / self.squares * SIGNS[:, None]
        resisting = np.maximum(-weights, 0.0).sum(axis=2).T
        sides = [
            self._problem.resisting(side, Free(self._gamut.space, mask))
            for side, mask in zip(resisting, self._free, strict=True)
        ]
        return lambda block: torch.stack(
            [side.solve(slope, INNER) for side, slope in zip(sides, block, strict=True)]
        )


def _tangent(pair: Tensor, gradient: Tensor) -> Tensor:
    return gradient - (pair * gradient).sum(dim=(1, 2, 3), keepdim=True) * pair


def _inner(a: Tensor, b: Tensor) -> float:
    return float((a.double() * b.double()).sum())
