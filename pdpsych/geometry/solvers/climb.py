"""The ascent from one pair of distortions to a maximum of their disagreement.

In a growing subspace the problem is small and dense and solved to the end (a Rayleigh–Ritz step);
then the gradients of u and v join it, each divided by the information of the representations that
should not be excited (an inverse-iteration step).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.geometry.local import LocalGeometry, squared_norms
from pdpsych.geometry.solvers import disagreement
from pdpsych.geometry.solvers.budget import Budget, Clock
from pdpsych.geometry.solvers.certificate import Certificate
from pdpsych.geometry.solvers.preconditioner import Preconditioner
from pdpsych.geometry.solvers.subspace import Subspace, padded, resolved
from pdpsych.geometry.solvers.weighted_information import WeightedInformation
from pdpsych.geometry.space import DistortionSpace

Floats = NDArray[np.float64]

SIGNS = np.array([1.0, -1.0])


@dataclass(frozen=True)
class ClimbSettings:
    """Constants of the ascent.

    ``benchmarks/solver_constants.py sweep`` halves and doubles each. Where it says that a search
    ends elsewhere, no value is best: after 300 products Var(x) moves by up to 1.3 % at a
    photograph, after 1500 by less than 0.1 %, and for layers of a network by up to 3 %.

    Attributes
    ----------
    largest_subspace
        Directions before the subspace is restarted; they are what a search holds in memory. Half
        as many cost less than 0.01 % of Var(x).
    kept_pairs
        Earlier pairs that a restart keeps; half and twice as many are the same to four digits, and
        at 32 pixels none converge as soon (2,166 products for 2,155, mean of three seeds).
    idle
        Share of the largest gain below which a side of the pair gets no direction of its own.
        Half of it left a network 3 % lower after 240 products.
    most_steps
        Inner steps at most. Half and twice as many left a network 1 % lower after 240 products.
    fast
        Relative climb of an outer step while which inner solves are not made longer. Between half
        and twice of it what is reached goes up and down.
    blind
        How far above its floor a response must be, in power, for its model to count as seeing; it
        decides what is told of a pair, and changes no search.
    same
        Var(x) below which models are the same: x equal to ten digits, which logarithms of squares
        in float64 resolve.
    """

    largest_subspace: int = 64
    kept_pairs: int = 4
    idle: float = 0.02
    most_steps: int = 50
    fast: float = 0.1
    blind: float = 100.0
    same: float = 1e-20


SETTINGS = ClimbSettings()


@dataclass(frozen=True)
class Reached:
    """Where an ascent ended: a pair, (2, C, H, W), with x, (N,), and how it got there."""

    pair: Tensor
    log_ratios: Floats
    certificate: Certificate


@dataclass
class _State:
    """The subspace, the current pair in it, and the pairs before it."""

    subspace: Subspace
    contrast: Floats
    pair: Floats
    earlier: list[Floats] = field(default_factory=list)

    def solve(self) -> tuple[Floats, Floats]:
        """Maximise inside the subspace; return x, (N,), and ∂F/∂d²-weights, (N, 2)."""
        known = padded(self.pair, len(self.subspace))
        self.pair = disagreement.maximize(self.contrast, self.subspace.grams, known)
        x, squares = disagreement.log_ratios(self.subspace.grams, self.pair)
        return x, disagreement.slopes(self.contrast, x)[:, None] / squares * SIGNS

    def grow(self, directions: Sequence[Tensor]) -> bool:
        """Add directions; return whether any of them led out of the subspace."""
        if len(self.subspace) + len(directions) > SETTINGS.largest_subspace:
            # Keep the current pair and the latest before it: the way the search moves.
            pairs = [self.pair, *self.earlier[-SETTINGS.kept_pairs :]]
            rows = np.concatenate([padded(pair, len(self.subspace)) for pair in pairs])
            rows = self.subspace.restrict(rows)
            self.pair, *self.earlier = (rows[i : i + 2] for i in range(0, len(rows), 2))
        self.earlier.append(self.pair)
        before = len(self.subspace)
        if directions:
            self.subspace.extend(torch.stack(list(directions)))
        return len(self.subspace) > before


class Climb:
    """The ascent from a pair; the linearisations and the preconditioner serve all starts."""

    def __init__(self, geometry: LocalGeometry, space: DistortionSpace, contrast: Floats):
        self._geometry, self._space = resolved(geometry), space
        self._contrast = contrast
        self._preconditioner = Preconditioner(self._geometry)

    def run(self, first: Tensor, budget: Budget) -> Reached:
        """Climb from a pair inside the space, (2, C, H, W), until the budget is spent."""
        before, clock = self._geometry.products, Clock(budget)
        state = _State(Subspace(self._geometry, first), self._contrast, np.eye(2))
        iteration, stopped = 0, None
        steps, reached = 0, 0.0
        while stopped is None:
            iteration += 1
            x, weights = state.solve()
            objective = disagreement.value(self._contrast, x)
            gradients = self._gradients(state, weights)
            steepness = np.sqrt(squared_norms(gradients.flatten(1)))
            norm = float(steepness.max()) / max(objective, np.finfo(float).tiny)
            stopped = clock.spent(iteration, objective)
            if norm <= budget.tolerance or objective < SETTINGS.same:
                stopped = "converged"
            if stopped is None:
                # While cheap steps still climb fast, longer inner solves are not worth their price.
                if objective < (1 + SETTINGS.fast) * reached:
                    steps = min(2 * steps + 2, SETTINGS.most_steps)
                reached = objective
                grown = state.grow(self._directions(gradients, weights, steps))
                stopped = None if grown else "whole space"
        certificate = Certificate(
            converged=stopped in ("converged", "whole space"),
            stopped=stopped,
            gradient_norm=norm,
            gaps=_gaps(state, weights),
            iterations=iteration,
            operator_applications=self._geometry.products - before,
            unbounded=self._unbounded(state),
            budget=replace(budget, progress=None),
        )
        x, _ = disagreement.log_ratios(state.subspace.grams, state.pair)
        return Reached(state.subspace.combine(state.pair), x, certificate)

    def _gradients(self, state: _State, weights: Floats) -> Tensor:
        """Return Pᵀ∇F for u and v, (2, C, H, W).

        ∇_u F = Σ_i c_i I_i u / d_i²(u), one product backwards for all representations; ∇_v F
        has the opposite sign.
        """
        pushed = state.subspace.pushed(state.pair)
        scaled = [
            torch.from_numpy(w).to(t)[:, None] * t for w, t in zip(weights, pushed, strict=True)
        ]
        own = torch.from_numpy(self._geometry.floors @ weights).to(self._geometry.image)
        pair = state.subspace.combine(state.pair)
        return self._space.adjoint(self._geometry.pull(scaled) + own.view(2, 1, 1, 1) * pair)

    def _directions(self, gradients: Tensor, weights: Floats, steps: int) -> list[Tensor]:
        """Divide each gradient by what resists it; the side that is nearly done waits."""
        sides = [
            WeightedInformation(self._geometry, self._space, self._preconditioner, w)
            for w in np.maximum(-weights.T, 0.0)
        ]
        gains = np.array(
            [
                float((g.double() * side.precondition(g).double()).sum())
                for g, side in zip(gradients, sides, strict=True)
            ]
        )
        solved = [
            side.solve(gradient, steps)[None]
            for gradient, side, gain in zip(gradients, sides, gains, strict=True)
            if gain > SETTINGS.idle * gains.max()
        ]
        return [self._space.apply(direction)[0] for direction in solved]

    def _unbounded(self, state: _State) -> tuple[str, ...]:
        geometry = self._geometry
        if geometry.floor > 0:
            return ()
        _, squares = disagreement.log_ratios(state.subspace.grams, state.pair)
        blind = squares.min(axis=1) < SETTINGS.blind * geometry.floors
        few = np.array(geometry.response_sizes) < self._space.dimension
        return tuple(n for n, b in zip(geometry.names, blind | few, strict=True) if b)


def _gaps(state: _State, weights: Floats) -> tuple[float, ...]:
    """Return 1 − θ of the best rival in each side's pencil Σ₊ w G − θ Σ₋ |w| G."""
    gaps = []
    for side in weights.T:
        excited, resisting = (
            np.tensordot(np.maximum(sign * side, 0.0), state.subspace.grams, 1) for sign in SIGNS
        )
        if not (excited.any() and resisting.any()) or len(state.subspace) < 2:
            gaps.append(0.0)
            continue
        values = scipy.linalg.eigh(excited, resisting, eigvals_only=True)
        gaps.append(float(np.clip(1 - values[-2] / values[-1], 0.0, 1.0)))
    return tuple(gaps)
