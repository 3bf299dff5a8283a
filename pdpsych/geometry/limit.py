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


def check_enough(support: Tensor, peaks: Tensor) -> None:
    """Refuse peaks (C, H, W) within which no distortion on the support has unit norm."""
    longest = float(torch.where(support, peaks, 0.0).double().norm())
    if not longest > 1:
        raise InputError(
            "no distortion of unit norm has so little room",
            field="room",
            value=longest,
            allowed="room for a norm above 1",
        )


def clipped(distortions: Tensor, support: Tensor, peaks: Tensor) -> Tensor:
    """Return the nearest of unit norm with |ε| ≤ peaks on the support, (K, C, H, W).

    The nearest maximises ⟨ε, ε₀⟩, so it is clip(c ε₀, ±peaks) with the c that makes the norm 1.
    Where ε₀ is 0 at so many pixels that no c does, these share what is missing.

    Parameters
    ----------
    distortions
        ε₀, (K, C, H, W).
    support
        Where a distortion may differ from 0, (C, H, W), bool.
    peaks
        Of each pixel, (C, H, W), or of all; on the support their squares sum to more than 1.
    """
    inside = torch.where(support, distortions.double(), 0.0)
    inside = (inside / _norm(inside).clamp_min(TINY)).flatten(1)
    bounds = torch.where(support, peaks.double(), 0.0).flatten().expand_as(inside)
    found = _scaled(inside, bounds, torch.ones_like(inside[:, :1]))
    missing = (1 - found.square().sum(dim=1, keepdim=True)).clamp_min(0)
    free = support.flatten() & (inside == 0)
    found = found + _scaled(free.to(inside), bounds, missing)
    return found.reshape(distortions.shape).to(distortions)


def _scaled(rows: Tensor, bounds: Tensor, squares: Tensor) -> Tensor:
    """Return clip(c rows, ±bounds) with squared lengths (K, 1), or as long as bounds allow.

    With k values clipped, those of the smallest bounds/|rows|, c² = (squares − the squares of
    their bounds)/(the squares of the other rows).
    """
    sizes = rows.abs()
    reach = torch.where(sizes > 0, bounds / sizes, math.inf)
    order = reach.argsort(dim=1)
    sorted_bounds = bounds.gather(1, order).square()
    before = sorted_bounds.cumsum(1) - sorted_bounds
    # others[:, k]: the squares of all but the first k.
    others = sizes.gather(1, order).square().flip(1).cumsum(1).flip(1)
    scale = ((squares - before).clamp_min(0) / others.clamp_min(TINY)).sqrt()
    fits = (scale <= reach.gather(1, order)) & (others > TINY)
    first = fits.int().argmax(dim=1, keepdim=True)
    factor = torch.where(fits.any(dim=1, keepdim=True), scale.gather(1, first), math.inf)
    return torch.where(rows == 0, 0.0, rows * factor).clamp(-bounds, bounds)


def within(inside: Tensor, less: Callable[[Tensor, Tensor], Tensor], peaks: Tensor) -> Tensor:
    """Return one of unit norm with |ε| ≤ peaks in a subspace near one that is there, (K, C, H, W).

    What is cut off at the limit is projected on the subspace, and nearly twice of it taken away,
    until nothing is cut off.

    Parameters
    ----------
    inside
        ε₀, (K, C, H, W), in the subspace.
    less
        Takes of a distortion in the subspace the projection of another away, and stays in it. The
        projection may be incomplete: the next goes on where it ends.
    peaks
        Of each pixel, (C, H, W), or of all.

    Raises
    ------
    InputError
        If that does not get within the limit.
    """
    found = inside / _norm(inside).clamp_min(TINY)
    for _ in range(MOST_STEPS):
        if bool((found.abs() <= peaks).all()):
            return found
        aim = (1 - SLACK) * peaks
        found = less(found, RELAXATION * (found - found.clamp(-aim, aim)))
        found = found / _norm(found).clamp_min(TINY)
    raise InputError(
        "no allowed distortion near the one that is wanted has so low a peak",
        field="limit",
        remedy="raise limit, or allow more distortions",
    )


def _norm(block: Tensor) -> Tensor:
    return block.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
