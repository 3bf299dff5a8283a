"""Distortion spaces: which distortions are allowed, as a linear map ε = P z."""

from __future__ import annotations

import torch
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry.cosine import CosineTransform

# White noise behind a soft window is then met to 0.2 or 0.3 % of its length, with half the steps
# to 0.4 or 0.6 % (benchmarks/solver_constants.py nearest).
NEAREST_STEPS = 60
# Keeps 0/0 away once a distortion is met exactly; squared lengths in float32 end at 1e-38.
TINY = 1e-30
# Least weight that a preconditioner divides by: half and twice of it change Var(x) by 0.1 % after
# 1500 products (benchmarks/solver_constants.py sweep LEAST_WEIGHT).
LEAST_WEIGHT = 0.01
# Share of the window's radius over which its edge falls off: wide enough to be no edge to see,
# a convention that recipes rely on.
SOFT = 0.25
# In units of half the shorter side; a square is whole within √2.
WIDEST_WINDOW = 2.0


class DistortionSpace:
    """All distortions of an image, or those that the options leave.

    P = headroom · window · luminance · band limit: what is allowed lies exactly inside the
    window, and inside the band up to the blur that the window adds.

    Parameters
    ----------
    image
        The base image s, (C, H, W).
    window
        Radius of a round window, 1 for half the shorter side; its edge falls off over the outer
        quarter. Distortions at the border owe their size to the padding of the models.
    cycles_per_image
        Highest spatial frequency, in cycles per shorter side of the image.
    luminance
        Whether all channels change alike.
    headroom
        Distance from 0 and 1 that pixel values keep: the distortion falls to 0 where the image
        comes within it; where channels change alike, where one of them does.

    Attributes
    ----------
    dimension
        The rank of P, or, where both the window or headroom and the band limit take away many
        distortions, a bound above it.

    Raises
    ------
    InputError
        If an option is out of range or fewer than two directions are left.

    Examples
    --------
    >>> from pdpsych import geometry
    >>> import torch
    >>> space = geometry.DistortionSpace(torch.full((1, 8, 8), 0.5), window=1.0)
    >>> allowed = space.apply(torch.ones(1, 1, 8, 8))
    >>> print(float(allowed[0, 0, 0, 0]), float(allowed[0, 0, 4, 4]))
    0.0 1.0
    >>> space.dimension
    52
    """

    def __init__(
        self,
        image: Tensor,
        *,
        window: float | None = None,
        cycles_per_image: float | None = None,
        luminance: bool = False,
        headroom: float | None = None,
    ):
        height, width = image.shape[-2:]
        self._luminance = luminance and image.shape[0] > 1
        weight = torch.ones((height, width), dtype=torch.float64)
        if window is not None:
            weight = weight * _round_window(height, width, window)
        weight = weight.to(image).expand(image.shape)
        if headroom is not None:
            room = _room(image, headroom)
            weight = weight * (room.amin(dim=0) if self._luminance else room)
        limited = window is not None or headroom is not None
        self._weight = weight if limited else None
        self._band: Tensor | None = None
        if cycles_per_image is not None:
            self._transform = CosineTransform(image)
            self._band = _band(self._transform.frequency, cycles_per_image).to(image)
        self.dimension = self._rank(weight)
        if self.dimension < 2:
            raise InputError(
                "the options leave too few directions",
                field="space",
                value=self.dimension,
                allowed="at least 2",
                remedy="widen window or cycles_per_image, or lower headroom",
            )

    def apply(self, coefficients: Tensor) -> Tensor:
        """Return ε = P z, (K, C, H, W), of coefficients z of that shape."""
        return self._weighted(self._alike(self._limited(coefficients)))

    def adjoint(self, distortions: Tensor) -> Tensor:
        """Return Pᵀ g, (K, C, H, W), of distortions g of that shape."""
        return self._limited(self._alike(self._weighted(distortions)))

    def undo_weight(self, block: Tensor) -> Tensor:
        """Divide a block (…, C, H, W) by window and headroom, for preconditioners.

        What is allowed does not depend on how they fall off, only how fast it is found. Where
        they are next to closed it is divided less, and by nothing where a band is limited, which
        couples pixels.
        """
        if self._weight is None or self._band is not None:
            return block
        return torch.where(self._weight > 0, block / self._weight.clamp_min(LEAST_WEIGHT), 0.0)

    def nearest(self, distortions: Tensor) -> Tensor:
        """Return the nearest allowed distortions, (K, C, H, W), by conjugate gradients.

        P is no projection: applied to what is allowed already, it would change it.
        """
        found, rest = torch.zeros_like(distortions), distortions
        slope = self.adjoint(rest)
        direction, size = slope, _squares(slope)
        for _ in range(NEAREST_STEPS):
            moved = self.apply(direction)
            length = size / _squares(moved).clamp_min(TINY)
            found, rest = found + length * moved, rest - length * moved
            slope = self.adjoint(rest)
            before, size = size, _squares(slope)
            direction = slope + size / before.clamp_min(TINY) * direction
        return found

    def _rank(self, weight: Tensor) -> int:
        channels = weight[:1] if self._luminance else weight
        pixels = (channels != 0).sum(dim=(1, 2))
        most = pixels if self._band is None else pixels.clamp_max(int(self._band.sum()))
        return int(most.sum())

    def _limited(self, block: Tensor) -> Tensor:
        if self._band is None:
            return block
        return self._transform.inverse(self._band * self._transform.forward(block))

    def _alike(self, block: Tensor) -> Tensor:
        return block.mean(dim=1, keepdim=True).expand_as(block) if self._luminance else block

    def _weighted(self, block: Tensor) -> Tensor:
        return block if self._weight is None else block * self._weight


def _squares(block: Tensor) -> Tensor:
    return block.square().sum(dim=(1, 2, 3), keepdim=True)


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


def _band(frequency: Tensor, cycles: float) -> Tensor:
    if not cycles > 0:
        raise InputError(
            "is out of range", field="cycles_per_image", value=cycles, allowed="above 0"
        )
    return (frequency * min(frequency.shape) <= cycles).double()


def _room(image: Tensor, headroom: float) -> Tensor:
    if not 0 < headroom < 0.5:
        raise InputError(
            "is out of range", field="headroom", value=headroom, allowed="above 0 and below 0.5"
        )
    nearest = torch.minimum(image, 1 - image)
    return (nearest / headroom - 1).clamp(0, 1)
