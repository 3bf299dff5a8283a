"""Eigen-distortions and generalised eigen-distortions, by a block Davidson method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.geometry.local import LocalGeometry, RepresentationLike, squared_norms
from pdpsych.geometry.result_file import Result
from pdpsych.geometry.solvers.certificate import TOLERANCE, Budget, Certificate, Progress
from pdpsych.geometry.solvers.preconditioner import Preconditioner
from pdpsych.geometry.solvers.subspace import Subspace, conventional, padded, resolved
from pdpsych.geometry.solvers.weighted_information import Resistance
from pdpsych.geometry.space import DistortionSpace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

LARGEST_SUBSPACE = 48
INVISIBLE = 1e-7
GUARDS = 1
GUARD_TOLERANCE = 0.1


@dataclass(frozen=True)
class EigenDistortions(Result):
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

    SCHEMA: ClassVar[Schema] = Schema("eigen-distortions", 1, "solve for them again")

    largest: Tensor
    smallest: Tensor
    largest_values: Floats
    smallest_values: Floats
    names: tuple[str, ...]
    floor: float
    certificate: Certificate

    def __str__(self) -> str:
        """Give the values, largest and smallest, and the certificate."""
        kind = "eigen-distortions" if len(self.names) == 1 else "generalised eigen-distortions"
        value = "d²" if len(self.names) == 1 else "ratio of d²"
        ends = (("largest", self.largest_values), ("smallest", self.smallest_values))
        lines = [
            f"  {end} {value}: {', '.join(f'{number:.4g}' for number in values)}"
            for end, values in ends
        ]
        head = f"{kind} of {' against '.join(self.names)}, floor {self.floor:g}"
        return "\n".join([head, *lines, str(self.certificate)])

    __repr__ = __str__

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the distortions with the largest values, then those with the smallest."""
        from pdpsych.geometry.figures import plot_eigen_distortions

        return plot_eigen_distortions(self, ax)


def eigen_distortions(
    representation: RepresentationLike,
    image: Tensor | NDArray[np.floating],
    k: int = 1,
    floor: float = 0.0,
    seed: int = 0,
    iterations: int = 100,
    max_seconds: float | None = None,
    space: DistortionSpace | None = None,
    progress: Progress | None = None,
) -> EigenDistortions:
    """Return the eigenvectors of the Fisher information with the k largest and k smallest values.

    The most and least visible distortions of a model (Berardino et al. 2017, arXiv 1710.02266).
    The smallest are found slowly where many are alike: read the certificate.

    Raises
    ------
    InputError
        If ``k`` is not between 1 and half the number of allowed directions, or the image cannot be
        used.
    """
    geometry = LocalGeometry([representation], image, floor)
    return eigen_distortions_at(geometry, k, seed, iterations, max_seconds, space, progress)


def generalized_eigen_distortions(
    representation_a: RepresentationLike,
    representation_b: RepresentationLike,
    image: Tensor | NDArray[np.floating],
    k: int = 1,
    floor: float = 0.03,
    seed: int = 0,
    iterations: int = 100,
    max_seconds: float | None = None,
    space: DistortionSpace | None = None,
    progress: Progress | None = None,
) -> EigenDistortions:
    """Return the distortions that extremise d_A(u)/d_B(u), the case N = 2.

    Solves I_A u = λ I_B u with the floor on both sides (Zhou et al. 2023, PMLR 243:170-181).

    Raises
    ------
    InputError
        As for :func:`eigen_distortions`.
    """
    geometry = LocalGeometry([representation_a, representation_b], image, floor)
    return eigen_distortions_at(geometry, k, seed, iterations, max_seconds, space, progress)


def eigen_distortions_at(
    geometry: LocalGeometry,
    k: int = 1,
    seed: int = 0,
    iterations: int = 100,
    max_seconds: float | None = None,
    space: DistortionSpace | None = None,
    progress: Progress | None = None,
) -> EigenDistortions:
    """Return the eigen-distortions where the local geometry is known already.

    Of one representation as :func:`eigen_distortions` does, of two as
    :func:`generalized_eigen_distortions`; of more, see :meth:`LocalGeometry.select`.

    Raises
    ------
    InputError
        If there are more than two representations, or ``k`` is not between 1 and half the
        number of allowed directions.
    """
    if len(geometry.names) > 2:
        raise InputError(f"representations: {len(geometry.names)} given; select 1 or 2")
    space = space or DistortionSpace(geometry.image)
    most = min(space.dimension // 2, LARGEST_SUBSPACE // 8 - GUARDS)
    if not 1 <= k <= most:
        raise InputError(f"k: {k} is not between 1 and {most}")
    budget = Budget(iterations, max_seconds, progress)
    return _Search(resolved(geometry), space, k).run(seed, budget)


class _Search:
    """Both ends of the spectrum at once, in one growing subspace.

    A Ritz vector at the low end is improved by inverse iteration with A, one at the high end by
    inverse iteration with B; for one representation B is the identity. Each end carries GUARDS
    more vectors than are wanted: until those have nearly settled too, an eigenvector may still be
    missing.
    """

    def __init__(self, geometry: LocalGeometry, space: DistortionSpace, k: int):
        self._geometry, self._space, self._k = geometry, space, k
        self._block = min(k + GUARDS, space.dimension // 2)
        preconditioner = Preconditioner(geometry)
        weights = np.eye(len(geometry.names))
        resisting = [Resistance(geometry, space, preconditioner, w) for w in weights]
        self._low = resisting[0]
        self._high = resisting[1] if len(resisting) == 2 else None

    def run(self, seed: int, budget: Budget) -> EigenDistortions:
        geometry, block = self._geometry, self._block
        before = geometry.products
        generator = torch.Generator().manual_seed(seed)
        shape = (2 * block, *geometry.image.shape)
        noise = torch.randn(shape, generator=generator, dtype=torch.float64).to(geometry.image)
        subspace = Subspace(geometry, self._space.apply(noise))
        iteration, stopped = 0, None
        earlier = np.zeros((0, len(subspace)))
        while stopped is None:
            iteration += 1
            values, rows = _ritz(subspace.grams, block)
            residuals = self._residuals(subspace, rows, values)
            sizes = np.sqrt(squared_norms(residuals.flatten(1)))
            moving = sizes > self._tolerances()
            stopped = budget.spent(iteration, float(values[-1])) if moving.any() else "converged"
            if stopped is None:
                rows = _made_room(subspace, rows, earlier)
                size, earlier = len(subspace), rows
                subspace.extend(self._directions(residuals, moving))
                stopped = "whole space" if len(subspace) == size else None
        certificate = Certificate(
            converged=stopped in ("converged", "whole space"),
            stopped=stopped,
            gradient_norm=float(sizes[self._wanted()].max()),
            gaps=self._gaps(values),
            iterations=iteration,
            operator_applications=geometry.products - before,
        )
        return self._result(subspace, rows, values, certificate)

    def _wanted(self) -> NDArray[np.bool_]:
        """Return which of the 2 · block Ritz pairs, ascending, are wanted."""
        place = np.arange(2 * self._block)
        return (place < self._k) | (place >= 2 * self._block - self._k)

    def _tolerances(self) -> Floats:
        return np.where(self._wanted(), TOLERANCE, GUARD_TOLERANCE)

    def _gaps(self, values: Floats) -> tuple[float, ...]:
        """Return how far the next value is, at the low and at the high end, relative."""
        k, block = self._k, self._block
        if block == k:
            return (0.0, 0.0)
        inner = np.array([values[k], values[-k]])
        outer = np.array([values[k - 1], values[-k - 1]])
        return tuple(np.clip(1 - outer / np.maximum(inner, 1e-300), 0.0, 1.0).tolist())

    def _result(
        self,
        subspace: Subspace,
        rows: Floats,
        values: Floats,
        certificate: Certificate,
    ) -> EigenDistortions:
        k = self._k
        found = conventional(subspace.combine(padded(rows, len(subspace))))
        return EigenDistortions(
            largest=found[-k:].flip(0),
            smallest=found[:k],
            largest_values=values[-k:][::-1].copy(),
            smallest_values=values[:k],
            names=tuple(self._geometry.names),
            floor=self._geometry.floor,
            certificate=certificate,
        )

    def _residuals(self, subspace: Subspace, rows: Floats, values: Floats) -> Tensor:
        """Return Pᵀ(A u − λ B u)/(uᵀA u) for each Ritz pair, (2k, C, H, W).

        So residuals are relative to the eigenvalue; a distortion to which A is blind (value 0)
        counts as a share INVISIBLE of the largest.
        """
        squares = np.einsum("kl,lm,km->k", rows, subspace.grams[0], rows)
        size = np.maximum(squares, INVISIBLE * squares.max())
        weights = np.stack([1 / size, -values / size])
        pushed = subspace.pushed(rows)
        scaled = [
            torch.from_numpy(w).to(t)[:, None] * t for w, t in zip(weights, pushed, strict=False)
        ]
        below = self._geometry.floors[1] if len(pushed) == 2 else 1.0
        own = np.array([self._geometry.floors[0], below]) @ weights
        vectors = subspace.combine(rows)
        added = torch.from_numpy(own).to(vectors).view(-1, 1, 1, 1) * vectors
        return self._space.adjoint(self._geometry.pull(scaled) + added)

    def _directions(self, residuals: Tensor, moving: NDArray[np.bool_]) -> Tensor:
        """Improve the Ritz vectors that still move.

        With one representation the high end comes first: without an inner solve its steps cost
        next to nothing.
        """
        block, high = self._block, self._high
        ends = [residuals[block + j] for j in np.flatnonzero(moving[block:])]
        if ends and high is None:
            return self._space.apply(torch.stack(ends))
        low = [self._low.solve(residuals[j]) for j in np.flatnonzero(moving[:block])]
        improved = [*low, *(high.solve(end) for end in ends)] if high else low
        return self._space.apply(torch.stack(improved))


def _made_room(subspace: Subspace, rows: Floats, earlier: Floats) -> Floats:
    """Shrink a full subspace to the Ritz vectors and those before; return the rows in it."""
    if len(subspace) + len(rows) <= LARGEST_SUBSPACE:
        return rows
    kept = np.concatenate([rows, padded(earlier, len(subspace))])
    return subspace.restrict(kept)[: len(rows)]


def _ritz(grams: Floats, k: int) -> tuple[Floats, Floats]:
    """Return the k smallest and k largest Ritz values and their coefficients, norm 1, (2k, m)."""
    below = grams[1] if len(grams) == 2 else None
    values, vectors = scipy.linalg.eigh(grams[0], below)
    chosen = np.r_[:k, len(values) - k : len(values)]
    rows = vectors[:, chosen].T
    return values[chosen], rows / np.linalg.norm(rows, axis=1, keepdims=True)
