"""Both ends of a spectrum, by a block Davidson method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry.local import LocalGeometry, squared_norms
from pdpsych.geometry.solvers.budget import Budget, Clock
from pdpsych.geometry.solvers.certificate import Certificate
from pdpsych.geometry.solvers.preconditioner import Preconditioner
from pdpsych.geometry.solvers.subspace import Subspace, conventional, padded, resolved
from pdpsych.geometry.solvers.weighted_information import WeightedInformation
from pdpsych.geometry.space import DistortionSpace

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DavidsonSettings:
    """Constants of the search for both ends.

    In brackets, the products that both ends of LGN against LGG took, where they are 476 as it is
    (``benchmarks/solver_constants.py sweep``).

    Attributes
    ----------
    largest_subspace
        Directions before the subspace is restarted (half 471, twice 457).
    invisible
        Share of the largest value below which a direction counts as not seen: what float32
        resolves of a squared response, relative to the largest (half and twice 476).
    guards
        Vectors at each end beyond those wanted (none 343, two 565). One is the least that shows
        whether an eigenvector is still missing.
    guard_tolerance
        Residual at which a guard has nearly settled (half 510, twice 465).
    """

    largest_subspace: int = 48
    invisible: float = 1e-7
    guards: int = 1
    guard_tolerance: float = 0.1


SETTINGS = DavidsonSettings()


@dataclass(frozen=True)
class Ends:
    """Both ends of the spectrum, k of each, (k, C, H, W) and (k,), the most extreme first."""

    largest: Tensor
    smallest: Tensor
    largest_values: Floats
    smallest_values: Floats
    certificate: Certificate


class Davidson:
    """Both ends of the spectrum at once, in one growing subspace.

    A Ritz vector at the low end is improved by inverse iteration with A, one at the high end by
    inverse iteration with B; for one representation B is the identity. Each end carries some
    guards, more vectors than are wanted: until those have nearly settled too, an eigenvector may
    still be missing.

    Raises
    ------
    InputError
        If ``k`` is not between 1 and what the space and the subspace have room for, or the space
        has a limit on the change of each pixel.
    """

    def __init__(self, geometry: LocalGeometry, space: DistortionSpace, k: int):
        if space.limit is not None:
            raise InputError(
                "is for principal distortions alone",
                field="limit",
                value=space.limit,
                remedy="make the space without it",
            )
        most = min(space.dimension // 2, SETTINGS.largest_subspace // 8 - SETTINGS.guards)
        if not 1 <= k <= most:
            raise InputError(
                "is not possible here", field="k", value=k, allowed=f"from 1 to {most}"
            )
        self._asked, self._geometry, self._space, self._k = geometry, resolved(geometry), space, k
        self._block = min(k + SETTINGS.guards, space.dimension // 2)
        preconditioner = Preconditioner(self._geometry, space.support)
        weights = np.eye(len(geometry.names))
        inverted = [WeightedInformation(self._geometry, space, preconditioner, w) for w in weights]
        self._low = inverted[0]
        self._high = inverted[1] if len(inverted) == 2 else None

    def run(self, seed: int, budget: Budget) -> Ends:
        """Search from white noise of the seed until the budget is spent."""
        geometry, block, clock = self._geometry, self._block, Clock(budget)
        before = geometry.products
        generator = torch.Generator().manual_seed(seed)
        shape = (2 * block, *geometry.image.shape)
        noise = torch.randn(shape, generator=generator, dtype=torch.float64).to(geometry.image)
        subspace = Subspace(geometry, self._space, self._space.apply(noise))
        iteration, stopped = 0, None
        earlier = np.zeros((0, len(subspace)))
        while stopped is None:
            iteration += 1
            values, rows = _ritz(subspace.grams, block)
            residuals = self._residuals(subspace.combine(rows), subspace.pushed(rows), values)
            sizes = np.sqrt(squared_norms(residuals.flatten(1)))
            moving = sizes > self._tolerances(budget.tolerance)
            stopped = clock.spent(iteration, float(values[-1])) if moving.any() else "converged"
            if stopped is None:
                rows = _made_room(subspace, rows, earlier)
                size, earlier = len(subspace), rows
                subspace.extend(self._directions(residuals, moving))
                stopped = "whole space" if len(subspace) == size else None
        found = conventional(subspace.combine(padded(rows, len(subspace))))
        measured = self._residuals(found, geometry.push(found), values)
        residual = float(np.sqrt(squared_norms(measured.flatten(1)))[self._wanted()].max())
        if stopped in ("converged", "whole space") and residual > budget.tolerance:
            # In the subspace what combining directions has rounded adds up.
            stopped = "stalled"
        certificate = Certificate(
            converged=stopped in ("converged", "whole space"),
            stopped=stopped,
            gradient_norm=residual,
            gaps=self._gaps(values),
            iterations=iteration,
            operator_applications=geometry.products - before,
            budget=replace(budget, progress=None),
        )
        return self._result(found, certificate)

    def _wanted(self) -> NDArray[np.bool_]:
        """Return which of the 2 · block Ritz pairs, ascending, are wanted."""
        place = np.arange(2 * self._block)
        return (place < self._k) | (place >= 2 * self._block - self._k)

    def _tolerances(self, tolerance: float) -> Floats:
        """Return that of each Ritz pair: guards need not settle as far."""
        of_guards = max(tolerance, SETTINGS.guard_tolerance)
        return np.where(self._wanted(), tolerance, of_guards)

    def _gaps(self, values: Floats) -> tuple[float, ...]:
        """Return how far the next value is, at the low and at the high end, relative."""
        k, block = self._k, self._block
        if block == k:
            return (0.0, 0.0)
        inner = np.array([values[k], values[-k]])
        outer = np.array([values[k - 1], values[-k - 1]])
        return tuple(np.clip(1 - outer / np.maximum(inner, 1e-300), 0.0, 1.0).tolist())

    def _result(self, found: Tensor, certificate: Certificate) -> Ends:
        k = self._k
        ends = torch.cat([found[-k:].flip(0), found[:k]])
        # By the definition: the search has another scale, and floors that rounding does not hide.
        squares = self._asked.sensitivities(ends) ** 2
        with np.errstate(divide="ignore"):
            values = squares[0] / squares[1] if len(squares) == 2 else squares[0]
        return Ends(ends[:k], ends[k:], values[:k], values[k:], certificate)

    def _residuals(self, vectors: Tensor, pushed: Sequence[Tensor], values: Floats) -> Tensor:
        """Return Π(A u − λ B u)/(uᵀA u) for each unit vector u, (2k, C, H, W).

        ``pushed`` are their responses of each representation. So residuals are relative to the
        eigenvalue; a distortion to which A is blind (value 0) counts as a small share of the
        largest.
        """
        squares = squared_norms(pushed[0]) + self._geometry.floors[0]
        size = np.maximum(squares, SETTINGS.invisible * squares.max())
        weights = np.stack([1 / size, -values / size])
        scaled = [
            torch.from_numpy(w).to(t)[:, None] * t for w, t in zip(weights, pushed, strict=False)
        ]
        below = self._geometry.floors[1] if len(pushed) == 2 else 1.0
        own = np.array([self._geometry.floors[0], below]) @ weights
        added = torch.from_numpy(own).to(vectors).view(-1, 1, 1, 1) * vectors
        return self._space.project(self._geometry.pull(scaled) + added)

    def _directions(self, residuals: Tensor, moving: NDArray[np.bool_]) -> Tensor:
        """Improve the Ritz vectors that still move.

        With one representation the high end comes first: without an inner solve its steps cost
        next to nothing.
        """
        block, high = self._block, self._high
        ends = [residuals[block + j] for j in np.flatnonzero(moving[block:])]
        if ends and high is None:
            return torch.stack(ends)
        low = [self._low.solve(residuals[j]) for j in np.flatnonzero(moving[:block])]
        improved = [*low, *(high.solve(end) for end in ends)] if high else low
        return torch.stack(improved)


def _made_room(subspace: Subspace, rows: Floats, earlier: Floats) -> Floats:
    """Shrink a full subspace to the Ritz vectors and those before; return the rows in it."""
    if len(subspace) + len(rows) <= SETTINGS.largest_subspace:
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
