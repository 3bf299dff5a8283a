"""How much each pixel may change: windows, masks, and room at the ends of the gamut."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.errors import InputError

# Share of the window's radius over which its edge falls off: wide enough to be no edge to see,
# a convention that recipes rely on.
SOFT = 0.25
# In units of half the shorter side; a square is whole within √2.
WIDEST_WINDOW = 2.0


def pixel_weights(
    image: Tensor,
    *,
    window: float | None,
    mask: Tensor | NDArray[np.generic] | None,
    headroom: float | None,
    alike: bool,
) -> Tensor | None:
    """Return the product of all that weights pixels, (C, H, W) in [0, 1]; None where that is 1.

    Where channels change alike, they have the least weight of any of them.
    """
    height, width = image.shape[-2:]
    weight = torch.ones((height, width), dtype=torch.float64)
    if window is not None:
        weight = weight * _round_window(height, width, window)
    weight = weight.to(image).expand(image.shape)
    if headroom is not None:
        room = _room(image, headroom)
        weight = weight * (room.amin(dim=0) if alike else room)
    if mask is not None:
        allowed = _mask(mask, image)
        weight = weight * (allowed.amin(dim=0) if alike else allowed)
    return None if bool((weight == 1).all()) else weight


def _round_window(height: int, width: int, radius: float) -> Tensor:
    if not 0 < radius <= WIDEST_WINDOW:
        raise InputError(
            "is out of range",
            field="window",
            value=radius,
            allowed=f"above 0, at most {WIDEST_WINDOW:g}",
        )
    edge = ((1 - window_distance(height, width, radius)) / SOFT).clamp(0, 1)
    return 0.5 - 0.5 * torch.cos(torch.pi * edge)


def window_distance(height: int, width: int, radius: float = 1.0) -> Tensor:
    """Return the distance of each pixel from the centre, (H, W), in radii of a round window."""
    rows = torch.arange(height, dtype=torch.float64)[:, None] - (height - 1) / 2
    columns = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    return torch.hypot(rows, columns) / (radius * min(height, width) / 2)


def _room(image: Tensor, headroom: float) -> Tensor:
    if not 0 < headroom < 0.5:
        raise InputError(
            "is out of range", field="headroom", value=headroom, allowed="above 0 and below 0.5"
        )
    nearest = torch.minimum(image, 1 - image)
    return (nearest / headroom - 1).clamp(0, 1)


def _mask(mask: Tensor | NDArray[np.generic], image: Tensor) -> Tensor:
    found = torch.as_tensor(mask).to(image)
    shape = tuple(image.shape)
    if tuple(found.shape) not in (shape, shape[1:]):
        raise InputError(
            "has not the size of the image",
            field="mask",
            value=tuple(found.shape),
            allowed=f"{shape[1:]} or {shape}",
            remedy="make it of the size that images have after preprocessing",
        )
    if not bool(((found >= 0) & (found <= 1)).all()):
        raise InputError("has other values", field="mask", allowed="values in [0, 1]")
    if not bool(found.any()):
        raise InputError(
            "is empty: it allows no pixel",
            field="mask",
            remedy="make white, or 1, what may change",
        )
    return found.expand(image.shape)
