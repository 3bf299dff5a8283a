"""What each representation's Fisher information would be if it were nearly stationary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv2d, pad

from pdpsych.geometry.cosine import CosineTransform
from pdpsych.geometry.local import LocalGeometry, random_signs
from pdpsych.geometry.solvers.edge import EdgeBlocks

Floats = NDArray[np.float64]
Divide = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class PreconditionerSettings:
    """Constants of the model.

    In brackets, with half and twice the constant: the products of an ascent of the early models,
    432 as it is (394 and 402 from other seeds); F of a network after 400, 6.33 (6.20 and 6.17);
    the products that both ends of LGN against LGG take, 476 (475 and 483). By ``sweep`` of
    ``benchmarks/solver_constants.py``.

    Attributes
    ----------
    samples
        Pulls of random signs for each representation (432 twice; 6.38, 6.31; 446, 477).
    whitened_floor
        Share of the strongest frequency's power below which a sample is not whitened any more
        (432 twice; 6.32 twice; 462, 475).
    gain_std
        In pixels, over which the power sampled is smoothed (412, 440; 6.38, 6.20; 411, 507).
    smallest_gain
        Keeps a quotient finite where nothing responds; changes nothing else.
    uneven
        Ratio of the largest to the least value in frequency from which on the edge of the support
        is worth the solves of its own: below, what it could gain is gained by a few inner steps
        (of a whole search of the early models 962 products, 962 and 1103).
    alike
        Factor between the weights of two inverses up to which one serves as the other (430 with
        3; each for itself 418 products, and a search takes half as much time again).
    minor
        Share of the power below which the weight of a representation does not matter (432 twice;
        6.33, 6.32).
    """

    samples: int = 16
    whitened_floor: float = 0.01
    gain_std: float = 4.0
    smallest_gain: float = 1e-3
    uneven: float = 1e3
    alike: float = 1.5
    minor: float = 0.01


SETTINGS = PreconditionerSettings()
# The latest inverses, which the two sides of a pair and several ascents share (half and twice: 970
# and 962 products of a search for 962).
KEPT = 6


class Preconditioner:
    """Approximates (Σ_i w_i (I_i + floor_i))⁻¹ with I_i ≈ √S_i · D_i · √S_i.

    S_i is a radial spectrum in cosine transforms, which fit the borders of padded convolutions
    better than Fourier transforms; D_i is a gain at each pixel, as in models that filter and then
    normalise. Both are estimated from A_iᵀ z for random signs z. The image ends at its border,
    which leaks power into high frequencies that a model does not see; a taper prevents that, but
    spreads what there is to the next frequencies, the mean among them. Of both estimates of S_i
    the lower one counts.
    With S = Σ w_i S_i, φ = Σ w_i floor_i, s² = S + φ and H² = S/s² the inverse is::

        s⁻¹ (H D⁻¹ H + 1 − H²) s⁻¹

    exact for D = 1, and the gain does not multiply the floor. Both are the same for all channels
    of the image. What the edge of the support changes is inverted block by block
    (:class:`EdgeBlocks`).

    Parameters
    ----------
    geometry
        Of representations with a mean power of 1, see :meth:`LocalGeometry.normalized`.
    support
        Pixels that may change, (C, H, W), bool.
    seed
        Seed of the random signs.
    """

    def __init__(self, geometry: LocalGeometry, support: Tensor, seed: int = 0):
        self._like, self._floors = geometry.image, geometry.floors
        self._power = geometry.mean_power() + geometry.floors
        self._transform = CosineTransform(geometry.image)
        wide = CosineTransform(geometry.image.double())
        self._bins, counts = _radial_bins(self._transform.frequency)
        taper = _taper(geometry.image).to(geometry.image.device)
        spectra, gains = [], []
        for i in range(len(geometry.names)):
            samples = _pulled_alone(geometry, i, seed)
            leaking, tapered = (
                wide.forward(part).square().mean(dim=(0, 1)).flatten().cpu()
                for part in (samples, taper * samples / taper.square().mean().sqrt())
            )
            power = torch.stack(
                [
                    torch.zeros_like(counts).index_add_(0, self._bins, each) / counts
                    for each in (leaking, tapered)
                ]
            )
            spectrum = power.amin(dim=0)
            least = SETTINGS.whitened_floor * spectrum.max().clamp_min(torch.finfo().tiny)
            root = self._grid((spectrum + least).sqrt(), samples)
            gain = _smoothed_power(wide.inverse(wide.forward(samples) / root))
            mean = (taper.square() * gain).sum() / taper.square().sum()
            spectra.append(spectrum)
            gains.append((gain / mean.clamp_min(torch.finfo().tiny)).cpu())
        self._spectra, self._gains = torch.stack(spectra), torch.stack(gains)
        self._edge = EdgeBlocks.of(support, self._spectra[:, self._bins], self._gains)
        self._made: list[tuple[Floats, Divide]] = []

    def inverse(self, weights: Floats) -> Divide:
        """Return the inverse for weights (N,), not negative and not all zero, of (C, H, W).

        One that was made for nearly the same proportions serves again.
        """
        size = float(np.linalg.norm(weights))
        shares = weights / size
        divide = next((made for was, made in self._made if self._alike(was, shares)), None)
        if divide is None:
            divide = self._inverse(shares)
            self._made = [(shares, divide), *self._made[: KEPT - 1]]
        return lambda gradient: divide(gradient) / size

    def _alike(self, a: Floats, b: Floats) -> bool:
        power = self._power
        matters = power * np.maximum(a, b) > SETTINGS.minor * min(power @ a, power @ b)
        larger, smaller = np.maximum(a, b)[matters], np.minimum(a, b)[matters]
        return bool((larger <= SETTINGS.alike * smaller).all())

    def _inverse(self, weights: Floats) -> Divide:
        w, transform = torch.from_numpy(weights), self._transform
        floor = float(weights @ self._floors)
        spectrum = w @ self._spectra
        whole = spectrum + floor
        share = w * self._spectra[:, self._bins].mean(dim=1)
        gain = torch.tensordot(share / share.sum(), self._gains, dims=1)
        spread = 1 / gain.clamp_min(SETTINGS.smallest_gain).to(self._like)
        root = self._grid(whole**-0.5, self._like)
        seen = self._grid((spectrum / whole).sqrt(), self._like)
        unseen = 1 - seen.square()

        def divide(gradient: Tensor) -> Tensor:
            inner = root * transform.forward(gradient)
            local = transform.forward(spread * transform.inverse(seen * inner))
            return transform.inverse(root * (seen * local + unseen * inner))

        if self._edge is None or whole.max() <= SETTINGS.uneven * whole.min():
            return divide
        return self._edge.around(divide, weights, floor, self._like)

    def _grid(self, spectrum: Tensor, like: Tensor) -> Tensor:
        """Return the value of each coefficient's bin, (H, W)."""
        return spectrum[self._bins].reshape(like.shape[-2:]).to(like)


def _pulled_alone(geometry: LocalGeometry, i: int, seed: int) -> Tensor:
    """Return A_iᵀ z, (samples, C, H, W), float64, for white z in one representation only.

    ``samples`` channels in all: channels are taken to be alike.
    """
    alone = geometry.select([i])
    count = -(-SETTINGS.samples // len(geometry.image))
    signs = random_signs((count, *alone.response_sizes), seed)
    return alone.pull([signs.to(geometry.image)]).double()


def _taper(image: Tensor) -> Tensor:
    sides = [
        torch.sin(torch.pi * (torch.arange(size, dtype=torch.float64) + 0.5) / size).square()
        for size in image.shape[-2:]
    ]
    return sides[0][:, None] * sides[1]


def _radial_bins(frequency: Tensor) -> tuple[Tensor, Tensor]:
    """Return the radial bin of each cosine coefficient, flat, and the size of each bin."""
    steps = frequency * 2 * max(frequency.shape)
    _, bins = steps.round().long().flatten().unique(return_inverse=True)
    return bins, torch.bincount(bins).double()


def _smoothed_power(samples: Tensor) -> Tensor:
    """Return the mean power at each pixel, (H, W), smoothed by a Gaussian."""
    power = samples.square().mean(dim=(0, 1))[None, None]
    std = SETTINGS.gain_std
    reach = min(int(3 * std), *(side - 1 for side in power.shape[-2:]))
    offsets = torch.arange(-reach, reach + 1).to(power)
    kernel = torch.exp(-offsets.square() / (2 * std**2))
    kernel /= kernel.sum()
    padded = pad(power, (reach, reach, reach, reach), mode="replicate")
    return conv2d(conv2d(padded, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))[0, 0]
