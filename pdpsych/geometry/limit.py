"""A limit on the change of each pixel, relative to the RMS over all pixel values."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pdpsych.common.errors import InputError

# By how much alternating projections aim below the limit, so that they get there.
SLACK = 1e-3
# 1 takes twice the steps, 3 half of them and ends up to a tenth of ε₀ further away.
RELAXATION = 1.8
MOST_STEPS = 500
TINY = 1e-30


def checked(limit: float, support: Tensor) -> float:
    """Return a limit.

    Raises
    ------
    InputError
        If no distortion on the support (C, H, W) has a lower peak than it says.
    """
    least = math.sqrt(support.numel() / max(int(support.sum()), 1))
    if not least < limit < math.inf:
        raise InputError(
            "no distortion has so low a peak" if limit <= least else "is out of range",
            field="limit",
            value=limit,
            allowed=f"above {least:.4g}, what changes of one size at all allowed pixels have",
        )
    return float(limit)


def clipped(distortions: Tensor, support: Tensor, peak: float) -> Tensor:
    """Return the nearest of unit norm with |ε| ≤ peak on the support, (K, C, H, W).

    The nearest maximises ⟨ε, ε₀⟩, so it is clip(c ε₀, ±peak) with the c that makes the norm 1:
    with the k largest clipped, c² = (1 − k peak²)/(the squares of the others). Where ε₀ is 0 at so
    many pixels that no c does, these share what is missing.
    """
    inside = torch.where(support, distortions.double(), 0.0)
    inside = (inside / _norm(inside).clamp_min(TINY)).flatten(1)
    squares = inside.abs().sort(dim=1, descending=True).values.square()
    # others[:, k]: the squares of all but the k largest.
    others = squares.flip(1).cumsum(1).flip(1)
    clipped_already = peak**2 * torch.arange(squares.shape[1]).to(squares)
    scale = ((1 - clipped_already).clamp_min(0) / others.clamp_min(TINY)).sqrt()
    fits = (scale * squares.sqrt() <= peak) & (others > TINY)
    first = fits.int().argmax(dim=1, keepdim=True)
    factor = torch.where(fits.any(dim=1, keepdim=True), scale.gather(1, first), math.inf)
    found = torch.where(inside == 0, 0.0, inside * factor).clamp(-peak, peak)
    missing = (1 - found.square().sum(dim=1, keepdim=True)).clamp_min(0)
    free = support.flatten() & (inside == 0)
    share = (missing / free.sum(dim=1, keepdim=True).clamp_min(1)).sqrt()
    found = torch.where(free & factor.isinf(), share, found)
    return found.reshape(distortions.shape).to(distortions)


def within(inside: Tensor, less: Callable[[Tensor, Tensor], Tensor], peak: float) -> Tensor:
    """Return one of unit norm with |ε| ≤ peak in a subspace near one that is there, (K, C, H, W).

    What is cut off at the limit is projected on the subspace, and nearly twice of it taken away,
    until nothing is cut off.

    Parameters
    ----------
    inside
        ε₀, (K, C, H, W), in the subspace.
    less
        Takes of a distortion in the subspace the projection of another away, and stays in it. The
        projection may be incomplete: the next goes on where it ends.

    Raises
    ------
    InputError
        If that does not get within the limit.
    """
    found = inside / _norm(inside).clamp_min(TINY)
    for _ in range(MOST_STEPS):
        if bool((found.abs() <= peak).all()):
            return found
        aim = (1 - SLACK) * peak
        found = less(found, RELAXATION * (found - found.clamp(-aim, aim)))
        found = found / _norm(found).clamp_min(TINY)
    raise InputError(
        "no allowed distortion near the one that is wanted has so low a peak",
        field="limit",
        remedy="raise limit, or allow more distortions",
    )


def _norm(block: Tensor) -> Tensor:
    return block.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
