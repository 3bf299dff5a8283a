"""The ascent from one pair of distortions to a maximum of their disagreement.

In a growing subspace the problem is small and dense and solved to the end (a Rayleigh–Ritz step);
then the gradients of u and v join it, each divided by the information of the representations that
should not be excited (an inverse-iteration step). Of deep networks the first layers that resist
stand for those behind them, and from noise the first question is what tells networks apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.geometry.kept_responses import ALL, Keeping
from pdpsych.geometry.local import LocalGeometry, squared_lengths, squared_norms
from pdpsych.geometry.solvers import disagreement
from pdpsych.geometry.solvers.budget import Stopped
from pdpsych.geometry.solvers.depth import Chains, leading, of_networks
from pdpsych.geometry.solvers.preconditioner import Preconditioner
from pdpsych.geometry.solvers.subspace import Subspace, conventional, padded, resolved
from pdpsych.geometry.solvers.weighted_information import Allowed, WeightedInformation, inner
from pdpsych.geometry.space import DistortionSpace

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClimbSettings:
    """Constants of the ascent.

    In brackets, from white noise, the products to a gradient of 1e-3 of the early models at 64
    pixels, 432 as it is (394 and 402 from other seeds), and F of three layers of a network after
    400 products, 6.33 (6.20 and 6.17), with half and twice the constant: ``sweep`` of
    ``benchmarks/solver_constants.py``.

    Attributes
    ----------
    largest_subspace
        Directions before the subspace is restarted (436 and 432; 6.33 twice).
    scarce_subspace
        The same where there is no room for responses to as many: F of 31 layers of VGG16 after 429
        products, of 12 of EfficientNet-Lite0 after 660 is as with 64 (16: 0.05 and 1 % lower).
    kept_rivals
        Ritz vectors of each side that a restart keeps beside the pair and the pair before it. An
        ascent that short has no restart.
    idle
        Share of the largest gain below which a side of the pair gets no direction of its own (428
        and 418; 6.35 and 6.28).
    most_steps
        Inner steps at most (432 twice; 6.42 and 6.21).
    fast
        Relative climb of an outer step while which inner solves are not made longer (423 and 432;
        6.27 and 6.32).
    opening
        Iterations from noise that ask what tells networks, as wholes, apart: long inner solves lead
        to poor optima from a pair of which each network sees the same.
    first_deep, most_deep
        Inner steps after the opening, and at most, where only the first layers that resist are run:
        as many cost about as much as the rest of an iteration, and five times as much.
    looked_at, look_steps
        Ritz vectors of each side that a second look improves, and inner steps that each is given.
        At a saddle of "camera", 224 pixels, the way up was found after 78 products in three
        iterations (half and twice: 78 in six and 150 in three; 70 in four and 86 in two).
    overtaken
        Rise of F, relative, from which on a second look has found a way up (78 twice); where it
        finds none F rises by about 1e-9.
    """

    largest_subspace: int = 64
    scarce_subspace: int = 24
    kept_rivals: int = 4
    idle: float = 0.02
    most_steps: int = 50
    fast: float = 0.1
    opening: int = 3
    first_deep: int = 20
    most_deep: int = 100
    looked_at: int = 2
    look_steps: int = 4
    overtaken: float = 1e-6


SETTINGS = ClimbSettings()


@dataclass(frozen=True)
class Problem:
    """What is maximised: F = xᵀLx over pairs of distortions in a space.

    ``geometry`` is one to search in (:func:`resolved`), ``contrast`` is L, ``chains`` are the
    representations of each network in the order in which they run, ``keeping`` says which responses
    its subspaces keep.
    """

    geometry: LocalGeometry
    space: DistortionSpace
    contrast: Floats
    preconditioner: Preconditioner
    chains: Chains = ()
    keeping: Keeping = ALL

    @classmethod
    def at(cls, geometry: LocalGeometry, space: DistortionSpace, contrast: Floats) -> Problem:
        """Return the problem at an image, with the preconditioner that all searches share."""
        inner = resolved(geometry)
        divide, chains = Preconditioner(inner, space.support), geometry.chains()
        return cls(inner, space, contrast, divide, chains, Keeping.of(inner))

    @property
    def is_deep(self) -> bool:
        """Whether several layers of a network are among the representations."""
        return any(len(chain) > 1 for chain in self.chains)

    @cached_property
    def opening(self) -> Floats | None:
        """The contrast of networks as wholes, None where that is not another question."""
        return of_networks(self.contrast, self.chains)

    def resisting(self, weights: Floats, allowed: Allowed | None = None) -> WeightedInformation:
        """Return N of weights (N,), and its inverse; the first layers stand for the later ones.

        On the space, or on a part of it that is ``allowed``.
        """
        moved = leading(weights, self.chains)
        return WeightedInformation(self.geometry, allowed or self.space, self.preconditioner, moved)

    def measured(self, pair: Tensor) -> tuple[Floats, Floats, list[Tensor]]:
        """Return x, (N,), d², (N, 2), and the A_i u of a unit pair."""
        pushed = self.geometry.push(pair)
        squares = squared_lengths(pushed) + self.geometry.floors[:, None]
        return 0.5 * np.log(squares[:, 0] / squares[:, 1]), squares, pushed

    def weights(self, x: Floats, squares: Floats, contrast: Floats | None = None) -> Floats:
        """Return c_i/d_i², (N, 2), with the signs of both sides, of F or of another contrast."""
        asked = self.contrast if contrast is None else contrast
        return disagreement.slopes(asked, x)[:, None] / squares * disagreement.SIGNS

    def applied(self, rows: Tensor, pushed: Sequence[Tensor], weights: Floats) -> Tensor:
        """Return Π Σ_i w_ik M_i of each distortion k, (K, C, H, W); ``pushed`` are their A_i u.

        With their :meth:`weights` those of a pair are ∇F: ∇_u F = Σ_i c_i M_i u / d_i²(u), and
        ∇_v F has the opposite sign.
        """
        geometry = self.geometry
        factors = torch.from_numpy(weights).to(geometry.image)
        scaled = [w[:, None] * t for w, t in zip(factors, pushed, strict=True)]
        own = torch.from_numpy(geometry.floors @ weights).to(geometry.image)
        return self.space.project(geometry.pull(scaled) + own.view(-1, 1, 1, 1) * rows)


class Climb:
    """An ascent, an iteration at a time.

    Parameters
    ----------
    problem
        What is maximised.
    subspace
        The first directions, inside the space.
    pair
        The coefficients of the pair in them, (2, m).
    from_noise
        Whether the pair is noise, of which nothing is to be kept.

    Attributes
    ----------
    log_ratios, objective
        x, (N,), and F of the pair, once it has advanced.
    gradient_norm
        ‖∇F‖ of the worse distortion, on what the space allows, relative to F.
    gain
        gᵀN⁻¹g/2 of both distortions, relative to F: what a step of Newton's method promises where
        the curvature is that of what resists.
    """

    def __init__(
        self, problem: Problem, subspace: Subspace, pair: Floats, from_noise: bool = False
    ):
        self.problem, self.subspace, self.pair = problem, subspace, pair
        self.objective, self.gradient_norm, self.gain = 0.0, np.inf, np.inf
        self.log_ratios = np.zeros(len(problem.contrast))
        self._before = pair
        self._weights = np.zeros((len(problem.contrast), 2))
        self._gradients: Tensor | None = None
        opens = from_noise and problem.opening is not None
        self._steps, self._fresh = SETTINGS.first_deep if opens else 0, True
        self._opening = SETTINGS.opening if opens else 0
        self._refused = 0.0

    @property
    def distortions(self) -> Tensor:
        """The pair, (2, C, H, W)."""
        return self.subspace.combine(self.pair)

    def advance(self, tolerance: float) -> Stopped | None:
        """Climb by one iteration; return why it cannot or need not go on, if so."""
        if self._gradients is not None and not self._grow(self._directions()):
            return self._stuck(tolerance)
        reached = self.objective
        self._solve()
        if self._opening:
            self._opening -= 1
            return None
        if self.objective < disagreement.SAME:
            return "converged"
        if self.gradient_norm <= tolerance:
            return self._arrived(tolerance)
        # While cheap steps still climb fast, longer inner solves are not worth their price.
        if self.problem.is_deep:
            self._steps = min(2 * self._steps + 2, SETTINGS.most_deep)
        elif self.objective < (1 + SETTINGS.fast) * reached:
            self._steps = min(2 * self._steps + 2, SETTINGS.most_steps)
        return None

    def measure(self) -> float:
        """Take the relative gradient of the pair by its definition; return F by its own.

        In the subspace what combining directions has rounded adds up.
        """
        problem, pair = self.problem, conventional(self.distortions)
        x, squares, pushed = problem.measured(pair)
        gradients = problem.applied(pair, pushed, problem.weights(x, squares))
        self.gradient_norm = self._relative(gradients)
        return disagreement.value(problem.contrast, x)

    def look_aside(self) -> bool:
        """Add what both distortions are one phase on; return whether that led anywhere.

        To models that treat all places alike a grating and its quadrature are nearly the same: of
        two such optima an ascent knows the one that it began at, and never meets the other.
        """
        steps = ((0, 1), (1, 0))
        forth, back = (
            torch.cat([self.distortions.roll((sign * y, sign * x), (2, 3)) for y, x in steps])
            for sign in (1, -1)
        )
        return self._grow(list(self.problem.space.project(forth - back)))

    def look_again(self, tolerance: float) -> bool:
        """Improve the rivals of both sides; go over to one, and return True, if it leads higher.

        Where an ascent has converged a distortion is the top of its side's pencil as far as the
        subspace goes; outside of it there may be a higher one. A rise below the square of the
        tolerance is what converging has left.
        """
        weights, directions = self._weights, []
        for side, resisting in enumerate(self._resisting()):
            values, rows = (each[1:] for each in self._ritz(side, 1 + SETTINGS.looked_at))
            excited, against = (np.maximum(s * weights[:, side], 0) for s in disagreement.SIGNS)
            residuals = self._applied(rows, excited[:, None] - np.outer(against, values))
            directions += [resisting.solve(residual, SETTINGS.look_steps) for residual in residuals]
        self._grow(directions)
        grams, contrast = self.subspace.grams, self.problem.contrast
        tops = [
            disagreement.maximize(contrast, grams, pair) for pair in [self.pair, *self.rivals(1.0)]
        ]
        reached = [
            disagreement.value(contrast, disagreement.log_ratios(grams, top)[0]) for top in tops
        ]
        if max(reached) <= (1 + max(SETTINGS.overtaken, tolerance**2)) * self.objective:
            return False
        self.pair = tops[int(np.argmax(reached))]
        self._solve()
        return True

    def gaps(self) -> tuple[float, ...]:
        """Return 1 − θ of the best rival in each side's pencil Σ₊ w G − θ Σ₋ |w| G."""
        rows = [self._ritz(side, 2)[0] for side in range(2)]
        return tuple(float(np.clip(1 - v[1] / v[0], 0, 1)) if len(v) > 1 else 0.0 for v in rows)

    def rivals(self, within: float) -> list[Floats]:
        """Return pairs in the subspace of which one distortion is a rival of the pair's.

        Those Ritz vectors of a side's pencil whose value is at most ``within`` below the largest,
        relative.
        """
        pairs = []
        for side in range(2):
            values, rows = self._ritz(side, 1 + SETTINGS.kept_rivals)
            for row in rows[1:][values[1:] >= (1 - within) * values.max(initial=0)]:
                rival = self.pair.copy()
                rival[side] = row
                pairs.append(rival)
        return pairs

    def _solve(self) -> None:
        """Maximise inside the subspace, and take the gradients there."""
        problem, grams = self.problem, self.subspace.grams
        opening = problem.opening if self._opening else None
        asked = problem.contrast if opening is None else opening
        self.pair = disagreement.maximize(asked, grams, self.pair)
        x, squares = disagreement.log_ratios(grams, self.pair)
        self.log_ratios, self.objective = x, disagreement.value(problem.contrast, x)
        self._weights = problem.weights(x, squares, asked)
        self._gradients = self._applied(self.pair, self._weights)
        self.gradient_norm = self._relative(self._gradients)

    def _relative(self, gradients: Tensor) -> float:
        """Return the norm of the steeper gradient over F."""
        steepness = float(np.sqrt(squared_norms(gradients.flatten(1))).max())
        return steepness / max(self.objective, np.finfo(float).tiny)

    def _applied(self, rows: Floats, weights: Floats) -> Tensor:
        """Return Π Σ_i w_ik M_i of each direction k, coefficient rows (K, m), (K, C, H, W)."""
        apply, subspace, step = self.problem.applied, self.subspace, self.problem.geometry.at_once
        parts = [slice(k, k + step) for k in range(0, len(rows), step)]
        return torch.cat(
            [
                apply(subspace.combine(rows[p]), subspace.pushed(rows[p]), weights[:, p])
                for p in parts
            ]
        )

    def _resisting(self) -> list[WeightedInformation]:
        """Return N of both sides."""
        return [self.problem.resisting(w) for w in np.maximum(-self._weights.T, 0.0)]

    def _directions(self) -> list[Tensor]:
        """Divide each gradient by what resists it; the side that is nearly done waits."""
        assert self._gradients is not None
        sides = self._resisting()
        pairs = zip(self._gradients, sides, strict=True)
        promised = torch.stack([inner(g, s.precondition(g)) for g, s in pairs]).cpu().numpy()
        solved = []
        for k, (gradient, side) in enumerate(zip(self._gradients, sides, strict=True)):
            if promised[k] > SETTINGS.idle * promised.max():
                solved.append(side.solve(gradient, self._steps))
                promised[k] = max(promised[k], float(inner(gradient, solved[-1])))
        self.gain = float(promised.sum()) / 2 / max(self.objective, np.finfo(float).tiny)
        return solved

    def _grow(self, directions: Sequence[Tensor]) -> bool:
        """Add directions; return whether any of them led out of the subspace."""
        if not directions:
            return False
        scarce = self.problem.keeping.is_scarce
        most = SETTINGS.scarce_subspace if scarce else SETTINGS.largest_subspace
        if len(self.subspace) + len(directions) > most:
            self.pair, self._fresh = self.subspace.restrict(self._kept())[:2], False
        size = len(self.subspace)
        self.subspace.extend(torch.stack(list(directions)))
        self.pair = self._before = padded(self.pair, len(self.subspace))
        return len(self.subspace) > size

    def _kept(self) -> Floats:
        """Return what stays of the subspace, rows of coefficients, the pair first."""
        rivals = [self._ritz(side, 1 + SETTINGS.kept_rivals)[1][1:] for side in range(2)]
        return np.concatenate([self.pair, self._before, *rivals])

    def _arrived(self, tolerance: float) -> Stopped | None:
        """Say that it has converged, if that is so by the definition; if not, begin anew.

        Where F has not risen since it did by more than converging leaves, the rest is rounding.
        """
        reached, before = self.measure(), self._refused
        if self.gradient_norm <= tolerance:
            return "converged"
        if reached <= (1 + tolerance**2) * before:
            return "stalled"
        self._refused = reached
        self._renew()
        return None

    def _stuck(self, tolerance: float) -> Stopped | None:
        """Say why nothing leads out of the subspace; where that may be rounding, begin it anew."""
        space = self.problem.space
        if space.dimension_is_exact and len(self.subspace) >= space.dimension:
            self.measure()
            if self.gradient_norm <= tolerance:
                return "whole space"
        if self._fresh:
            return "stalled"
        self._renew()
        return None

    def _renew(self) -> None:
        """Begin the subspace anew, with responses that are not yet sums of rounded ones."""
        kept = self.subspace.combine(self._kept())
        p = self.problem
        self.subspace = Subspace(p.geometry, p.space, kept, p.keeping)
        self.pair = self._before = self.subspace.coefficients(kept[:2])
        self._fresh = True
        self._solve()

    def _ritz(self, side: int, count: int) -> tuple[Floats, Floats]:
        """Return the largest values and vectors, rows, of a side's pencil in the subspace."""
        excited, resisting = disagreement.pencil(self.subspace.grams, self._weights[:, side])
        if not (excited.any() and resisting.any()):
            return np.zeros(0), np.zeros((0, len(self.subspace)))
        values, vectors = scipy.linalg.eigh(excited, resisting)
        values, rows = values[::-1][:count], vectors.T[::-1][:count]
        return values, rows / np.linalg.norm(rows, axis=1, keepdims=True)
