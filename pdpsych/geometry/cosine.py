"""The cosine transform: what Fourier transforms are to periodic images, for padded ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import scipy.fft
import torch
from torch import Tensor

# Pixels up to which two matrices are as quick as an FFT. At 256×256 they take four times as long,
# at 512×512 eight to ten times.
SMALL = 100 * 100
# Least share of the energy of what is in a band that weights must leave.
KEPT = 0.01


class CosineTransform:
    """Orthonormal DCT-II of images (…, H, W), by two matrices; of large ones by FFT on a processor.

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
        if _is_for_fft(image):
            return _by_fft(scipy.fft.dctn, image)
        return self._rows @ image @ self._columns.T

    def inverse(self, coefficients: Tensor) -> Tensor:
        """Return the image; the transpose of :meth:`forward`."""
        if _is_for_fft(coefficients):
            return _by_fft(scipy.fft.idctn, coefficients)
        return self._rows.T @ coefficients @ self._columns


def _is_for_fft(values: Tensor) -> bool:
    """Return whether NumPy sees the values, of large images, and no derivative is asked for."""
    large = values.shape[-2] * values.shape[-1] > SMALL
    return large and values.device.type == "cpu" and not values.requires_grad


def _by_fft(transform: Callable[..., Any], values: Tensor) -> Tensor:
    """Transform both axes."""
    return torch.from_numpy(transform(values.numpy(), axes=(-2, -1), norm="ortho"))


def _matrix(size: int) -> Tensor:
    frequency = torch.arange(size, dtype=torch.float64)[:, None]
    position = torch.arange(size, dtype=torch.float64) + 0.5
    matrix = torch.cos(torch.pi * frequency * position / size) * (2 / size) ** 0.5
    matrix[0] /= 2**0.5
    return matrix


class WindowedBand:
    """The orthogonal projection onto what weights leave of a band, w F z.

    F are the waves of the band, orthonormal cosines. Of some z the weights leave next to nothing:
    made unit again, such a distortion would be what the weights' edge makes of it, far out of the
    band, and there would be the more of them the finer one looked. So those w F z count that keep
    a share of KEPT of the energy of z or more: the span of w F V, V the eigenvectors of
    K = Fᵀ w² F above KEPT, like the functions that are the most concentrated both in space and in
    a band (Slepian 1964, Bell Syst. Tech. J. 43, 3009).

    Parameters
    ----------
    weight
        w, (H, W), in [0, 1].
    band
        Which coefficients of the cosine transform there are, (H, W).

    Attributes
    ----------
    dimension
        The rank of the projection.
    """

    def __init__(self, weight: Tensor, band: Tensor):
        self._weight = weight.double()
        self._transform = CosineTransform(self._weight)
        self._sums = _cosine_sums(self._weight.square())
        self._parts: list[tuple[Tensor, Tensor]] = []
        for rows, columns in independent_waves(weight, band):
            values, vectors = torch.linalg.eigh(self._overlaps(rows, columns))
            kept = values >= KEPT
            scaled = vectors[:, kept] / values[kept].sqrt()
            self._parts.append((rows * band.shape[1] + columns, scaled))
        self.dimension = sum(vectors.shape[1] for _, vectors in self._parts)

    def project(self, images: Tensor) -> Tensor:
        """Return the nearest that is left of the band, of images (K, H, W)."""
        inside = self._transform.forward(self._weight * images.double()).flatten(1)
        waves = torch.zeros_like(inside)
        for numbers, vectors in self._parts:
            waves[:, numbers] = (inside[:, numbers] @ vectors) @ vectors.T
        return (self._weight * self._transform.inverse(waves.reshape(images.shape))).to(images)

    def _overlaps(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Return K of waves: cos a cos b = ½[cos(a + b) + cos(a − b)] in both directions."""
        total = torch.zeros((len(rows), len(rows))).to(self._sums)
        for p in (rows[:, None] + rows, (rows[:, None] - rows).abs()):
            for q in (columns[:, None] + columns, (columns[:, None] - columns).abs()):
                total += self._sums[p, q]
        doubled = (1 + (rows > 0).double()) * (1 + (columns > 0).double())
        size = (doubled / self._weight.numel()).sqrt() / 2
        return total * size[:, None] * size


def independent_waves(weight: Tensor, band: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return rows and columns of waves in parts that do not overlap behind weights, (H, W).

    Behind symmetric weights these are the even and the odd ones.
    """
    rows, columns = torch.nonzero(band > 0).T
    parity = torch.zeros_like(rows)
    for axis, numbers in enumerate((rows, columns)):
        if torch.equal(weight, weight.flip(axis)):
            parity += (axis + 1) * (numbers % 2)
    return [(rows[parity == p], columns[parity == p]) for p in parity.unique()]


def _cosine_sums(image: Tensor) -> Tensor:
    """Return Σ image · cos · cos of frequencies up to twice the highest, (2H, 2W)."""
    height, width = image.shape
    return _cosines(height).to(image) @ image @ _cosines(width).to(image).T


def _cosines(size: int) -> Tensor:
    """Return cos(π p (n + ½)/size) of p up to twice the highest frequency, (2 size, size)."""
    frequency = torch.arange(2 * size, dtype=torch.float64)[:, None]
    position = torch.arange(size, dtype=torch.float64) + 0.5
    return torch.cos(torch.pi * frequency * position / size)
