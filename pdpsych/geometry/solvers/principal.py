"""Principal distortions: the pair on which a set of representations disagrees most.

Feather, Lipshutz, Harvey, Williams & Simoncelli, ICLR 2025 (arXiv 2410.15433) define them as
the maximum of the variance of log d_i(u)/d_i(v) over representations. Here the maximum is
sought in a growing subspace: inside it the problem is small and dense and solved to the end
(a Rayleigh–Ritz step); then the gradients of u and v join it, each divided by the information
of the representations that should not be excited (an inverse-iteration step).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.geometry.local import LocalGeometry, RepresentationLike, squared_norms
from pdpsych.geometry.result_file import Result
from pdpsych.geometry.solvers import disagreement
from pdpsych.geometry.solvers.certificate import TOLERANCE, Budget, Certificate, Progress
from pdpsych.geometry.solvers.preconditioner import Preconditioner
from pdpsych.geometry.solvers.subspace import Subspace, conventional, padded, resolved
from pdpsych.geometry.solvers.weighted_information import Resistance
from pdpsych.geometry.space import DistortionSpace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

SIGNS = np.array([1.0, -1.0])
LARGEST_SUBSPACE = 64
KEPT_PAIRS = 4
IDLE = 0.02
MOST_STEPS = 50
FAST = 0.1
BLIND = 100.0
SAME = 1e-20
SAME_DIRECTION = 0.99
MOST_ROWS = 20


@dataclass(frozen=True)
class PrincipalDistortions(Result):
    """The two distortions, and what the representations make of them.

    Attributes
    ----------
    distortions
        ε₁ and ε₂, (2, C, H, W), unit norm. Order: the representation that deviates most from
        the mean log ratio (within 1 %, the one listed first) is the more sensitive to ε₁, relative
        to the others. Sign: Σ ε³ ≥ 0.
    log_ratios
        x_i = log d_i(ε₁)/d_i(ε₂), natural log, (N,).
    objective
        Population variance of ``log_ratios``.
    names, floor, seed
        What was asked.
    certificate
        How it was reached.
    """

    SCHEMA: ClassVar[Schema] = Schema("principal distortions", 1, "solve for them again")

    distortions: Tensor
    log_ratios: Floats
    objective: float
    names: tuple[str, ...]
    floor: float
    seed: int
    certificate: Certificate

    def __str__(self) -> str:
        """Say the result in a few lines."""
        state = "converged" if self.certificate.converged else "not converged"
        head = (
            f"principal distortions of {len(self.names)} representations: variance "
            f"{self.objective:.4g} after {self.certificate.iterations} iterations ({state})"
        )
        width = max(map(len, self.names))
        rows = [
            f"  {name:<{width}}  log d(ε₁)/d(ε₂) = {x:+.3f}"
            for name, x in zip(self.names[:MOST_ROWS], self.log_ratios, strict=False)
        ]
        if len(self.names) > MOST_ROWS:
            rows.append(f"  and {len(self.names) - MOST_ROWS} more in log_ratios")
        if self.certificate.unbounded:
            names = ", ".join(self.certificate.unbounded)
            rows.append(
                f"the supremum is infinite: without a floor, {names} can be blind to a distortion "
                "that others see; this is how far the budget got"
            )
        return "\n".join([head, *rows])

    __repr__ = __str__

    def plot(self) -> Figure:
        """Draw both distortions, and each representation's log ratio."""
        from pdpsych.geometry.figures import principal_panels

        return principal_panels(self)


def principal_distortions(
    representations: Sequence[RepresentationLike],
    image: Tensor | NDArray[np.floating],
    floor: float = 0.03,
    seed: int = 0,
    max_seconds: float | None = None,
    iterations: int = 100,
    restarts: int = 1,
    space: DistortionSpace | None = None,
    start: PrincipalDistortions | None = None,
    progress: Progress | None = None,
) -> PrincipalDistortions:
    """Find the pair of distortions that maximises the variance of log sensitivity ratios.

    Parameters
    ----------
    representations
        N ≥ 2 representations.
    image
        Base image s, (C, H, W), in [0, 1]; its dtype and device are used throughout.
    floor
        η of the sensitivities. With 0, the paper's definition, the maximum is infinite for
        singular Fisher information; the certificate says so.
    seed
        Start ``k`` begins from white noise of seed ``seed + k``.
    max_seconds, iterations
        Budget of each start.
    restarts
        How many starts; the best is returned, the others are compared in the certificate.
    space
        Which distortions are allowed; all of them by default.
    start
        A previous result to go on from, in place of the first start's white noise.
    progress
        Called after each iteration with its number and the objective; returning ``False``
        cancels, and the result so far is returned.

    Raises
    ------
    InputError
        If there are fewer than two representations, no start, or the image cannot be used.
    """
    _check_counts(representations, restarts)
    geometry = LocalGeometry(representations, image, floor)
    return principal_distortions_at(
        geometry, seed, max_seconds, iterations, restarts, space, start, progress
    )


def principal_distortions_at(
    geometry: LocalGeometry,
    seed: int = 0,
    max_seconds: float | None = None,
    iterations: int = 100,
    restarts: int = 1,
    space: DistortionSpace | None = None,
    start: PrincipalDistortions | None = None,
    progress: Progress | None = None,
) -> PrincipalDistortions:
    """Find the principal distortions where the local geometry is known already.

    Parameters and errors as for :func:`principal_distortions`; image, representations and floor
    are those of the geometry.
    """
    _check_counts(geometry.representations, restarts)
    space = space or DistortionSpace(geometry.image)
    climb = _Climb(resolved(geometry), space)
    results = []
    for number in range(restarts):
        first = _first_pair(geometry, space, seed + number, start if number == 0 else None)
        budget = Budget(iterations, max_seconds, progress)
        results.append(climb.run(first, seed + number, budget))
        if results[-1].certificate.stopped == "cancelled":
            break
    return _compared(results)


def _check_counts(representations: Sequence[RepresentationLike], restarts: int) -> None:
    if len(representations) < 2:
        raise InputError(f"representations: {len(representations)} given; at least 2 are needed")
    if restarts < 1:
        raise InputError(f"restarts: {restarts}; at least 1 is needed")


def _first_pair(
    geometry: LocalGeometry, space: DistortionSpace, seed: int, start: PrincipalDistortions | None
) -> Tensor:
    """Return the pair that a start begins from, inside the space, (2, C, H, W)."""
    shape = (2, *geometry.image.shape)
    if start is None:
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        return space.apply(noise.to(geometry.image))
    if start.distortions.shape != shape:
        raise InputError(
            f"start: distortions of shape {tuple(start.distortions.shape)} do not fit the image; "
            f"{shape} is needed"
        )
    return space.nearest(start.distortions.to(geometry.image))


@dataclass
class _State:
    """The subspace, the current pair in it, and the pairs before it."""

    subspace: Subspace
    pair: Floats
    earlier: list[Floats] = field(default_factory=list)

    def solve(self) -> tuple[Floats, Floats]:
        """Maximise inside the subspace; return x, (N,), and ∂F/∂d²-weights, (N, 2)."""
        known = padded(self.pair, len(self.subspace))
        self.pair = disagreement.maximize(self.subspace.grams, known)
        x, squares = disagreement.log_ratios(self.subspace.grams, self.pair)
        return x, disagreement.slopes(x)[:, None] / squares * SIGNS

    def grow(self, directions: Sequence[Tensor]) -> bool:
        """Add directions; return whether any of them led out of the subspace."""
        if len(self.subspace) + len(directions) > LARGEST_SUBSPACE:
            # Keep the current pair and the latest before it: the way the search moves.
            pairs = [self.pair, *self.earlier[-KEPT_PAIRS:]]
            rows = np.concatenate([padded(pair, len(self.subspace)) for pair in pairs])
            rows = self.subspace.restrict(rows)
            self.pair, *self.earlier = (rows[i : i + 2] for i in range(0, len(rows), 2))
        self.earlier.append(self.pair)
        before = len(self.subspace)
        if directions:
            self.subspace.extend(torch.stack(list(directions)))
        return len(self.subspace) > before


class _Climb:
    """The ascent from one pair; the linearisations serve all starts."""

    def __init__(self, geometry: LocalGeometry, space: DistortionSpace):
        self._geometry, self._space = geometry, space
        self._preconditioner = Preconditioner(geometry)

    def run(self, first: Tensor, seed: int, budget: Budget) -> PrincipalDistortions:
        before = self._geometry.products
        state = _State(Subspace(self._geometry, first), np.eye(2))
        iteration, stopped = 0, None
        steps, reached = 0, 0.0
        while stopped is None:
            iteration += 1
            x, weights = state.solve()
            objective = float(np.var(x))
            gradients = self._gradients(state, weights)
            steepness = np.sqrt(squared_norms(gradients.flatten(1)))
            norm = float(steepness.max()) / max(objective, np.finfo(float).tiny)
            stopped = budget.spent(iteration, objective)
            if norm <= TOLERANCE or objective < SAME:
                stopped = "converged"
            if stopped is None:
                # While cheap steps still climb fast, longer inner solves are not worth their price.
                if objective < (1 + FAST) * reached:
                    steps = min(2 * steps + 2, MOST_STEPS)
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
        )
        return _conventional(state, self._geometry, seed, certificate)

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
            Resistance(self._geometry, self._space, self._preconditioner, w)
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
            if gain > IDLE * gains.max()
        ]
        return [self._space.apply(direction)[0] for direction in solved]

    def _unbounded(self, state: _State) -> tuple[str, ...]:
        geometry = self._geometry
        if geometry.floor > 0:
            return ()
        _, squares = disagreement.log_ratios(state.subspace.grams, state.pair)
        blind = squares.min(axis=1) < BLIND * geometry.floors
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


def _conventional(
    state: _State, geometry: LocalGeometry, seed: int, certificate: Certificate
) -> PrincipalDistortions:
    """Normalise, order and sign the distortions by the documented rule."""
    pair = state.subspace.combine(state.pair)
    x = disagreement.log_ratios(state.subspace.grams, state.pair)[0]
    if _deviant(x) < 0:
        pair, x = pair.flip(0), -x
        certificate = replace(certificate, gaps=certificate.gaps[::-1])
    objective, names = float(np.var(x)), tuple(geometry.names)
    return PrincipalDistortions(
        conventional(pair), x, objective, names, geometry.floor, seed, certificate
    )


def _deviant(x: Floats) -> float:
    """Return the largest deviation from the mean; of those within 1 % of it, the first."""
    deviations = x - x.mean()
    near = np.abs(deviations) >= 0.99 * np.abs(deviations).max()
    return float(deviations[near.argmax()])


def _compared(starts: Sequence[PrincipalDistortions]) -> PrincipalDistortions:
    """Return the best start, with all starts compared with it."""
    best = max(starts, key=lambda start: start.objective)

    def summary(start: PrincipalDistortions) -> dict[str, Any]:
        pairs = [s.distortions.double().flatten(1) for s in (start, best)]
        cosines = (pairs[0] * pairs[1]).sum(dim=1).abs()
        return {
            "seed": start.seed,
            "objective": start.objective,
            "log_ratios": start.log_ratios.tolist(),
            "cosines": cosines.tolist(),
            "converged": start.certificate.converged,
        }

    summaries = tuple(summary(start) for start in starts)
    certificate = replace(
        best.certificate,
        gaps=_narrowed(best, summaries),
        operator_applications=sum(s.certificate.operator_applications for s in starts),
        restarts=summaries,
    )
    return replace(best, certificate=certificate)


def _narrowed(best: PrincipalDistortions, starts: Sequence[dict[str, Any]]) -> tuple[float, ...]:
    """Return the gaps, no wider than to the starts that found another distortion."""
    size = max(best.objective, np.finfo(float).tiny)
    rivals = [
        [1 - s["objective"] / size for s in starts if s["cosines"][k] < SAME_DIRECTION]
        for k in range(len(SIGNS))
    ]
    return tuple(min([gap, *r]) for gap, r in zip(best.certificate.gaps, rivals, strict=True))
