"""The variance of log sensitivity ratios inside a small subspace, and its maximum.

In a subspace every representation is an m × m Gram matrix G_i, and with u = S a, v = S b::

    x_i = ½ log aᵀG_i a − ½ log bᵀG_i b        F(a, b) = mean (x_i − x̄)²

F does not change with the lengths of a and b.
"""

from __future__ import annotations

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


def log_ratios(grams: Floats, pair: Floats) -> tuple[Floats, Floats]:
    """Return x, (N,), and the squared sensitivities, (N, 2), at coefficients (2, m)."""
    squares = np.einsum("kl,nlm,km->nk", pair, grams, pair)
    return 0.5 * np.log(squares[:, 0] / squares[:, 1]), squares


def slopes(x: Floats) -> Floats:
    """Return ∂F/∂x_i = (2/N)(x_i − x̄); they sum to zero."""
    return 2 / len(x) * (x - x.mean())


def derivatives(grams: Floats, pair: Floats) -> tuple[Floats, Floats]:
    """Return the gradient (2m,) and Hessian (2m, 2m) of F at coefficients (2, m)."""
    x, squares = log_ratios(grams, pair)
    count, m = len(x), pair.shape[1]
    signs = np.array([1.0, -1.0])
    products = np.einsum("nlm,km->nkl", grams, pair)
    each = signs[:, None] * products / squares[..., None]
    weights = slopes(x)
    centred = (each - each.mean(axis=0)).reshape(count, 2 * m)
    hessian = 2 / count * centred.T @ centred
    for k, sign in enumerate(signs):
        block = np.tensordot(weights / squares[:, k], grams, 1)
        block = block - 2 * np.einsum("n,nk,nl->kl", weights, each[:, k], each[:, k])
        hessian[k * m : (k + 1) * m, k * m : (k + 1) * m] += sign * block
    return np.tensordot(weights, each, 1).ravel(), hessian


def maximize(grams: Floats, pair: Floats) -> Floats:
    """Climb F from coefficients (2, m) by modified Newton steps; rows of the result have norm 1.

    Where the Hessian is not negative its eigenvalues are taken with their sign turned, so each
    step climbs; a backtracking line search makes the climb monotone.
    """
    pair = _normalized(pair)
    value = np.var(log_ratios(grams, pair)[0])
    for _ in range(MAX_STEPS):
        gradient, hessian = derivatives(grams, pair)
        if np.linalg.norm(gradient) <= FLAT * value:
            break
        step = _climbing_step(gradient, hessian, pair)
        slope = SUFFICIENT * float(gradient @ step.ravel())
        length = 1 / max(1.0, np.linalg.norm(step, axis=1).max())
        while True:
            trial = _normalized(pair + length * step)
            reached = np.var(log_ratios(grams, trial)[0])
            if reached >= value + length * slope or length < SHORTEST:
                break
            length /= 2
        if reached <= value * (1 + LEAST_GAIN):
            break
        pair, value = trial, reached
    return pair


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
