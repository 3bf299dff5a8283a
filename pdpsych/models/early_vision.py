"""The four early visual models LN, LG, LGG and LGN, with an exact linearisation of their own.

Architectures: Berardino, Ballé, Laparra & Simoncelli, NeurIPS 2017 (arXiv 1710.02266).
Parameters: Berardino, PhD thesis, NYU 2018, table 2 (fitted to human distortion ratings).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from pdpsych.common.errors import InputError

Padding = Literal["replicate", "reflect"]
TAPS = 31
# Rows of a blur that are multiplied together: few zeros, and enough for the processor.
STRIP = 32
AMPLITUDE_RATIO = 1.25
CONTRAST_OFFSET = 1e-6


@dataclass(frozen=True)
class GainControl:
    """Division by 1 + scale · (local average over a Gaussian of this width).

    Parameters
    ----------
    scale
        In front of the average.
    std
        Width of the Gaussian, in pixels.

    Examples
    --------
    >>> from pdpsych import models
    >>> models.CHANNELS["LG"][0].luminance
    GainControl(scale=14.95, std=4.235)
    """

    scale: float
    std: float


@dataclass(frozen=True)
class Channel:
    """A difference of Gaussians with up to two stages of gain control.

    Parameters
    ----------
    center_std, surround_std
        Widths of the Gaussians, in pixels.
    luminance, contrast
        The stages of gain control, where there are any.
    on_center
        Whether light in the centre excites.

    Examples
    --------
    >>> from pdpsych import models
    >>> models.CHANNELS["LN"][0].center_std
    0.5339
    """

    center_std: float
    surround_std: float
    luminance: GainControl | None = None
    contrast: GainControl | None = None
    on_center: bool = True


CHANNELS: dict[str, tuple[Channel, ...]] = {
    "LN": (Channel(0.5339, 6.148),),
    "LG": (Channel(1.962, 4.235, GainControl(14.95, 4.235)),),
    "LGG": (Channel(0.7363, 48.37, GainControl(2.94, 170.99), GainControl(34.03, 2.658)),),
    "LGN": (
        Channel(1.237, 30.12, GainControl(3.2637, 76.4), GainControl(7.3405, 7.49)),
        Channel(
            0.3233, 2.184, GainControl(14.3961, 2.184), GainControl(16.7423, 2.43), on_center=False
        ),
    ),
}


class EarlyVisualModel(nn.Module):
    """Center-surround filters, luminance and contrast gain control, softplus.

    Each channel computes, with Gaussian blurs C, S, G, K of 31 taps::

        a = ±1.25 (C s − S s)        l = a / (1 + k_l · G s)
        c = l / (1 + k_c · (√(K l²) + 10⁻⁶))        r = log(1 + eᶜ)

    Parameters
    ----------
    channels
        The channels; all with the same stages.
    padding
        How the image goes on beyond its border: ``replicate``, as the paper's code does, or
        ``reflect``.

    Examples
    --------
    >>> from pdpsych import models
    >>> import torch
    >>> model = models.EarlyVisualModel(models.CHANNELS["LGN"])
    >>> model(torch.rand(1, 1, 16, 16)).shape
    torch.Size([1, 2, 16, 16])
    """

    def __init__(self, channels: Sequence[Channel], *, padding: Padding = "replicate"):
        super().__init__()
        self.channels = tuple(channels)
        self.padding = padding

    def forward(self, image: Tensor) -> Tensor:
        """Return the response (B, channels, H, W) to a grey ``image`` (B, 1, H, W)."""
        return torch.nn.functional.softplus(_Stages(self, image).normalized)

    def linearize(self, image: Tensor, layers: Sequence[str]) -> EarlyVisualLinearization:
        """Linearise at an image (1, H, W); the model has one layer, ``response``."""
        _check_request(image, layers)
        return EarlyVisualLinearization(self, image, copies=len(layers))

    def responses(self, batch: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Return the response to a batch (B, 1, H, W), once for each of ``layers``."""
        _check_request(batch[0], layers)
        return [self(batch)] * len(layers)

    def repadded(self, mode: Padding) -> EarlyVisualModel:
        """Return the same model with another padding.

        Parameters
        ----------
        mode
            ``replicate`` or ``reflect``.
        """
        return EarlyVisualModel(self.channels, padding=mode)


class EarlyVisualLinearization:
    """J and Jᵀ of an early visual model, written out; a block of directions in one go."""

    def __init__(self, model: EarlyVisualModel, image: Tensor, copies: int):
        stages = _Stages(model, image[None])
        self._stages = stages
        self._slope = torch.sigmoid(stages.normalized)
        response = torch.nn.functional.softplus(stages.normalized).flatten()
        self._copies = copies
        self.responses = [response] * copies

    def select(self, taps: Sequence[int]) -> EarlyVisualLinearization:
        """See :meth:`pdpsych.geometry.linearization.Linearization.select`."""
        chosen = copy.copy(self)
        chosen._copies, chosen.responses = len(taps), self.responses[: len(taps)]
        return chosen

    def push(self, distortions: Tensor) -> list[Tensor]:
        """See :meth:`pdpsych.geometry.linearization.Linearization.push`."""
        stages = self._stages
        tangent = stages.filter(distortions)
        if stages.has_luminance:
            average = stages.luminance_blur(distortions)
            tangent = stages.luminance_gain * (
                tangent - stages.luminance_scale * stages.adapted * average
            )
        if stages.has_contrast:
            contrast = stages.contrast_blur(stages.adapted * tangent) / stages.contrast_root
            tangent = stages.contrast_gain * (
                tangent - stages.contrast_scale * stages.normalized * contrast
            )
        return [(self._slope * tangent).flatten(1)] * self._copies

    def pull(self, cotangents: Sequence[Tensor]) -> Tensor:
        """See :meth:`pdpsych.geometry.linearization.Linearization.pull`."""
        stages = self._stages
        weights = torch.stack(list(cotangents)).sum(dim=0) if self._copies > 1 else cotangents[0]
        weights = self._slope * weights.reshape(-1, *self._slope.shape[1:])
        if stages.has_contrast:
            weights = stages.contrast_gain * weights
            contrast = stages.contrast_scale * stages.normalized * weights / stages.contrast_root
            weights = weights - stages.adapted * stages.contrast_blur.adjoint(contrast)
        if stages.has_luminance:
            weights = stages.luminance_gain * weights
            average = stages.luminance_scale * stages.adapted * weights
            return stages.filter_adjoint(weights) - stages.luminance_blur.adjoint_sum(average)
        return stages.filter_adjoint(weights)


class _Stages:
    """The intermediate results of an early visual model at a batch of images."""

    def __init__(self, model: EarlyVisualModel, image: Tensor):
        channels = model.channels
        like, padding = image, model.padding
        self.center = Blur([c.center_std for c in channels], padding, like)
        self.surround = Blur([c.surround_std for c in channels], padding, like)
        signs = [1.0 if c.on_center else -1.0 for c in channels]
        self.sign = AMPLITUDE_RATIO * _per_channel(signs, like)
        luminance = [c.luminance for c in channels if c.luminance]
        contrast = [c.contrast for c in channels if c.contrast]
        self.has_luminance, self.has_contrast = bool(luminance), bool(contrast)
        self.adapted = self.filter(image)
        if luminance:
            self.luminance_blur = Blur([g.std for g in luminance], padding, like)
            self.luminance_scale = _per_channel([g.scale for g in luminance], like)
            self.luminance_gain = 1 / (1 + self.luminance_scale * self.luminance_blur(image))
            self.adapted = self.adapted * self.luminance_gain
        self.normalized = self.adapted
        if contrast:
            self.contrast_blur = Blur([g.std for g in contrast], padding, like)
            self.contrast_scale = _per_channel([g.scale for g in contrast], like)
            power = self.contrast_blur(self.adapted**2)
            # Where the image is flat the contrast is 0 and its root has no derivative; the
            # smallest normal number keeps 0/0 away and changes no response.
            self.contrast_root = power.clamp_min(torch.finfo(power.dtype).tiny).sqrt()
            contrast_average = self.contrast_root + CONTRAST_OFFSET
            self.contrast_gain = 1 / (1 + self.contrast_scale * contrast_average)
            self.normalized = self.adapted * self.contrast_gain

    def filter(self, image: Tensor) -> Tensor:
        return self.sign * (self.center(image) - self.surround(image))

    def filter_adjoint(self, weights: Tensor) -> Tensor:
        signed = self.sign * weights
        return self.center.adjoint_sum(signed) - self.surround.adjoint_sum(signed)


class Blur:
    """Separable Gaussian blurs, one a channel, as a pair of matrices: R x Cᵀ.

    Matrices make the adjoint exact at the borders whatever the padding.
    """

    def __init__(self, stds: Sequence[float], padding: Padding, like: Tensor):
        rows, columns = (
            torch.stack([blur_matrix(size, std, padding).to(like) for std in stds])
            for size in like.shape[-2:]
        )
        self._rows, self._columns = _Band(rows), _Band(columns)
        self._rows_adjoint, self._columns_adjoint = _Band(rows.mT), _Band(columns.mT)

    def __call__(self, image: Tensor) -> Tensor:
        """Blur (B, 1 or channels, H, W) into (B, channels, H, W)."""
        return self._columns.across(self._rows.down(image))

    def adjoint(self, image: Tensor) -> Tensor:
        """Apply the transpose, channel by channel."""
        return self._columns_adjoint.across(self._rows_adjoint.down(image))

    def adjoint_sum(self, image: Tensor) -> Tensor:
        """Apply the transpose of blurring one channel into all: (B, 1, H, W)."""
        return self.adjoint(image).sum(dim=1, keepdim=True)


class _Band:
    """Matrices (channels, n, n) that are 0 further than half the taps from the diagonal."""

    def __init__(self, matrices: Tensor):
        size, reach = matrices.shape[-1], TAPS // 2
        # Strips of rows leave most of the zeros out; a graphics card is faster with them.
        height = STRIP if matrices.device.type == "cpu" else size
        self._strips = []
        for first in range(0, size, height):
            last = min(first + height, size)
            near = slice(max(first - reach, 0), min(last + reach, size))
            self._strips.append((near, matrices[:, first:last, near].contiguous()))

    def down(self, image: Tensor) -> Tensor:
        """Multiply the columns of images (…, n, W)."""
        return torch.cat([strip @ image[..., near, :] for near, strip in self._strips], dim=-2)

    def across(self, image: Tensor) -> Tensor:
        """Multiply the rows of images (…, H, n)."""
        return torch.cat([image[..., near] @ strip.mT for near, strip in self._strips], dim=-1)


@lru_cache(maxsize=128)
def blur_matrix(size: int, std: float, padding: Padding) -> Tensor:
    """Return the blur of a line of pixels as a (size, size) matrix, float64.

    A Gaussian cut to 31 taps and normalised to sum 1; ``padding`` says which pixel stands for
    one beyond the border.
    """
    reach = TAPS // 2
    if padding == "reflect" and size <= reach:
        raise InputError(
            "too few pixels a side for reflect padding",
            field="image",
            value=size,
            allowed=f"more than {reach}",
        )
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-(offsets**2) / (2 * std**2))
    weights /= weights.sum()
    source = np.arange(size)[:, None] + offsets
    if padding == "reflect":
        source = np.abs(source)
        source = np.where(source >= size, 2 * (size - 1) - source, source)
    source = np.clip(source, 0, size - 1)
    matrix = np.zeros((size, size))
    np.add.at(matrix, (np.arange(size)[:, None], source), weights)
    return torch.from_numpy(matrix)


def _check_request(image: Tensor, layers: Sequence[str]) -> None:
    if list(layers) != ["response"] * len(layers):
        raise InputError(
            "an early visual model has one layer",
            field="layers",
            value=list(layers),
            allowed=("response",),
        )
    if image.shape[0] != 1:
        raise InputError(
            "early visual models take grey images",
            field="image",
            value=tuple(image.shape),
            allowed="(1, height, width)",
            remedy="set colour: grey",
        )


def _per_channel(values: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, -1, 1, 1).to(like)
