"""What each representation's Fisher information would be if it were nearly stationary."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv2d, pad

from pdpsych.geometry.cosine import CosineTransform
from pdpsych.geometry.local import LocalGeometry, random_signs

# Half and twice as many cost 10 products more of 387 for both ends of LGN against LGG, and leave
# layers of a network 2 % lower (benchmarks/solver_constants.py sweep, as for the others).
SAMPLES = 8
# Keeps a quotient finite where nothing responds; half and twice change nothing.
SMALLEST_GAIN = 1e-3
# In pixels, over which the power sampled is smoothed. Half of it 361 products, twice 388, but both
# leave a network 2 % lower.
GAIN_STD = 4.0


class Preconditioner:
    """Approximates (Σ_i w_i (I_i + floor_i))⁻¹, with I_i ≈ √spectrum · gain · √spectrum.

    First a radial filter, then a gain that varies over the image, as in models that filter and
    then normalise. From samples of A_iᵀ z for white z: the spectrum is their radially averaged
    power in cosine transforms, which fit the borders of padded convolutions better than
    Fourier transforms; the gain is the smoothed power at each pixel of the whitened samples.
    Both are the same for all channels of the image.
    """

    def __init__(self, geometry: LocalGeometry, seed: int = 0):
        self._transform = CosineTransform(geometry.image)
        self._bins, self._counts = _radial_bins(self._transform.frequency)
        wide = CosineTransform(geometry.image.double())
        spectra: list[Tensor] = []
        gains: list[Tensor] = []
        for i, floor in enumerate(geometry.floors):
            samples = wide.forward(_pulled_alone(geometry, i, seed))
            spectrum = self._radial_mean(samples) + float(floor)
            whitened = wide.inverse(samples / self._grid(spectrum.sqrt(), samples))
            blind = float(floor) * float((1 / spectrum[self._bins]).mean())
            spectra.append(spectrum)
            gains.append(_smoothed_power(whitened) + blind)
        self._spectra = torch.stack(spectra).numpy()
        self._gains = torch.stack(gains).to(geometry.image)

    @property
    def power(self) -> NDArray[np.float64]:
        """Mean of the spectra over frequencies, (N,): an estimate of tr I_i / D + floor_i."""
        return np.asarray(self._spectra[:, self._bins].mean(axis=1))

    def inverse(self, weights: NDArray[np.float64]) -> Callable[[Tensor], Tensor]:
        """Return the inverse for weights (N,), not negative and not all zero, of (C, H, W)."""
        power = weights * self.power
        share = torch.from_numpy(power / power.sum()).to(self._gains)
        gain = torch.tensordot(share, self._gains, dims=1).clamp_min(SMALLEST_GAIN)
        root = self._grid(torch.from_numpy((weights @ self._spectra) ** -0.5), gain)
        transform = self._transform

        def divide(gradient: Tensor) -> Tensor:
            local = transform.inverse(root * transform.forward(gradient)) / gain
            return transform.inverse(root * transform.forward(local))

        return divide

    def _radial_mean(self, samples: Tensor) -> Tensor:
        power = samples.square().mean(dim=(0, 1)).flatten().cpu()
        return torch.zeros_like(self._counts).index_add_(0, self._bins, power) / self._counts

    def _grid(self, spectrum: Tensor, like: Tensor) -> Tensor:
        """Return the value of each coefficient's bin, (H, W)."""
        return spectrum[self._bins].reshape(like.shape[-2:]).to(like)


def _pulled_alone(geometry: LocalGeometry, i: int, seed: int) -> Tensor:
    """Return A_iᵀ z, (samples, C, H, W), float64, for white z in one representation only.

    SAMPLES channels in all: channels are taken to be alike.
    """
    alone = geometry.select([i])
    count = -(-SAMPLES // len(geometry.image))
    signs = random_signs((count, *alone.response_sizes), seed)
    return alone.pull([signs.to(geometry.image)]).double()


def _radial_bins(frequency: Tensor) -> tuple[Tensor, Tensor]:
    """Return the radial bin of each cosine coefficient, flat, and the size of each bin."""
    steps = frequency * 2 * max(frequency.shape)
    _, bins = steps.round().long().flatten().unique(return_inverse=True)
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
