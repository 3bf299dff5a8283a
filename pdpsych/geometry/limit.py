"""A limit on the change of each pixel, relative to the RMS over all pixel values."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pdpsych.common.errors import InputError

<<<<<<< HEAD
# Where the span is no set of pixels, values end between the limit and this share below it.
SLACK = 1e-3
=======
# By how much alternating projections aim below the limit, so that they get there.
SLACK = 1e-3
# 1 takes twice the steps, 3 half of them and ends up to a tenth of ε₀ further away.
RELAXATION = 1.8
>>>>>>> space
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


<<<<<<< HEAD
def within(distortions: Tensor, project: Callable[[Tensor], Tensor], peak: float) -> Tensor:
    """Return the nearest of unit norm with |ε| ≤ peak in a subspace, (K, C, H, W).

    The projection of ε₀ on the subspace and the box |ε| ≤ t is x = Π(ε₀ − λ), where λ minimises
    ½‖Π(ε₀ − λ)‖² + t ‖λ‖₁; accelerated proximal gradients find λ, and t follows peak · ‖x‖, which
    falls to where x/‖x‖ has the peak asked for.

    Parameters
    ----------
    project
        The orthogonal projection Π on the subspace.
=======
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
>>>>>>> space

    Raises
    ------
    InputError
<<<<<<< HEAD
        If that does not get within it.
    """
    first = project(distortions)
    first = first / _norm(first).clamp_min(TINY)
    # Only what lies in the subspace counts of λ.
    pushed = before = torch.zeros_like(first)
    kept, gap = torch.zeros_like(first), torch.full_like(_norm(first), math.inf)
    momentum = 1.0
    for _ in range(MOST_STEPS):
        found = project(first - pushed)
        size = _norm(found)
        bound = (1 - SLACK) * peak * size
        # How far λ and x are from a solution, if x is within the limit.
        rest = (bound * pushed.abs() - pushed * found).sum(dim=(1, 2, 3), keepdim=True)
        rest = torch.where(_peak(found) <= peak * size, rest.abs() / size**2, math.inf)
        kept, gap = torch.where(rest < gap, found / size, kept), torch.minimum(rest, gap)
        if bool((gap <= SLACK).all()):
            break
        moved = pushed + found
        after = moved - moved.clamp(-bound, bound)
        momentum, last = (1 + math.sqrt(1 + 4 * momentum**2)) / 2, momentum
        pushed = after + (last - 1) / momentum * (after - before)
        before = after
    if not bool(gap.isfinite().all()):
        raise InputError(
            "no allowed distortion near the one that is wanted has so low a peak",
            field="limit",
            remedy="raise limit, or allow more distortions",
        )
    return kept
=======
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
>>>>>>> space


def _norm(block: Tensor) -> Tensor:
    return block.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
<<<<<<< HEAD


def _peak(block: Tensor) -> Tensor:
    return block.flatten(1).abs().amax(dim=1).view(-1, 1, 1, 1)
=======
>>>>>>> space
