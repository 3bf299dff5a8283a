"""A growing subspace of distortions with the Gram matrices of every representation in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.space import DistortionSpace

Floats = NDArray[np.float64]

# Columns converted to float64 at a time: up to here they stay in the processor's cache, with four
# times as many a product takes four times as long (benchmarks/solver_constants.py blocks). With
# 64 directions they need 8 MB.
CHUNK = 1 << 14
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

    The A_i S of deep networks are what fills the memory: each block is kept as it came, since
    joining them would need them twice.

    Attributes
    ----------
    basis
        (m, C, H, W), orthonormal.
    grams
        Sᵀ (I_i + floors_i) S of each representation, (N, m, m), float64.
    """

    def __init__(self, geometry: LocalGeometry, space: DistortionSpace, directions: Tensor):
        self.geometry, self.space = geometry, space
        self.basis = directions.new_zeros((0, *directions.shape[1:]))
        self._pushed: list[list[Tensor]] = [[] for _ in geometry.names]
        self.grams: Floats = np.zeros((len(geometry.names), 0, 0))
        self.extend(directions)

    def __len__(self) -> int:
        return len(self.basis)

    def extend(self, directions: Tensor) -> None:
        """Add directions, orthonormalised; those already inside the subspace are left out."""
        fresh = _orthonormalized(directions, self.basis, self.space)
        if not len(fresh):
            return
        pushed = self.geometry.push(fresh)
        self.basis = torch.cat([self.basis, fresh])
        for blocks, tangents in zip(self._pushed, pushed, strict=True):
            blocks.append(tangents)
        self.grams = np.stack([self._grown(i, len(fresh)) for i in range(len(pushed))])

    def combine(self, coefficients: Floats) -> Tensor:
        """Return the directions of coefficient rows (K, m)."""
        return _mix(coefficients, [self.basis])

    def coefficients(self, directions: Tensor) -> Floats:
        """Return the coefficient rows, (K, m), of directions (K, C, H, W) inside it."""
        rows = directions.flatten(1).double() @ self.basis.flatten(1).double().T
        return np.asarray(rows.cpu().numpy())

    def pushed(self, coefficients: Floats) -> list[Tensor]:
        """Return A_i of the directions of coefficient rows (K, m), without a new product."""
        return [_mix(coefficients, blocks) for blocks in self._pushed]

    def restrict(self, coefficients: Floats) -> Floats:
        """Shrink to the span of coefficient rows (K, m) and return the rows in the new basis."""
        q, r = np.linalg.qr(coefficients.T)
        kept = np.abs(np.diag(r)) > DEPENDENT * np.abs(r).max()
        q = q[:, kept]
        self.basis = _mix(q.T, [self.basis])
        for blocks in self._pushed:
            blocks[:] = [_mix(q.T, blocks)]
        # Of the rounded responses, so that all products are of the same: else the sum of squares
        # that they are would not stay positive.
        count = q.shape[1]
        self.grams = np.zeros((len(self._pushed), 0, 0))
        self.grams = np.stack([self._grown(i, count) for i in range(len(self._pushed))])
        return np.asarray(coefficients @ q)

    def _grown(self, i: int, count: int) -> Floats:
        """Border the Gram matrix of one representation with its newest block."""
        newest = self._pushed[i][-1]
        border = np.concatenate([_products(newest, block) for block in self._pushed[i]], axis=1)
        m = border.shape[1]
        gram = np.zeros((m, m))
        gram[: m - count, : m - count] = self.grams[i]
        gram[m - count :] = border
        gram[:, m - count :] = border.T
        new = np.arange(m - count, m)
        gram[new, new] += self.geometry.floors[i]
        return gram


def _products(a: Tensor, b: Tensor) -> Floats:
    """Return all inner products of rows, accumulated in float64 without a float64 copy of all."""
    parts = zip(a.split(CHUNK, dim=1), b.split(CHUNK, dim=1), strict=True)
    total = torch.zeros((len(a), len(b)), dtype=torch.float64, device=a.device)
    for left, right in parts:
        total += left.double() @ right.double().T
    return np.asarray(total.cpu().numpy())


def _mix(coefficients: Floats, blocks: Sequence[Tensor]) -> Tensor:
    """Return the combinations (K, …) of the rows of all blocks."""
    weights = torch.from_numpy(np.ascontiguousarray(coefficients)).to(blocks[0])
    parts = zip(weights.split([len(block) for block in blocks], dim=1), blocks, strict=True)
    shape = (len(weights), *blocks[0].shape[1:])
    total = blocks[0].new_zeros((len(weights), blocks[0][0].numel()))
    for part, block in parts:
        total.addmm_(part, block.flatten(1))
    return total.reshape(shape)


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
