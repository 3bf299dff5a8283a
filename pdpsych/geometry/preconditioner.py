"""What each representation's Fisher information would be if it were nearly stationary."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv2d, pad

from pdpsych.geometry.local import LocalGeometry

SAMPLES = 8
SMALLEST = 1e-4
GAIN_STD = 4.0


class Preconditioner:
    """Divides gradients by Σ_i w_i I_i, each I_i approximated as gain · spectrum · gain.

    From samples of A_iᵀ z for white z: the spectrum is their radially averaged power, the
    squared gain their smoothed power at each pixel, (N, H, W). Both are the same for all
    channels of the image.
    """

    def __init__(self, geometry: LocalGeometry, seed: int = 0):
        self._shape = geometry.image.shape[-2:]
        self._bins, self._counts = _radial_bins(self._shape)
        samples = [_pulled_alone(geometry, i, seed) for i in range(len(geometry.names))]
        floors = geometry.floors[:, None]
        self._spectra = np.stack([self._spectrum(s) for s in samples]) + floors
        self._gains = torch.stack([_smoothed_power(s) for s in samples])
        self._gains += torch.from_numpy(floors)[..., None].to(self._gains)

    def __call__(self, gradient: Tensor, weights: NDArray[np.float64]) -> Tensor:
        """Precondition one gradient (C, H, W); weights (N,), not negative, not all zero."""
        spectrum = weights @ self._spectra
        spectrum = np.maximum(spectrum, SMALLEST * spectrum.max())
        divisor = torch.from_numpy(spectrum)[self._bins].reshape(self._shape[0], -1)
        power = torch.tensordot(torch.from_numpy(weights).to(self._gains), self._gains, dims=1)
        gain = (power / power.mean()).clamp_min(SMALLEST).sqrt().to(gradient)
        transformed = torch.fft.rfft2(gradient / gain) / divisor.to(gradient)
        return torch.fft.irfft2(transformed, s=self._shape) / gain

    def _spectrum(self, samples: Tensor) -> NDArray[np.float64]:
        power = torch.fft.rfft2(samples).abs().square().mean(dim=(0, 1)).flatten()
        power = power.cpu() / samples[0, 0].numel()
        sums = torch.zeros_like(self._counts).index_add_(0, self._bins, power)
        return (sums / self._counts).numpy()


def _pulled_alone(geometry: LocalGeometry, i: int, seed: int) -> Tensor:
    """Return A_iᵀ z, (samples, C, H, W), float64, for white z in one representation only."""
    cotangents = geometry.random_cotangents(i, SAMPLES, seed)
    return geometry.pull(cotangents).double()


def _radial_bins(shape: torch.Size) -> tuple[Tensor, Tensor]:
    """Return the radial bin of each rfft2 frequency, flat, and the size of each bin."""
    rows = torch.fft.fftfreq(shape[0], dtype=torch.float64)[:, None]
    columns = torch.fft.rfftfreq(shape[1], dtype=torch.float64)[None]
    radius = (rows.square() + columns.square()).sqrt() * max(shape)
    _, bins = radius.round().long().flatten().unique(return_inverse=True)
    return bins, torch.bincount(bins).double()


def _smoothed_power(samples: Tensor) -> Tensor:
    """Return the mean power at each pixel, (H, W), smoothed by a Gaussian."""
    power = samples.square().mean(dim=(0, 1))[None, None]
    reach = min(int(3 * GAIN_STD), *(side - 1 for side in power.shape[-2:]))
    offsets = torch.arange(-reach, reach + 1).to(power)
    kernel = torch.exp(-offsets.square() / (2 * GAIN_STD**2))
    kernel /= kernel.sum()
    padded = pad(power, (reach, reach, reach, reach), mode="replicate")
    return conv2d(conv2d(padded, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))[0, 0]
