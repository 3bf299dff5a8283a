"""The ascent that goes on where no pixel may change by more than a limit."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pdpsych.geometry.solvers import disagreement
from pdpsych.geometry.solvers.climb import Problem

# Steps at most, halvings of one, and the relative rise that ends it.
STEPS, HALVINGS, LEAST_RISE = 60, 8, 1e-4
# Share of the limit from which on a pixel counts as at it.
AT_LIMIT = 0.999


def limited(problem: Problem, pair: Tensor) -> tuple[Tensor, float]:
    """Climb from a pair to one within the space's limit; return it, (2, C, H, W), unit norm.

    Also returns the share of pixel values at the limit. The limit is no linear restriction: each
    step along the preconditioned gradient is projected to the nearest pair within it, and taken
    where it climbs.
    """
    space = problem.space
    pair = space.within_limit(pair)
    x, squares, pushed = problem.measured(pair)
    reached = disagreement.value(problem.contrast, x)
    for _ in range(STEPS):
        weights = problem.weights(x, squares)
        gradients = problem.applied(pair, pushed, weights)
        sides = [problem.resisting(w) for w in np.maximum(-weights.T, 0.0)]
        divided = [s.precondition(g) for s, g in zip(sides, gradients, strict=True)]
        direction, length = torch.stack(divided), 1.0
        for _ in range(HALVINGS):
            trial = space.within_limit(pair + length * direction)
            measured = problem.measured(trial)
            value = disagreement.value(problem.contrast, measured[0])
            if value > reached:
                break
            length /= 2
        if value <= (1 + LEAST_RISE) * reached:
            break
        pair, (x, squares, pushed), reached = trial, measured, value
    assert space.limit is not None
    peak = space.limit * space.support.numel() ** -0.5
    return pair, float((pair.abs() >= AT_LIMIT * peak).double().mean())
