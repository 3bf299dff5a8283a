"""The inverse of an information where the support of distortions ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn.functional import pad

Floats = NDArray[np.float64]
Divide = Callable[[Tensor], Tensor]

# In pixels: how far the edge reaches inwards, and the side of a block, whose neighbours are half
# of it away.
WIDTH, BLOCK = 16, 16
# Blocks with nearly as many pixels are inverted together; what is missing is filled up.
PADDED_TO = 32
# Share of the sum of weights below which a representation does not count in a block.
MINOR = 1e-6


class EdgeBlocks:
    """Local inverses along the edge of the support.

    Inside the support an information is nearly a convolution, whose inverse is known; where the
    support ends it is cut, and the inverse of what is cut is not the inverse cut. With ω = 1 inside
    and falling to 0 at the edge, and bumps χ_j along it with ω² + Σ χ_j² = 1, an inverse T of the
    uncut is used as ω T ω + Σ χ_j N_jj⁻¹ χ_j, where N_jj are the blocks of
    Σ w_i (√D_i K_i √D_i + floor_i) on 16 × 16 pixels, K_i the convolution of the spectrum S_i.
    """

    def __init__(self, inside: Tensor, spectra: Tensor, gains: Tensor):
        height, width = inside.shape
        distance = torch.from_numpy(distance_transform_edt(inside.numpy()))
        self._inner = torch.sin(torch.pi / 2 * (distance / WIDTH).clamp(max=1))
        self._kernels = _convolutions(spectra.reshape(-1, height, width))
        frame = (BLOCK, BLOCK, BLOCK, BLOCK)
        self._width = width + 2 * BLOCK
        flat = torch.arange((height + 2 * BLOCK) * self._width).reshape(-1, self._width)
        places, rests, members = (
            _blocks(values)
            for values in (
                flat,
                pad((1 - self._inner.square()).clamp_min(0) * inside, frame),
                pad(inside, frame),
            )
        )
        kept = rests.amax(dim=1) > MINOR
        places, members = places[kept], members[kept]
        bumps = (_bump() * rests[kept].sqrt()) * members
        self._roots = pad(gains, frame).flatten(1).clamp_min(MINOR).sqrt()
        self._groups = _grouped(places, members, bumps)

    @classmethod
    def of(cls, support: Tensor, spectra: Tensor, gains: Tensor) -> EdgeBlocks | None:
        """Return the blocks of a support (C, H, W), None where all pixels may change.

        ``spectra`` (N, H·W) and ``gains`` (N, H, W) are those of the representations.
        """
        inside = support.any(dim=0).cpu()
        return None if inside.all() else cls(inside, spectra, gains)

    def around(self, divide: Divide, weights: Floats, floor: float, like: Tensor) -> Divide:
        """Return the inverse for weights (N,), not negative, with ``divide`` inside."""
        inner, width = self._inner.to(like), self._width
        solved = [
            (places.to(like.device), self._inverses(weights, floor, places, local, bumps).to(like))
            for places, local, bumps in self._groups
        ]

        def around(gradient: Tensor) -> Tensor:
            found = inner * divide(inner * gradient)
            channels = len(gradient)
            rows = pad(gradient, (BLOCK, BLOCK, BLOCK, BLOCK)).reshape(channels, -1)
            added = torch.zeros_like(rows)
            for places, inverses in solved:
                cut = rows[:, places].permute(1, 2, 0)
                local = torch.bmm(inverses, cut).permute(2, 0, 1)
                added.index_add_(1, places.flatten(), local.reshape(channels, -1))
            framed = added.reshape(channels, -1, width)
            return found + framed[:, BLOCK:-BLOCK, BLOCK:-BLOCK]

        return around

    def _inverses(
        self, weights: Floats, floor: float, places: Tensor, local: Tensor, bumps: Tensor
    ) -> Tensor:
        """Return χ_j N_jj⁻¹ χ_j of a group, (blocks, n, n), on the pixels where χ_j is not 0."""
        total = floor * torch.eye(local.shape[1], dtype=torch.float64).expand(len(local), -1, -1)
        # Filled up with pixels that nothing couples: those that repeat the first.
        real = torch.ones_like(local, dtype=torch.bool)
        real[:, 1:] = local[:, 1:] != local[:, :1]
        both = real[:, :, None] & real[:, None, :]
        for i in np.flatnonzero(weights > MINOR * weights.sum()):
            root = self._roots[i][self._whole(places, local)]
            kernel = self._kernels[i][local[:, :, None], local[:, None, :]]
            total = total + float(weights[i]) * both * (root[:, :, None] * kernel * root[:, None])
        inverses = torch.cholesky_inverse(torch.linalg.cholesky(total))
        count = bumps.shape[1]
        return bumps[:, :, None] * inverses[:, :count, :count] * bumps[:, None, :]

    def _whole(self, places: Tensor, local: Tensor) -> Tensor:
        """Return the places in the framed image of all pixels of a group's blocks."""
        rows, columns = local // BLOCK, local % BLOCK
        first = places[:, :1] - (rows[:, :1] * self._width + columns[:, :1])
        return first + rows * self._width + columns


def _convolutions(spectra: Tensor) -> Tensor:
    """Return K_i between the pixels of a block, (N, BLOCK², BLOCK²), of spectra (N, H, W)."""
    lags = torch.arange(BLOCK, dtype=torch.float64)
    sides = spectra.shape[1:]
    rows, columns = (
        torch.cos(torch.pi * lags[:, None] * torch.arange(side, dtype=torch.float64) / side)
        for side in sides
    )
    kernels = rows @ spectra @ columns.T / (sides[0] * sides[1])
    pixels = torch.arange(BLOCK * BLOCK)
    down, across = ((place[:, None] - place).abs() for place in (pixels // BLOCK, pixels % BLOCK))
    return kernels[:, down, across]


def _blocks(framed: Tensor) -> Tensor:
    """Return the blocks of a framed image, a row each, (blocks, BLOCK²)."""
    half = BLOCK // 2
    unfolded = framed.unfold(0, BLOCK, half).unfold(1, BLOCK, half)
    return unfolded.reshape(-1, BLOCK * BLOCK)


def _bump() -> Tensor:
    """Return a bump whose squares, half a block apart, sum to 1, (BLOCK²,)."""
    place = (torch.arange(BLOCK, dtype=torch.float64) + 0.5) / BLOCK
    side = torch.sin(torch.pi * place)
    return (side[:, None] * side).flatten()


def _grouped(places: Tensor, members: Tensor, bumps: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return blocks of about equal size together, a group a tuple.

    It has the places in the framed image of pixels with a bump, (b, n), all pixels inside, (b, m),
    numbered in the block and those with a bump first, and the bumps, (b, n). Rows are filled up by
    their first pixel, with a bump of 0.
    """
    active = bumps > 0
    sizes = members.sum(dim=1)
    keys = -(-sizes // PADDED_TO)
    groups = []
    for key in keys.unique().tolist():
        chosen = torch.nonzero(keys == key).flatten()
        order = (2 * active[chosen].int() + members[chosen].int()).argsort(
            dim=1, descending=True, stable=True
        )
        size, count = int(sizes[chosen].max()), int(active[chosen].sum(dim=1).max())
        local = order[:, :size]
        fill = torch.arange(size) >= sizes[chosen, None]
        local = torch.where(fill, local[:, :1], local)
        part = local[:, :count]
        repeated = torch.arange(count) >= sizes[chosen, None]
        height = torch.where(repeated, 0.0, bumps[chosen].gather(1, part))
        groups.append((places[chosen].gather(1, part), local, height))
    return groups
