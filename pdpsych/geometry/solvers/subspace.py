"""A growing subspace of distortions with the Gram matrices of every representation in it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.geometry.kept_responses import ALL, Keeping, KeptResponses, mix
from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.space import DistortionSpace

Floats = NDArray[np.float64]

# What is left of a direction after it was made orthogonal twice, which is enough (Giraud et al.
# 2005), is rounding below 1e-5 of its length: 80 times what float32 resolves.
INSIDE = 1e-5
# Length that what is left, made unit, has when projected: what has less was rounding.
REAL = 0.1
# Coefficients come from float64 Gram matrices; what QR leaves below this is rounding.
DEPENDENT = 1e-10
# A response is known to a few rounding errors of a typical response, a quadratic form to a few of
# its largest terms. tests/geometry/solvers/test_subspace.py shows these to be above rounding and
# 100 times below what is measured.
RESPONSE_ERRORS, FORM_ERRORS = 16, 64


def resolution(geometry: LocalGeometry) -> float:
    """Return the squared sensitivity, relative to the mean power, that rounding hides."""
    response = RESPONSE_ERRORS * torch.finfo(geometry.image.dtype).eps
    form = FORM_ERRORS * float(np.finfo(np.float64).eps)
    return float(max(response**2, form))


def resolved(geometry: LocalGeometry) -> LocalGeometry:
    """Return the geometry to search in: mean powers of 1, and floors that rounding does not hide.

    Where no floor is asked for, this one keeps logarithms finite.
    """
    above = geometry.normalized()
    above.floors = np.maximum(above.floors, resolution(geometry))
    return above


def padded(rows: Floats, size: int) -> Floats:
    """Return coefficient rows (K, m) in a subspace that has grown to ``size`` directions."""
    return np.pad(rows, ((0, 0), (0, size - rows.shape[1])))


def likeness(pair: Floats, other: Floats) -> float:
    """Return how alike two pairs, (2, …) rows of any length, are, whatever their order and signs.

    The |cosine| of the distortions that are less alike.
    """
    unit, as_unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (pair, other))
    cosines = np.abs(unit @ as_unit.T)
    straight, crossed = np.diag(cosines).min(), np.diag(cosines[::-1]).min()
    return float(max(straight, crossed))


def conventional(distortions: Tensor) -> Tensor:
    """Return distortions (K, C, H, W) with unit norm and the sign that makes Σ ε³ ≥ 0."""
    unit = distortions / distortions.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    skew = unit.double().pow(3).sum(dim=(1, 2, 3), keepdim=True)
    return torch.where(skew < 0, -unit, unit)


class Subspace:
    """Orthonormal directions S with A_i S kept, so that sensitivities inside it are m × m algebra.

    Parameters
    ----------
    geometry
        The representations.
    space
        What directions are projected to.
    directions
        The first, (K, C, H, W).
    keeping
        What of their responses is kept; all by default.

    Attributes
    ----------
    basis
        (m, C, H, W), orthonormal.
    grams
        Sᵀ (I_i + floors_i) S of each representation, (N, m, m), float64.
    """

    def __init__(
        self,
        geometry: LocalGeometry,
        space: DistortionSpace,
        directions: Tensor,
        keeping: Keeping = ALL,
    ):
        self.geometry, self.space = geometry, space
        self.basis = directions.new_zeros((0, *directions.shape[1:]))
        self._responses = KeptResponses(geometry, keeping)
        self.grams: Floats = np.zeros((len(geometry.names), 0, 0))
        self.extend(directions)

    def __len__(self) -> int:
        return len(self.basis)

    def extend(self, directions: Tensor) -> None:
        """Add directions, orthonormalised; those already inside the subspace are left out."""
        fresh = _orthonormalized(directions, self.basis, self.space)
        if not len(fresh):
            return
        self.basis = torch.cat([self.basis, fresh])
        self._border(self._responses.extend(self.basis, len(fresh)))

    def combine(self, coefficients: Floats) -> Tensor:
        """Return the directions of coefficient rows (K, m)."""
        return mix(self._weights(coefficients), [self.basis])

    def coefficients(self, directions: Tensor) -> Floats:
        """Return the coefficient rows, (K, m), of directions (K, C, H, W) inside it."""
        rows = directions.flatten(1).double() @ self.basis.flatten(1).double().T
        return np.asarray(rows.cpu().numpy())

    def pushed(self, coefficients: Floats) -> list[Tensor]:
        """Return A_i of the directions of coefficient rows (K, m), of what is kept."""
        return self._responses.mixed(self._weights(coefficients), self.combine(coefficients))

    def restrict(self, coefficients: Floats) -> Floats:
        """Shrink to the span of coefficient rows (K, m) and return the rows in the new basis."""
        q, r = np.linalg.qr(coefficients.T)
        kept = np.abs(np.diag(r)) > DEPENDENT * np.abs(r).max()
        q = q[:, kept]
        self.basis = self.combine(q.T)
        self.grams = np.zeros((len(self.grams), 0, 0))
        self._border(self._responses.restrict(self._weights(q.T), self.basis))
        return np.asarray(coefficients @ q)

    def release(self) -> None:
        """Forget the responses, not the Gram matrices; to go on they are found again."""
        self._responses.release()

    def _border(self, products: Tensor) -> None:
        """Border the Gram matrices with the products of the newest directions, (N, K, m)."""
        border = products.cpu().numpy()
        count, m = border.shape[1:]
        grams = np.zeros((len(border), m, m))
        grams[:, : m - count, : m - count] = self.grams
        grams[:, m - count :] = border
        grams[:, :, m - count :] = border.transpose(0, 2, 1)
        new = np.arange(m - count, m)
        grams[:, new, new] += self.geometry.floors[:, None]
        self.grams = grams

    def _weights(self, coefficients: Floats) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(coefficients)).to(self.basis)


def _orthonormalized(directions: Tensor, basis: Tensor, space: DistortionSpace) -> Tensor:
    """Gram–Schmidt, twice, against the basis and among themselves, inside the space.

    What is left of a direction may be little, and rounding much of that: it is projected between,
    and left out where that was nearly all of it.
    """
    kept = basis.flatten(1)
    first = len(kept)
    for direction in directions:
        rest = (direction / direction.norm()).flatten()
        for least in (INSIDE, REAL):
            rest = rest - kept.T @ (kept @ rest)
            length = rest.norm()
            if not length > least:
                break
            rest = rest / length
            if least == INSIDE:
                rest = space.project(rest.reshape(1, *direction.shape)).flatten()
        else:
            kept = torch.cat([kept, rest[None]])
    return kept[first:].reshape(-1, *basis.shape[1:])
