"""The best pair of distortions of a small image, by dense algebra in float64 from many starts.

Nothing here comes from the product's solvers: I_i is written out as a matrix on an orthonormal
basis of the distortions that a space allows. With c = ∂F/∂x and q_i = uᵀM_i u, each sweep takes
for u the top of the pencil (Σ_{c>0} c M/q, Σ_{c<0} |c| M/q), and for v that of the opposite signs.
F need not rise there, but it does within span{N⁻¹ M_i u}: it is convex in x, so its tangent, and
Cauchy–Schwarz for the positive logarithms, bound it from below by what has its maximum in that
span. A trust-region Newton method ends each sweep in the span of all of these, and ends the climb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray

from pdpsych.geometry import DistortionSpace, LocalGeometry
from pdpsych.geometry.representation import RepresentationLike

Floats = NDArray[np.float64]

SIGNS = (1.0, -1.0)
# Singular values of P below this, relative to the largest, are rounding.
RANK = 1e-7
MOST_SWEEPS, LEAST_GAIN = 60, 1e-9
# Distortions of two climbs are the same above this |cosine|; the metric is that of pixels.
SAME = 0.99
NEAR = 1e-3
# Below this F is rounding: all models are the same.
NOTHING = 1e-24
MOST_STEPS, HALVINGS, FLAT, LEAST_CURVATURE = 50, 30, 1e-9, 1e-10


@dataclass(frozen=True)
class Dense:
    """A set of representations at a small image, written out.

    Attributes
    ----------
    basis
        Orthonormal, (m, D), of the distortions that the space allows.
    roots
        A_i of each representation, (Q_i, D).
    floors
        η² tr I_i/D, as the product estimates it, (N,).
    power
        tr I_i/D, (N,).
    grams
        The information with floor in the basis, divided by ``power``, (N, m, m).
    """

    basis: Floats
    roots: list[Floats]
    floors: Floats
    power: Floats
    grams: Floats

    @classmethod
    def of(
        cls,
        representations: Sequence[RepresentationLike],
        image: torch.Tensor,
        floor: float,
        **options: float,
    ) -> Dense:
        """Write out representations at an image, both float64; ``options`` are the space's."""
        local = LocalGeometry(representations, image, floor=floor)
        pixels = torch.eye(local.dimension, dtype=torch.float64).reshape(-1, *image.shape)
        roots = [pushed.T.numpy() for pushed in local.push(pixels)]
        allowed = DistortionSpace(image, **options).apply(pixels).flatten(1).numpy().T
        basis, sizes, _ = np.linalg.svd(allowed)
        basis = basis[:, : np.sum(sizes > RANK * sizes[0])].T
        power = np.array([np.square(root).sum() / local.dimension for root in roots])
        inside = [root @ basis.T / size**0.5 for root, size in zip(roots, power, strict=True)]
        own = local.floors / power
        grams = np.stack(
            [a.T @ a + f * np.eye(len(basis)) for a, f in zip(inside, own, strict=True)]
        )
        return cls(basis, roots, local.floors, power, grams)

    def log_ratios(self, pair: Floats) -> Floats:
        """Return x by its definition, (N,), at distortions (2, D) of any length."""
        squares = [
            np.square(root @ pair.T).sum(axis=0) + floor * np.square(pair).sum(axis=1)
            for root, floor in zip(self.roots, self.floors, strict=True)
        ]
        return np.array([0.5 * np.log(u / v) for u, v in squares])

    def blindness(self) -> Floats:
        """Return the least power of each model in the space over its mean power, (N,), no floor."""
        least = []
        for root, power in zip(self.roots, self.power, strict=True):
            inside = root @ self.basis.T / power**0.5
            few = len(inside) < len(self.basis)
            least.append(0.0 if few else np.linalg.svd(inside, compute_uv=False)[-1] ** 2)
        return np.array(least)

    def gradient(self, pair: Floats) -> Floats:
        """Return ∇F over F in the basis, (2, m), at distortions (2, D) made unit."""
        rows = _unit(pair @ self.basis.T)
        value, gradient = _slope([self.grams] * 2, rows)
        return gradient.reshape(rows.shape) / max(value, NOTHING)

    def variance(self, pair: Floats) -> float:
        """Return F at distortions (2, D), in the space."""
        return variance(self.grams, pair @ self.basis.T)

    def outside(self, pair: Floats) -> float:
        """Return the largest share of the length of a distortion, (2, D), outside the space."""
        rest = pair - pair @ self.basis.T @ self.basis
        return float((np.linalg.norm(rest, axis=1) / np.linalg.norm(pair, axis=1)).max())

    def maximum(self, pair: Floats) -> tuple[float, Floats]:
        """Return F and the pair, (2, D), where Newton's method leads from distortions (2, D)."""
        value, rows = polished(self.grams, _unit(pair @ self.basis.T))
        return value, rows @ self.basis


@dataclass(frozen=True)
class Optimum:
    """A maximum: F, the pair in the basis, (2, m), and how many starts led here."""

    value: float
    pair: Floats
    starts: int = 1


def optima(grams: Floats, seed: int, starts: int = 40) -> list[Optimum]:
    """Return the distinct maxima of F within ``NEAR`` of the best, the best first."""
    found: list[Optimum] = []
    for first in first_pairs(grams, seed, starts):
        pair = climbed(grams, first, [known.pair for known in found])
        _add(found, Optimum(variance(grams, pair), pair))
    best = max(known.value for known in found)
    ended: list[Optimum] = []
    for known in found:
        if known.value >= best * (1 - 10 * NEAR):
            _add(ended, Optimum(*polished(grams, known.pair), known.starts))
    ended.sort(key=lambda known: -known.value)
    return [known for known in ended if known.value >= ended[0].value * (1 - NEAR)]


def first_pairs(grams: Floats, seed: int, starts: int) -> list[Floats]:
    """Return pairs to begin from, (2, m): ends of pencils of two models, and white noise.

    Of each two models the two extremal generalised eigenvectors at both ends; of all their
    combinations the own pairs of two models, those with the largest F, and some at random.
    """
    rng = np.random.default_rng(seed)
    count, m = len(grams), grams.shape[1]
    ends = min(2, m // 2)
    rows, own = [], []
    for i in range(count):
        for j in range(i):
            vectors = scipy.linalg.eigh(grams[i], grams[j])[1].T
            own.append((len(rows), len(rows) + 1))
            rows += [vectors[-1], vectors[0], *vectors[-2 : -1 - ends : -1], *vectors[1:ends]]
    directions = _unit(np.array(rows))
    logs = 0.5 * np.log(np.einsum("kl,nlm,km->nk", directions, grams, directions))
    variances = np.var(logs[:, :, None] - logs[:, None, :], axis=0)
    order = np.argsort(-np.triu(variances), axis=None)[: starts // 4]
    best = [divmod(int(place), len(directions)) for place in order]
    mixed = rng.integers(len(directions), size=(starts // 4, 2))
    chosen = {tuple(sorted(p)) for p in [*own, *best, *mixed.tolist()] if p[0] != p[1]}
    noise = rng.standard_normal((max(starts // 4, starts - len(chosen)), 2, m))
    return [*(directions[list(pair)] for pair in sorted(chosen)), *(_unit(n) for n in noise)]


def climbed(grams: Floats, pair: Floats, known: Sequence[Floats] = ()) -> Floats:
    """Return the pair where sweeps from a pair end, or come near one that is known."""
    pair, value = _unit(pair), variance(grams, pair)
    for _ in range(MOST_SWEEPS if value > NOTHING else 0):
        pair, before = _swept(grams, pair), value
        value = variance(grams, pair)
        near = (other for other in known if _alike(pair, other))
        if (same := next(near, None)) is not None:
            return same
        if value <= before * (1 + LEAST_GAIN):
            break
    return pair


def polished(grams: Floats, pair: Floats) -> tuple[float, Floats]:
    """Return F and the pair at the end of Newton's method in the whole basis.

    In the coordinates in which what resists each distortion is white.
    """
    if (value := variance(grams, pair)) <= NOTHING:
        return value, pair
    roots = []
    for _, resisting in _pencils(grams, pair):
        factor = scipy.linalg.cholesky(_firm(resisting), lower=True)
        roots.append(scipy.linalg.solve_triangular(factor, np.eye(len(factor)), lower=True))
    inside = [root @ grams @ root.T for root in roots]
    first = [np.linalg.solve(root.T, row) for root, row in zip(roots, pair, strict=True)]
    rows = _newton(inside, np.array(first))
    ended = _unit(np.array([root.T @ row for root, row in zip(roots, rows, strict=True)]))
    return max((variance(grams, ended), ended), (value, pair), key=lambda reached: reached[0])


def variance(grams: Floats, pair: Floats) -> float:
    """Return F at a pair (2, m)."""
    squares = np.einsum("kl,nlm,km->nk", pair, grams, pair)
    return float(np.var(0.5 * np.log(squares[:, 0] / squares[:, 1])))


def _swept(grams: Floats, pair: Floats) -> Floats:
    spans, tops = [], []
    for row, (exciting, resisting) in zip(pair, _pencils(grams, pair), strict=True):
        firm = _firm(resisting)
        last = [len(row) - 1] * 2
        top = scipy.linalg.eigh(exciting, firm, subset_by_index=last, check_finite=False)[1][:, 0]
        guaranteed = scipy.linalg.solve(firm, (grams @ row).T, assume_a="pos").T
        spans.append(np.linalg.qr(_unit(np.vstack([row, top, guaranteed])).T)[0].T)
        tops.append(top)
    inside = [span @ grams @ span.T for span in spans]
    starts = [
        np.array([span @ row for span, row in zip(spans, rows, strict=True)])
        for rows in (pair, tops, (tops[0], pair[1]), (pair[0], tops[1]))
    ]
    first = max(starts, key=lambda start: _slope(inside, start)[0])
    rows = _newton(inside, first)
    return _unit(np.array([row @ span for row, span in zip(rows, spans, strict=True)]))


def _weights(grams: Floats, pair: Floats) -> Floats:
    """Return ∂F/∂q_i of both distortions, times 2, (2, N)."""
    squares = np.einsum("kl,nlm,km->kn", pair, grams, pair)
    x = 0.5 * np.log(squares[0] / squares[1])
    slopes = 2 / len(x) * (x - x.mean())
    return np.array([sign * slopes / q for sign, q in zip(SIGNS, squares, strict=True)])


def _pencils(grams: Floats, pair: Floats) -> list[tuple[Floats, Floats]]:
    """Return what excites and what resists each distortion, (m, m) each."""
    sides = _weights(grams, pair)
    return [
        (np.tensordot(np.maximum(w, 0), grams, 1), np.tensordot(np.maximum(-w, 0), grams, 1))
        for w in sides
    ]


def _firm(matrix: Floats) -> Floats:
    """Return a matrix that is positive definite beyond rounding."""
    size = max(np.trace(matrix) / len(matrix), 1e-300)
    return np.asarray(matrix + 1e-14 * size * np.eye(len(matrix)))


def _newton(sides: Sequence[Floats], pair: Floats) -> Floats:
    """Return the maximum of F above a pair, each distortion in a basis of its own.

    Newton's method with the signs of positive curvatures turned, so that each step climbs.
    """
    pair = _unit(pair)
    value, gradient = _slope(sides, pair)
    for _ in range(MOST_STEPS):
        if np.linalg.norm(gradient) <= FLAT * value:
            break
        curvature = _curvature(sides, pair)
        # F does not change with lengths: what steps there would be is rounding.
        fixed = scipy.linalg.block_diag(*(np.outer(row, row) for row in pair))
        sizes, vectors = np.linalg.eigh(curvature - np.abs(curvature).max() * fixed)
        sizes = np.abs(sizes)
        step = vectors @ (vectors.T @ gradient / np.maximum(sizes, LEAST_CURVATURE * sizes.max()))
        length = min(1.0, 0.5 / np.linalg.norm(step))
        for _ in range(HALVINGS):
            trial = _unit(pair + length * step.reshape(pair.shape))
            reached, slope = _slope(sides, trial)
            if reached > value:
                break
            length /= 2
        else:
            break
        pair, value, gradient = trial, reached, slope
    return pair


def _slope(sides: Sequence[Floats], pair: Floats) -> tuple[float, Floats]:
    """Return F and its gradient, flat."""
    x, each = _parts(sides, pair)
    slopes = 2 / len(x) * (x - x.mean())
    return float(np.var(x)), np.concatenate([slopes @ part for part in each])


def _curvature(sides: Sequence[Floats], pair: Floats) -> Floats:
    """Return the Hessian of F."""
    x, each = _parts(sides, pair)
    slopes = 2 / len(x) * (x - x.mean())
    joint = np.concatenate(each, axis=1)
    joint = joint - joint.mean(axis=0)
    blocks = []
    for row, sign, grams, part in zip(pair, SIGNS, sides, each, strict=True):
        squares = np.einsum("l,nlm,m->n", row, grams, row)
        own = np.tensordot(slopes / squares, grams, 1)
        blocks.append(sign * own - 2 * sign * part.T @ (slopes[:, None] * part))
    return np.asarray(2 / len(x) * joint.T @ joint + scipy.linalg.block_diag(*blocks))


def _parts(sides: Sequence[Floats], pair: Floats) -> tuple[Floats, list[Floats]]:
    """Return x, (N,), and ∂x_i by each distortion, (N, m) each."""
    x, each = np.zeros(len(sides[0])), []
    for row, sign, grams in zip(pair, SIGNS, sides, strict=True):
        products = grams @ row
        squares = products @ row
        x = x + 0.5 * sign * np.log(squares)
        each.append(sign * products / squares[:, None])
    return x, each


def _add(found: list[Optimum], new: Optimum) -> None:
    for number, known in enumerate(found):
        if _alike(known.pair, new.pair):
            better = max(known, new, key=lambda optimum: optimum.value)
            total = known.starts + new.starts
            found[number] = Optimum(better.value, better.pair, total)
            return
    found.append(new)


def _alike(pair: Floats, other: Floats) -> bool:
    """Say whether two pairs are the same, whichever is called u."""
    cosines = np.abs(pair @ other.T)
    return bool(max(np.diag(cosines).min(), np.diag(cosines[::-1]).min()) > SAME)


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))
