"""Eigen-distortions and generalised eigen-distortions, by a block Davidson method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.errors import InputError
from pdpsych.geometry.certificate import Budget, Certificate, Progress
from pdpsych.geometry.local import LocalGeometry, RepresentationLike
from pdpsych.geometry.preconditioner import Preconditioner
from pdpsych.geometry.subspace import Subspace

Floats = NDArray[np.float64]

LARGEST_SUBSPACE = 48
TOLERANCE = 1e-3
INVISIBLE = 1e-7


@dataclass(frozen=True)
class EigenDistortions:
    """The k distortions with the largest and the k with the smallest values.

    Attributes
    ----------
    largest, smallest
        (k, C, H, W), unit norm, the most extreme first; sign: Σ ε³ ≥ 0.
    largest_values, smallest_values
        d²(ε) for eigen-distortions, d_A²(ε)/d_B²(ε) for generalised ones, (k,).
    names, floor
        What was asked.
    certificate
        How it was reached; ``gradient_norm`` is the largest relative residual.
    """

    largest: Tensor
    smallest: Tensor
    largest_values: Floats
    smallest_values: Floats
    names: tuple[str, ...]
    floor: float
    certificate: Certificate


def eigen_distortions(
    representation: RepresentationLike,
    image: Tensor | NDArray[np.floating],
    k: int = 1,
    floor: float = 0.0,
    seed: int = 0,
    iterations: int = 200,
    max_seconds: float | None = None,
    progress: Progress | None = None,
) -> EigenDistortions:
    """Return the eigenvectors of the Fisher information with the k largest and k smallest values.

    The most and least visible distortions of a model (Berardino et al. 2017, arXiv 1710.02266).
    The smallest are found slowly where many are alike: read the certificate.

    Raises
    ------
    InputError
        If ``k`` is not between 1 and half the number of pixel values, or the image cannot be
        used.
    """
    budget = Budget(iterations, max_seconds, TOLERANCE)
    return _extremes([representation], image, k, floor, seed, budget, progress)


def generalized_eigen_distortions(
    representation_a: RepresentationLike,
    representation_b: RepresentationLike,
    image: Tensor | NDArray[np.floating],
    k: int = 1,
    floor: float = 0.03,
    seed: int = 0,
    iterations: int = 200,
    max_seconds: float | None = None,
    progress: Progress | None = None,
) -> EigenDistortions:
    """Return the distortions that extremise d_A(u)/d_B(u), the case N = 2.

    Solves I_A u = λ I_B u with the floor on both sides (Zhou et al. 2023, PMLR 243:170-181).

    Raises
    ------
    InputError
        As for :func:`eigen_distortions`.
    """
    budget = Budget(iterations, max_seconds, TOLERANCE)
    pair = [representation_a, representation_b]
    return _extremes(pair, image, k, floor, seed, budget, progress)


def _extremes(
    representations: Sequence[RepresentationLike],
    image: Tensor | NDArray[np.floating],
    k: int,
    floor: float,
    seed: int,
    budget: Budget,
    progress: Progress | None,
) -> EigenDistortions:
    geometry = LocalGeometry(representations, image, floor)
    most = min(geometry.dimension // 2, LARGEST_SUBSPACE // 8)
    if not 1 <= k <= most:
        raise InputError(f"k: {k} is not between 1 and {most}")
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((2 * k, *geometry.image.shape), generator=generator, dtype=torch.float64)
    subspace = Subspace(geometry, noise.to(geometry.image))
    preconditioner = Preconditioner(geometry)
    iteration, stopped = 0, None
    earlier = np.zeros((0, len(subspace)))
    while stopped is None:
        iteration += 1
        values, rows = _ritz(subspace.grams, k)
        residuals = _residuals(subspace, rows, values)
        worst = float(residuals.flatten(1).double().norm(dim=1).max())
        if progress:
            progress(iteration, float(values[-1]))
        stopped = "converged" if worst <= budget.tolerance else budget.spent(iteration)
        if stopped is None:
            if len(subspace) + 2 * k > LARGEST_SUBSPACE:
                width = len(subspace) - earlier.shape[1]
                kept = np.concatenate([rows, np.pad(earlier, ((0, 0), (0, width)))])
                rows = subspace.restrict(kept)[: 2 * k]
            before, earlier = len(subspace), rows
            subspace.extend(_directions(residuals, geometry, preconditioner))
            stopped = "whole space" if len(subspace) == before else None
    certificate = Certificate(
        converged=stopped in ("converged", "whole space"),
        stopped=stopped,
        gradient_norm=worst,
        expected_gain=worst**2,
        iterations=iteration,
        operator_applications=geometry.products,
    )
    found = _signed(subspace.combine(rows))
    return EigenDistortions(
        largest=found[k:].flip(0),
        smallest=found[:k],
        largest_values=values[k:][::-1].copy(),
        smallest_values=values[:k],
        names=tuple(geometry.names),
        floor=floor,
        certificate=certificate,
    )


def _ritz(grams: Floats, k: int) -> tuple[Floats, Floats]:
    """Return the k smallest and k largest Ritz values and their coefficients, norm 1, (2k, m)."""
    below = grams[1] if len(grams) == 2 else None
    values, vectors = scipy.linalg.eigh(grams[0], below)
    chosen = np.r_[:k, len(values) - k : len(values)]
    rows = vectors[:, chosen].T
    return values[chosen], rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _residuals(subspace: Subspace, rows: Floats, values: Floats) -> Tensor:
    """Return (A u − λ B u)/(uᵀA u) for each Ritz pair, (2k, C, H, W); B = 1 for one model.

    So residuals are relative to the eigenvalue; a distortion to which A is blind (value 0)
    counts as a share INVISIBLE of the largest.
    """
    geometry = subspace.geometry
    squares = np.einsum("kl,lm,km->k", rows, subspace.grams[0], rows)
    size = np.maximum(squares, INVISIBLE * squares.max())
    weights = np.stack([1 / size, -values / size])
    pushed = subspace.pushed(rows)
    scaled = [torch.from_numpy(w).to(t)[:, None] * t for w, t in zip(weights, pushed, strict=False)]
    below = geometry.floors[1] if len(pushed) == 2 else 1.0
    own = np.array([geometry.floors[0], below]) @ weights
    vectors = subspace.combine(rows)
    return geometry.pull(scaled) + torch.from_numpy(own).to(vectors).view(-1, 1, 1, 1) * vectors


def _directions(
    residuals: Tensor, geometry: LocalGeometry, preconditioner: Preconditioner
) -> Tensor:
    """Divide the residuals by the representation each Ritz vector should excite least.

    For the largest eigenvalues of one representation that is the identity.
    """
    half = len(residuals) // 2
    low = [preconditioner(r, np.eye(len(geometry.names))[0]) for r in residuals[:half]]
    high = list(residuals[half:])
    if len(geometry.names) == 2:
        high = [preconditioner(r, np.array([0.0, 1.0])) for r in high]
    return torch.stack([*low, *high])


def _signed(distortions: Tensor) -> Tensor:
    unit = distortions / distortions.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    skew = unit.double().pow(3).sum(dim=(1, 2, 3), keepdim=True)
    return torch.where(skew < 0, -unit, unit)
