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
# of it away. Ascents of the early models, 432 products as it is, take 498 and 376 with half and
# twice the width, 632 and 391 with half and twice the side, which takes 16 times as long to invert
# (benchmarks/solver_constants.py sweep, as for the others).
WIDTH, BLOCK = 16, 12
# Blocks with nearly as many pixels are inverted together; what is missing is filled up;
# half and twice take as long.
PADDED_TO = 32
# What counts as nothing of a bump or a gain of 1.
SLIGHT = 1e-6
# Share of the sum of weights below which a representation does not count in a block; half and twice
# change nothing, as of what follows.
MINOR = 1e-3
# Share of the largest variance that is added to all, so that float32 can divide by them.
ROUNDING = 1e-6


class EdgeBlocks:
    """Local inverses along the edge of the support.

    Inside the support an information is nearly a convolution, whose inverse is known; where the
    support ends it is cut, and the inverse of what is cut is not the inverse cut. With ω = 1 inside
    and falling to 0 at the edge, and bumps χ_j along it with ω² + Σ χ_j² = 1, an inverse T of the
    uncut is used as ω T ω + Σ χ_j N_jj⁻¹ χ_j, where N_jj are the blocks of
    Σ w_i (√D_i K_i √D_i + floor_i) on 12 × 12 pixels, K_i the convolution of the spectrum S_i.
    """

    def __init__(self, inside: Tensor, spectra: Tensor, gains: Tensor):
        height, width = inside.shape
        distance = torch.from_numpy(distance_transform_edt(inside.numpy()))
        self._inner = torch.sin(torch.pi / 2 * (distance / WIDTH).clamp(max=1))
        self._kernels = _convolutions(spectra.reshape(-1, height, width)).float()
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
        kept = rests.amax(dim=1) > SLIGHT
        places, members = places[kept], members[kept]
        bumps = (_bump() * rests[kept].sqrt()) * members
        roots = pad(gains, frame).flatten(1).clamp_min(SLIGHT).sqrt().float()
        self._groups = [
            (part[:, : height.shape[1]], roots[:, part] * real, local, height.float())
            for part, real, local, height in _grouped(places, members, bumps)
        ]

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
            (places.to(like.device), self._inverses(weights, floor, *group).to(like))
            for places, *group in self._groups
        ]

        def around(gradient: Tensor) -> Tensor:
            found = inner * divide(inner * gradient)
            channels = len(gradient)
            rows = pad(gradient, (BLOCK, BLOCK, BLOCK, BLOCK)).reshape(channels, -1)
            added = torch.zeros_like(rows)
            for places, inverses in solved:
                local = _each(inverses, rows[:, places])
                added.index_add_(1, places.flatten(), local.reshape(channels, -1))
            framed = added.reshape(channels, -1, width)
            return found + framed[:, BLOCK:-BLOCK, BLOCK:-BLOCK]

        return around

    def _inverses(
        self, weights: Floats, floor: float, roots: Tensor, local: Tensor, bumps: Tensor
    ) -> Tensor:
        """Return χ_j N_jj⁻¹ χ_j of a group, (blocks, n, n), on the pixels where χ_j is not 0.

        In float32: what a preconditioner needs, with a floor that keeps it positive.
        """
        blocks, size = local.shape
        total = torch.zeros((blocks, size, size))
        for i in np.flatnonzero(weights > MINOR * weights.sum()):
            root = roots[i]
            kernel = self._kernels[i][local[:, :, None], local[:, None, :]]
            total += kernel.mul_(float(weights[i]) * root[:, :, None]).mul_(root[:, None])
        diagonal = total.diagonal(dim1=1, dim2=2)
        diagonal += max(floor, ROUNDING * float(diagonal.max()))
        inverses = torch.cholesky_inverse(torch.linalg.cholesky(total))
        count = bumps.shape[1]
        return bumps[:, :, None] * inverses[:, :count, :count] * bumps[:, None, :]


def _each(matrices: Tensor, vectors: Tensor) -> Tensor:
    """Return the product of each matrix, (b, n, n), with its vectors, (channels, b, n).

    On the processor NumPy is four to seven times faster than ``torch.bmm`` with single columns.
    """
    if matrices.device.type != "cpu":
        return torch.einsum("bij,cbj->cbi", matrices, vectors)
    found = [np.einsum("bij,bj->bi", matrices.numpy(), rows.numpy()) for rows in vectors]
    return torch.from_numpy(np.stack(found))


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


def _grouped(
    places: Tensor, members: Tensor, bumps: Tensor
) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Return blocks with about as many pixels inside together, a group a tuple.

    It has their pixels, those with a bump first: their places in the framed image, whether they are
    real, and their numbers in the block, all (b, m); and the bumps of the first n of them, (b, n).
    Rows are filled up by pixels that are not real.
    """
    sizes = members.sum(dim=1)
    keys = -(-sizes // PADDED_TO)
    groups = []
    for key in keys.unique().tolist():
        chosen = torch.nonzero(keys == key).flatten()
        active = bumps[chosen] > 0
        order = (2 * active.int() + members[chosen].int()).argsort(
            dim=1, descending=True, stable=True
        )
        local = order[:, : int(sizes[chosen].max())]
        count = int(active.sum(dim=1).max())
        height = bumps[chosen].gather(1, local[:, :count])
        real = members[chosen].gather(1, local)
        groups.append((places[chosen].gather(1, local), real, local, height))
    return groups
