"""Principal distortions: the pair on which a set of representations disagrees most.

Feather, Lipshutz, Harvey, Williams & Simoncelli, ICLR 2025 (arXiv 2410.15433) define them as
the maximum of the variance of log d_i(u)/d_i(v) over representations. Here the maximum is
sought in a growing subspace: inside it the problem is small and dense and solved to the end
(a Rayleigh–Ritz step), then the preconditioned gradients of u and v join it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.errors import InputError
from pdpsych.geometry import disagreement
from pdpsych.geometry.certificate import Budget, Certificate, Progress, Stopped
from pdpsych.geometry.local import LocalGeometry, RepresentationLike
from pdpsych.geometry.preconditioner import Preconditioner
from pdpsych.geometry.subspace import Subspace

Floats = NDArray[np.float64]

LARGEST_SUBSPACE = 32
KEPT_PAIRS = 4
TOLERANCE = 1e-4


@dataclass(frozen=True)
class PrincipalDistortions:
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
            for name, x in zip(self.names, self.log_ratios, strict=True)
        ]
        return "\n".join([head, *rows])


def principal_distortions(
    representations: Sequence[RepresentationLike],
    image: Tensor | NDArray[np.floating],
    floor: float = 0.03,
    seed: int = 0,
    max_seconds: float | None = None,
    iterations: int = 200,
    restarts: int = 1,
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
        singular Fisher information, and the answer depends on the budget.
    seed
        Start ``k`` begins from white noise of seed ``seed + k``.
    max_seconds, iterations
        Budget of each start.
    restarts
        How many starts; the best is returned, the others are compared in the certificate.

    Raises
    ------
    InputError
        If there are fewer than two representations or the image cannot be used.
    """
    if len(representations) < 2:
        raise InputError(f"representations: {len(representations)} given; at least 2 are needed")
    geometry = LocalGeometry(representations, image, floor)
    preconditioner = Preconditioner(geometry)
    starts = []
    for start in range(restarts):
        budget = Budget(iterations, max_seconds, TOLERANCE)
        starts.append(_climb(geometry, preconditioner, seed + start, budget, progress))
    return _compared(starts, geometry)


@dataclass
class _State:
    """The subspace, the current pair in it, and the pairs before it."""

    subspace: Subspace
    pair: Floats
    earlier: list[Floats] = field(default_factory=list)

    def shrink(self) -> None:
        """Keep the current pair and the latest before it, the direction the search moves in."""
        pairs = [self.pair, *self.earlier[-KEPT_PAIRS:]]
        rows = np.concatenate([_padded(p, len(self.subspace)) for p in pairs])
        rows = self.subspace.restrict(rows)
        self.pair, *self.earlier = (rows[i : i + 2] for i in range(0, len(rows), 2))


def _climb(
    geometry: LocalGeometry,
    preconditioner: Preconditioner,
    seed: int,
    budget: Budget,
    progress: Progress | None,
) -> PrincipalDistortions:
    geometry.products = 0
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((2, *geometry.image.shape), generator=generator, dtype=torch.float64)
    state = _State(Subspace(geometry, noise.to(geometry.image)), np.eye(2))
    iteration, stopped = 0, None
    while stopped is None:
        iteration += 1
        padded = _padded(state.pair, len(state.subspace))
        state.pair = disagreement.maximize(state.subspace.grams, padded)
        x, gradients, weights = _gradients(state, geometry)
        objective = float(np.var(x))
        directions = _preconditioned(gradients, weights, preconditioner)
        gain = float((gradients.double() * directions.double()).sum()) / 2
        if progress:
            progress(iteration, objective)
        stopped = "converged" if gain <= budget.tolerance * objective else budget.spent(iteration)
        stopped = stopped or _grow(state, directions)
    certificate = Certificate(
        converged=stopped in ("converged", "whole space"),
        stopped=stopped,
        gradient_norm=float(gradients.double().norm()) / max(objective, 1e-30),
        expected_gain=gain / max(objective, 1e-30),
        iterations=iteration,
        operator_applications=geometry.products,
    )
    return _conventional(state, geometry, seed, certificate)


def _gradients(state: _State, geometry: LocalGeometry) -> tuple[Floats, Tensor, Floats]:
    """Return x, ∇F for u and v, (2, C, H, W), and each representation's weight in it, (N, 2).

    ∇_u F = Σ_i c_i I_i u / d_i²(u), one product backwards for all representations; ∇_v F has
    the opposite sign.
    """
    x, squares = disagreement.log_ratios(state.subspace.grams, state.pair)
    weights = disagreement.slopes(x)[:, None] / squares * np.array([1.0, -1.0])
    pushed = state.subspace.pushed(state.pair)
    scaled = [torch.from_numpy(w).to(t)[:, None] * t for w, t in zip(weights, pushed, strict=True)]
    floors = torch.from_numpy(geometry.floors @ weights).to(geometry.image)
    pair = state.subspace.combine(state.pair)
    return x, geometry.pull(scaled) + floors.view(2, 1, 1, 1) * pair, weights


def _preconditioned(gradients: Tensor, weights: Floats, preconditioner: Preconditioner) -> Tensor:
    """Divide each gradient by what resists it: the representations it should not excite."""
    resisting = np.maximum(-weights, 0.0)
    if not resisting.any(axis=0).all():
        return torch.zeros_like(gradients)
    return torch.stack([preconditioner(g, w) for g, w in zip(gradients, resisting.T, strict=True)])


def _grow(state: _State, directions: Tensor) -> Stopped | None:
    """Add directions to the subspace; the whole space when none of them leads out of it."""
    if len(state.subspace) + 2 > LARGEST_SUBSPACE:
        state.shrink()
    state.earlier.append(state.pair)
    before = len(state.subspace)
    state.subspace.extend(directions)
    return "whole space" if len(state.subspace) == before else None


def _padded(pair: Floats, size: int) -> Floats:
    return np.pad(pair, ((0, 0), (0, size - pair.shape[1])))


def _conventional(
    state: _State, geometry: LocalGeometry, seed: int, certificate: Certificate
) -> PrincipalDistortions:
    """Normalise, order and sign the distortions by the documented rule."""
    pair = state.subspace.combine(state.pair)
    x = disagreement.log_ratios(state.subspace.grams, state.pair)[0]
    if _deviant(x) < 0:
        pair, x = pair.flip(0), -x
    pair = pair / pair.flatten(1).norm(dim=1).view(2, 1, 1, 1)
    skew = pair.double().pow(3).sum(dim=(1, 2, 3), keepdim=True)
    pair = torch.where(skew < 0, -pair, pair)
    objective, names = float(np.var(x)), tuple(geometry.names)
    return PrincipalDistortions(pair, x, objective, names, geometry.floor, seed, certificate)


def _deviant(x: Floats) -> float:
    """Return the largest deviation from the mean; of those within 1 % of it, the first."""
    deviations = x - x.mean()
    near = np.abs(deviations) >= 0.99 * np.abs(deviations).max()
    return float(deviations[near.argmax()])


def _compared(
    starts: Sequence[PrincipalDistortions], geometry: LocalGeometry
) -> PrincipalDistortions:
    """Return the best start, with all starts compared with it."""
    best = max(starts, key=lambda start: start.objective)
    reference = best.distortions.double().flatten(1)

    def summary(start: PrincipalDistortions) -> dict[str, Any]:
        cosines = (start.distortions.double().flatten(1) * reference).sum(dim=1).abs()
        return {
            "seed": start.seed,
            "objective": start.objective,
            "log_ratios": start.log_ratios.tolist(),
            "cosines": cosines.tolist(),
            "converged": start.certificate.converged,
        }

    certificate = replace(
        best.certificate,
        operator_applications=sum(s.certificate.operator_applications for s in starts),
        restarts=tuple(summary(start) for start in starts),
    )
    return replace(best, certificate=certificate)
