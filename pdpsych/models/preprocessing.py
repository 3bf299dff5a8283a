"""From a base image to what a network takes; differentiable, and part of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pdpsych.common.errors import InputError
from pdpsych.models.address import Encoding, NetworkInput


@dataclass(frozen=True)
class InputFormat:
    """The images a network was made for; None leaves a property of the image as it is.

    ``size`` is (height, width) in pixels; ``mean`` and ``std`` have one number a channel.
    """

    channels: int | None = None
    size: tuple[int, int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    encoding: Encoding | None = None

    def changed_by(self, wanted: NetworkInput) -> InputFormat:
        """Return this format with what a study says instead.

        Raises
        ------
        InputError
            If mean and std do not fit the channels.
        """
        size = (wanted.size, wanted.size) if isinstance(wanted.size, int) else wanted.size
        mean, std = wanted.mean or self.mean, wanted.std or self.std
        numbers = {len(values) for values in (mean, std) if values} - {1}
        channels = self.channels or max(numbers, default=None)
        for number in numbers - {channels}:
            raise InputError(
                "mean and std have another number of values than the network takes channels",
                field="preprocess",
                value=number,
                allowed=str(channels),
            )
        return InputFormat(
            channels=channels,
            size=size or self.size,
            mean=mean,
            std=std,
            encoding=wanted.encoding or self.encoding,
        )


class Preprocessing(nn.Module):
    """Encoding, size, grey to colour and normalisation, in this order.

    The image is not clamped to [0, 1], as some published normalisers do: a clamp changes nothing
    inside, and at the ends, where photographs have many pixels, it would make the derivative a
    matter of convention and the response to finite distortions that of clipped ones.

    Parameters
    ----------
    target
        What the network takes.
    encoding
        Encoding of the images it will be given.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, target: InputFormat, encoding: Encoding):
        super().__init__()
        self.target, self.encoding = target, encoding
        self.register_buffer("mean", _per_channel(target.mean or (0.0,)))
        self.register_buffer("std", _per_channel(target.std or (1.0,)))

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, C, H, W) to what the network takes.

        Raises
        ------
        InputError
            If they have another number of channels, and are not grey.
        """
        if self.target.encoding not in (None, self.encoding):
            convert = linear_from_srgb if self.encoding == "srgb" else srgb_from_linear
            images = convert(images)
        if self.target.size not in (None, tuple(images.shape[-2:])):
            images = torch.nn.functional.interpolate(
                images, size=self.target.size, mode="bilinear", antialias=True
            )
        channels = self.target.channels
        if channels not in (None, images.shape[1]):
            images = self._repeated(images, channels)
        if self.target.mean is None and self.target.std is None:
            return images
        return (images - self.mean) / self.std

    def __str__(self) -> str:
        """Say in words what is done."""
        target, steps = self.target, list[str]()
        if target.encoding not in (None, self.encoding):
            steps.append(f"{self.encoding} to {target.encoding}")
        if target.size:
            height, width = target.size
            steps.append(
                f"resized to {height} x {width} (bilinear, antialiased) unless of that size"
            )
        if (target.channels or 1) > 1:
            steps.append(f"grey repeated to {target.channels} channels")
        if target.mean:
            steps.append(f"minus mean {_listed(target.mean)}")
        if target.std:
            steps.append(f"divided by std {_listed(target.std)}")
        return "; ".join(steps) or f"none ({self.encoding})"

    @staticmethod
    def _repeated(images: Tensor, channels: int | None) -> Tensor:
        if images.shape[1] != 1:
            colour = {1: "set colour: grey", 3: "set colour: rgb"}.get(channels or 0, "")
            raise InputError(
                "the image has another number of channels",
                value=images.shape[1],
                allowed=str(channels),
                remedy=colour,
            )
        return images.expand(-1, channels or 1, -1, -1)


def linear_from_srgb(value: Tensor) -> Tensor:
    """Decode sRGB (IEC 61966-2-1); as it goes on outside [0, 1], with a finite derivative."""
    powered = ((value.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(value <= 0.04045, value / 12.92, powered)


def srgb_from_linear(luminance: Tensor) -> Tensor:
    """Encode as sRGB (IEC 61966-2-1); as it goes on outside [0, 1], with a finite derivative."""
    # The power has no finite derivative at 0, and 0 times infinity is not a number.
    powered = 1.055 * luminance.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(luminance <= 0.0031308, 12.92 * luminance, powered)


def _per_channel(values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, -1, 1, 1)


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
