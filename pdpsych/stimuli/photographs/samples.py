"""The numbers of a photograph, as a file holds them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pdpsych.common.errors import InputError
from pdpsych.stimuli.photographs.colour_space import SRGB, ColourSpace
from pdpsych.stimuli.photographs.profile import Model, Profile

MOST_PIXELS = 200_000_000
OPAQUE = "opaque everywhere: alpha left out"
# Orientation by EXIF: whether rows and columns change places, and which of them are then reversed.
_TURNS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


@dataclass(frozen=True, eq=False)
class Samples:
    """A decoded photograph.

    Attributes
    ----------
    values
        (H, W, C), unsigned integers, or floats in [0, 1].
    bits
        Of a value; 0 for floats.
    model
        What the C channels are.
    space
        What the numbers mean: a profile, or a space that is told otherwise.
    told
        In words: the format, and all that was done or taken for granted.
    """

    values: NDArray[Any]
    bits: int
    model: Model
    space: ColourSpace | Profile
    told: tuple[str, ...] = ()

    @property
    def top(self) -> float:
        """The value of 1."""
        return float(2**self.bits - 1) if self.bits else 1.0

    def headed(self, told: str) -> Samples:
        """Return the same with what it is before all other words."""
        return replace(self, told=(told, *self.told))

    def also(self, *told: str) -> Samples:
        """Return the same with more words."""
        return replace(self, told=(*self.told, *told))

    def turned(self, orientation: int) -> Samples:
        """Return the photograph the way it was held, by EXIF's orientation, 1 to 8."""
        if orientation == 1:
            return self
        if orientation not in _TURNS:
            return self.also(f"orientation {orientation} has no meaning: not turned")
        across, up, left = _TURNS[orientation]
        values = self.values.transpose(1, 0, 2) if across else self.values
        values = values[:: -1 if up else 1, :: -1 if left else 1]
        return replace(self, values=values).also("turned the way it was held")


@contextmanager
def opened(data: bytes, kind: str) -> Iterator[Image.Image]:
    """Open a file of one of Pillow's formats, if it is not too large."""
    # Ours is another limit than Pillow's, which is of every program that imports it.
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as photograph:
            width, height = photograph.size
            check_size(height, width)
            yield photograph
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def opaque(values: NDArray[Any], alpha: int, top: float) -> NDArray[np.generic]:
    """Return values without their channel ``alpha``.

    Raises
    ------
    InputError
        If some pixel is transparent: what is behind it is not said.
    """
    through = int(np.count_nonzero(values[..., alpha] != top))
    if through:
        raise InputError(
            "has transparent pixels, and nobody says what is behind them",
            field="alpha",
            value=f"{through} of {values[..., alpha].size} pixels",
            remedy="flatten it onto a background",
        )
    return np.delete(values, alpha, axis=2)


def check_size(height: int, width: int) -> None:
    """Refuse photographs of more pixels than a computer of a lab holds."""
    if height * width > MOST_PIXELS:
        raise InputError(
            "too large",
            field="pixels",
            value=f"{height}×{width}",
            allowed=f"at most {MOST_PIXELS / 1e6:g} million",
            remedy="save it smaller",
        )


def single(number: int, what: str) -> None:
    """Refuse a file of several pictures."""
    if number > 1:
        raise InputError(
            f"holds {number} {what}, and nobody says which one is meant",
            field=what,
            value=number,
            allowed="1",
            remedy="save the one that you want as a file of its own",
        )


def light_or_colour(
    values: NDArray[Any], bits: int, profile: bytes | None, told: ColourSpace | None
) -> Samples:
    """Return grey or RGB, (H, W) or (H, W, 1 to 4), whose last channel of 2 or 4 has to be opaque.

    What its numbers mean is told as for :func:`spaced`.
    """
    values = with_channels(values)
    space, words = spaced(profile, told)
    done = [words]
    if values.shape[2] in (2, 4):
        values = opaque(values, values.shape[2] - 1, 2**bits - 1)
        done.append(OPAQUE)
    return Samples(values, bits, "rgb" if values.shape[2] == 3 else "grey", space, tuple(done))


def with_channels(values: NDArray[Any]) -> NDArray[Any]:
    """Return values, (H, W) of grey or (H, W, C), as (H, W, C)."""
    return values[..., None] if values.ndim == 2 else values


def check_profile(profile: bytes | None, model: Model) -> None:
    """Refuse a profile of other channels, and none where numbers mean nothing without one."""
    if model in ("cmyk", "lab") and not profile:
        raise InputError(
            f"{model} without an ICC profile, which would say what its numbers look like",
            field="ICC profile",
            remedy="save it as sRGB",
        )
    if profile and Profile(profile).model != model:
        raise InputError(
            "has an ICC profile of other channels than it has itself",
            field="ICC profile",
            value=Profile(profile).model,
            allowed=model,
        )


def spaced(profile: bytes | None, told: ColourSpace | None) -> tuple[ColourSpace | Profile, str]:
    """Return what numbers mean, and in words why: by a profile, as told, or as is usual."""
    if profile:
        found = Profile(profile)
        return found, f"ICC profile {found.name}"
    if told is not None:
        return told, told.name
    return SRGB, "without a profile: read as sRGB"
