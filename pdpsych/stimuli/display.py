"""From an image in a model's units to the levels a display shows, and what survives of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pdpsych.study import Section

Encoding = Literal["srgb", "linear"]
Array = NDArray[np.floating]

_DITHER_WIDTH = {"none": 0.0, "uniform": 1.0}


class Display(Section):
    """A display, described in ``experiments/displays/NAME.yaml``.

    ``curve`` is its luminance as a function of level, both from 0 to 1: ``srgb``, or the
    exponent of a power law (1 for a display linearised in hardware).
    """

    curve: Literal["srgb"] | Annotated[float, Field(gt=0.2, lt=5)] = "srgb"
    bit_depth: Literal[8, 10, 16] = 8
    dither: Literal["uniform", "none"] = "uniform"
    width_px: int | None = Field(None, gt=0)
    height_px: int | None = Field(None, gt=0)
    width_cm: float | None = Field(None, gt=0)
    distance_cm: float | None = Field(None, gt=0)
    refresh_hz: float | None = Field(None, gt=0)
    screen: int = Field(0, ge=0)

    @property
    def top(self) -> int:
        """The highest level."""
        return int(2**self.bit_depth - 1)

    def levels(self, image: Array, encoding: Encoding) -> Array:
        """Return the levels, with fractions, that show an image in [0, 1] of an encoding."""
        if encoding == self.curve:
            return image * self.top
        luminance = linear_from_srgb(image) if encoding == "srgb" else image
        if self.curve == "srgb":
            return srgb_from_linear(luminance) * self.top
        return luminance ** (1 / self.curve) * self.top

    def units(self, levels: NDArray[np.integer], encoding: Encoding) -> Array:
        """Return integer levels as image values of an encoding: what :meth:`levels` undoes."""
        table: Array = np.linspace(0, 1, self.top + 1)
        if encoding != self.curve:
            luminance = linear_from_srgb(table) if self.curve == "srgb" else table**self.curve
            table = srgb_from_linear(luminance) if encoding == "srgb" else luminance
        return table[levels]


@dataclass(frozen=True)
class Shown:
    """A distorted image and its reference as they reach the display.

    Attributes
    ----------
    distorted, reference
        Integer levels, (C, H, W), each with a dither draw of its own.
    realised
        ⟨shown − shown reference, ε⟩ in model units, for the sign that was asked for.
    residual_rms
        Root mean square, in model units, of what was added besides ``realised · ε``.
    clipped
        Share of pixel values of s + αε that lie outside [0, 1].
    """

    distorted: NDArray[np.uint16]
    reference: NDArray[np.uint16]
    realised: float
    residual_rms: float
    clipped: float


def show(
    image: Array,
    distortion: Array,
    amplitude: float,
    display: Display,
    encoding: Encoding,
    rng: np.random.Generator,
) -> Shown:
    """Take s and s + αε to display levels: gamut, luminance, curve, dither, one rounding.

    Parameters
    ----------
    image, distortion
        Base image s in [0, 1] and unit distortion ε, (C, H, W), in ``encoding``.
    amplitude
        α, with the sign of the distortion; ‖αε‖₂ = |α|.
    rng
        Draws the dither; the reference has its own draw of the same procedure.
    """
    base = np.asarray(image, dtype=np.float64)
    direction = np.asarray(distortion, dtype=np.float64) * np.sign(amplitude or 1.0)
    wanted = base + abs(amplitude) * direction
    frames = [quantise(x, display, encoding, rng) for x in (wanted, base)]
    seen = [display.units(frame, encoding) for frame in frames]
    added = seen[0] - seen[1]
    realised = float(np.vdot(added, direction))
    residual = float(np.sqrt(np.mean((added - realised * direction) ** 2)))
    return Shown(frames[0], frames[1], realised, residual, clipped_share(wanted))


def quantise(
    image: Array, display: Display, encoding: Encoding, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Return the display levels of an image in model units."""
    inside = np.clip(image, 0.0, 1.0)
    levels = display.levels(inside, encoding)
    width = _DITHER_WIDTH[display.dither]
    noise = rng.uniform(-width / 2, width / 2, levels.shape) if width else 0.0
    return np.clip(np.floor(levels + noise + 0.5), 0, display.top).astype(np.uint16)


def clipped_share(image: Array) -> float:
    """Return the share of pixel values outside [0, 1]."""
    return float(np.mean((image < 0) | (image > 1)))


def largest_amplitude(image: Array, distortion: Array, clipped: float) -> float:
    """Return the largest α at which neither s + αε nor s − αε clips more than a share.

    Exact: each pixel value has one amplitude at which it leaves [0, 1]; this is the quantile
    of those.
    """
    base = np.asarray(image, dtype=np.float64).ravel()
    direction = np.asarray(distortion, dtype=np.float64).ravel()
    step = np.abs(direction)
    allowed = int(np.floor(clipped * base.size))
    limits = []
    for sign in (1.0, -1.0):
        room = np.where(sign * direction > 0, 1.0 - base, base)
        with np.errstate(divide="ignore", invalid="ignore"):
            leaves = np.where(step > 0, room / step, np.inf)
        limits.append(np.partition(leaves, allowed)[allowed] if allowed < base.size else np.inf)
    return float(min(limits))


def linear_from_srgb(value: Array) -> Array:
    """Decode sRGB (IEC 61966-2-1) to relative luminance."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(luminance: Array) -> Array:
    """Encode relative luminance as sRGB (IEC 61966-2-1)."""
    powered = 1.055 * np.maximum(luminance, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(luminance <= 0.0031308, 12.92 * luminance, powered)
