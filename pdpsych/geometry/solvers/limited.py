"""The ascent that goes on where no pixel may change by more than a limit."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.geometry.solvers import disagreement
from pdpsych.geometry.solvers.climb import Problem

Floats = NDArray[np.float64]

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
    x, squares = _measured(problem, pair)
    reached = disagreement.value(problem.contrast, x)
    for _ in range(STEPS):
        direction = _direction(problem, pair, x, squares)
        length = 1.0
        for _ in range(HALVINGS):
            trial = space.within_limit(pair + length * direction)
            x_trial, squares_trial = _measured(problem, trial)
            value = disagreement.value(problem.contrast, x_trial)
            if value > reached:
                break
            length /= 2
        if value <= (1 + LEAST_RISE) * reached:
            break
        pair, x, squares, reached = trial, x_trial, squares_trial, value
    assert space.limit is not None
    peak = space.limit * space.support.numel() ** -0.5
    return pair, float((pair.abs() >= AT_LIMIT * peak).double().mean())


def _measured(problem: Problem, pair: Tensor) -> tuple[Floats, Floats]:
    squares = problem.geometry.squares(pair) + problem.geometry.floors[:, None]
    return 0.5 * np.log(squares[:, 0] / squares[:, 1]), squares


def _direction(problem: Problem, pair: Tensor, x: Floats, squares: Floats) -> Tensor:
    """Return the gradients divided by what resists them, (2, C, H, W)."""
    geometry = problem.geometry
    weights = disagreement.slopes(problem.contrast, x)[:, None] / squares * disagreement.SIGNS
    scaled = [
        torch.from_numpy(w).to(t)[:, None] * t
        for w, t in zip(weights, geometry.push(pair), strict=True)
    ]
    own = torch.from_numpy(geometry.floors @ weights).to(geometry.image)
    gradients = problem.space.project(geometry.pull(scaled) + own.view(2, 1, 1, 1) * pair)
    sides = [problem.resisting(w) for w in np.maximum(-weights.T, 0.0)]
    divided = [s.precondition(g) for s, g in zip(sides, gradients, strict=True)]
    return torch.stack(divided)
