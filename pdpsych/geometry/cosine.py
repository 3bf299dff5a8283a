"""The cosine transform: what Fourier transforms are to periodic images, for padded ones."""

from __future__ import annotations

import torch
from torch import Tensor


class CosineTransform:
    """Orthonormal DCT-II of images (…, H, W), as two matrices.

    Attributes
    ----------
    frequency
        Radial frequency of each coefficient, (H, W), in cycles per pixel.
    """

    def __init__(self, like: Tensor):
        height, width = like.shape[-2:]
        self._rows, self._columns = (_matrix(size).to(like) for size in (height, width))
        rows = torch.arange(height, dtype=torch.float64)[:, None] / (2 * height)
        columns = torch.arange(width, dtype=torch.float64) / (2 * width)
        self.frequency = torch.hypot(rows, columns)

    def forward(self, image: Tensor) -> Tensor:
        """Return the coefficients."""
        return self._rows @ image @ self._columns.T

    def inverse(self, coefficients: Tensor) -> Tensor:
        """Return the image; the transpose of :meth:`forward`."""
        return self._rows.T @ coefficients @ self._columns


def _matrix(size: int) -> Tensor:
    frequency = torch.arange(size, dtype=torch.float64)[:, None]
    position = torch.arange(size, dtype=torch.float64) + 0.5
    matrix = torch.cos(torch.pi * frequency * position / size) * (2 / size) ** 0.5
    matrix[0] /= 2**0.5
    return matrix
