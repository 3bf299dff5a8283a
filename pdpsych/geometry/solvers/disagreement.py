"""How far representations disagree about a pair, inside a small subspace, and its maximum.

In a subspace every representation is an m × m Gram matrix G_i, and with u = S a, v = S b::

    x_i = ½ log aᵀG_i a − ½ log bᵀG_i b        F(a, b) = xᵀ L x

L is symmetric and positive semidefinite with L·1 = 0: F does not change with the lengths of a and
b, nor with the scale of a representation. Where all representations count alike it is the variance
of x, where groups do, the variance of the means of groups.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Far more than there are: Newton's method took 3 to 5 steps, at most 16 in a first subspace.
MAX_STEPS = 100
# Share of the climb that the slope promises which a step must bring (Armijo's rule); the usual
# value (Nocedal & Wright 2006), which halved or doubled changes nothing
# (benchmarks/solver_constants.py).
SUFFICIENT = 1e-4
# Below the rounding of a variance of logarithms: slopes relative to it, steps, curvatures
# relative to the largest, and the relative gain of a step.
FLAT, SHORTEST, LEAST_CURVATURE, LEAST_GAIN = 1e-10, 1e-10, 1e-10, 1e-12
# A sweep that brings less is the last: what is left is for Newton's method.
LEAST_RISE = 1e-3
SIGNS = np.array([1.0, -1.0])
# F below which models are the same: x equal to ten digits, which logarithms of squares in float64
# resolve.
SAME = 1e-20


def log_ratios(grams: Floats, pair: Floats) -> tuple[Floats, Floats]:
    """Return x, (N,), and the squared sensitivities, (N, 2), at coefficients (2, m)."""
    squares = np.einsum("kl,nlm,km->nk", pair, grams, pair)
    return 0.5 * np.log(squares[:, 0] / squares[:, 1]), squares


def contrast(groups: Sequence[Hashable]) -> Floats:
    """Return L, (N, N), of the group that each representation belongs to.

    With a group for each representation, (I − 11ᵀ/N)/N, of which xᵀLx is the population variance.
    """
    names = list(dict.fromkeys(groups))
    means = np.array([[group == name for group in groups] for name in names], dtype=float)
    means /= means.sum(axis=1, keepdims=True)
    centred = means - means.mean(axis=0)
    return np.asarray(centred.T @ centred / len(names))


def value(contrast: Floats, x: Floats) -> float:
    """Return F = xᵀLx."""
    # Rounding of L·1 must not count where all of x is alike and large.
    centred = x - x.mean()
    return float(centred @ contrast @ centred)


def slopes(contrast: Floats, x: Floats) -> Floats:
    """Return ∂F/∂x_i; they sum to zero."""
    return np.asarray(2 * contrast @ (x - x.mean()))


def derivatives(contrast: Floats, grams: Floats, pair: Floats) -> tuple[Floats, Floats]:
    """Return the gradient (2m,) and Hessian (2m, 2m) of F at coefficients (2, m)."""
    x, squares = log_ratios(grams, pair)
    count, m = len(x), pair.shape[1]
    signs = np.array([1.0, -1.0])
    products = np.einsum("nlm,km->nkl", grams, pair)
    each = signs[:, None] * products / squares[..., None]
    weights = slopes(contrast, x)
    flat = each.reshape(count, 2 * m)
    hessian = 2 * flat.T @ contrast @ flat
    for k, sign in enumerate(signs):
        block = np.tensordot(weights / squares[:, k], grams, 1)
        block = block - 2 * np.einsum("n,nk,nl->kl", weights, each[:, k], each[:, k])
        hessian[k * m : (k + 1) * m, k * m : (k + 1) * m] += sign * block
    return np.tensordot(weights, each, 1).ravel(), hessian


def maximize(contrast: Floats, grams: Floats, pair: Floats, steps: int = MAX_STEPS) -> Floats:
    """Climb F from coefficients (2, m) by modified Newton steps; rows of the result have norm 1.

    Where the Hessian is not negative its eigenvalues are taken with their sign turned, so each
    step climbs; a backtracking line search makes the climb monotone.
    """
    pair = _normalized(pair)
    size = value(contrast, log_ratios(grams, pair)[0])
    for _ in range(steps):
        gradient, hessian = derivatives(contrast, grams, pair)
        if np.linalg.norm(gradient) <= FLAT * size:
            break
        step = _climbing_step(gradient, hessian, pair)
        slope = SUFFICIENT * float(gradient @ step.ravel())
        length = 1 / max(1.0, np.linalg.norm(step, axis=1).max())
        while True:
            trial = _normalized(pair + length * step)
            reached = value(contrast, log_ratios(grams, trial)[0])
            if reached >= size + length * slope or length < SHORTEST:
                break
            length /= 2
        if reached <= size * (1 + LEAST_GAIN):
            break
        pair, size = trial, reached
    return pair


def sweep(contrast: Floats, grams: Floats, pair: Floats, most: int) -> Floats:
    """Climb F from coefficients (2, m) by steps that can leave a basin, ``most`` at most.

    A maximum is at the top of each side's pencil (Σ_{c>0} c G/q, Σ_{c<0} |c| G/q), c = ∂F/∂x: each
    step takes one distortion, or both, from there, whichever makes F the largest.
    """
    pair = _normalized(pair)
    x, squares = log_ratios(grams, pair)
    size = value(contrast, x)
    for _ in range(most):
        if size < SAME:
            break
        weights = slopes(contrast, x)[:, None] / squares * SIGNS
        u, v = (_top(grams, side) for side in weights.T)
        trials = [np.array(rows) for rows in ((u, v), (u, pair[1]), (pair[0], v))]
        reached = [value(contrast, log_ratios(grams, trial)[0]) for trial in trials]
        best = int(np.argmax(reached))
        if reached[best] <= size * (1 + LEAST_RISE):
            break
        pair, size = trials[best], reached[best]
        x, squares = log_ratios(grams, pair)
    return pair


def pencil(grams: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return Σ₊ w G and Σ₋ |w| G, (m, m), of weights (N,): what excites a side, and resists it."""
    excited, resisting = (np.tensordot(np.maximum(s * weights, 0), grams, 1) for s in SIGNS)
    return excited, resisting


def _top(grams: Floats, weights: Floats) -> Floats:
    """Return the unit vector that maximises Σ₊ w G relative to Σ₋ |w| G, (m,)."""
    excited, resisting = pencil(grams, weights)
    # All of them: asked for the last alone LAPACK may give none where many are equal.
    top = scipy.linalg.eigh(excited, resisting, check_finite=False)[1][:, -1]
    return np.asarray(top / np.linalg.norm(top))


def _climbing_step(gradient: Floats, hessian: Floats, pair: Floats) -> Floats:
    """Return the modified Newton step on the product of the unit spheres, (2, m)."""
    tangent = scipy.linalg.block_diag(*(np.eye(len(row)) - np.outer(row, row) for row in pair))
    values, vectors = np.linalg.eigh(tangent @ hessian @ tangent)
    size = np.abs(values)
    size = np.maximum(size, LEAST_CURVATURE * size.max())
    step = tangent @ (vectors @ ((vectors.T @ (tangent @ gradient)) / size))
    return np.asarray(step.reshape(pair.shape))


def _normalized(pair: Floats) -> Floats:
    return np.asarray(pair / np.linalg.norm(pair, axis=1, keepdims=True))
