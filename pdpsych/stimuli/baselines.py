"""Distortions that no model is asked for: what degrades photographs, and what others made."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from pdpsych.common.errors import InputError
from pdpsych.common.section import Section
from pdpsych.stimuli.manifest import KINDS, check_plain, file_stem

# Part of the names of files.
LONGEST_NAME = 60


class Degradation(Section):
    """What happens to photographs: one of JPEG, blur, noise, contrast, at a stated strength.

    ``jpeg`` is the quality of compression, 1 to 95, with colours in full resolution; ``blur`` the
    standard deviation of a Gaussian, in pixels; ``noise`` the exponent of its amplitude spectrum,
    0 white, 1 as photographs have; ``contrast`` the factor of the deviations from the mean. All
    are of pixel values in the encoding of the set.
    """

    jpeg: int | None = Field(None, ge=1, le=95)
    blur: float | None = Field(None, gt=0, le=100)
    noise: float | None = Field(None, ge=0, le=4)
    contrast: float | None = Field(None, ge=0, le=10)

    @model_validator(mode="after")
    def _one(self) -> Degradation:
        if len(self._given) != 1:
            raise InputError(
                "is not one degradation",
                value=self._given,
                allowed="one of jpeg, blur, noise, contrast, with its strength: {jpeg: 30}",
            )
        if self.contrast == 1:
            raise InputError("changes nothing", field="contrast", value=1, allowed="other factors")
        return self

    @property
    def _given(self) -> dict[str, float]:
        return {name: value for name, value in self if value is not None}

    @property
    def label(self) -> str:
        """Its name and strength, as part of a file's name."""
        ((name, strength),) = self._given.items()
        return file_stem(f"{name}-{strength:g}")


class Degraded(Section):
    """The directions in which two degradations change a photograph: baselines of its quality.

    A distortion is the change that a degradation makes, within the space, at norm 1; how far it
    goes is the amplitude.
    """

    kind: Literal["degraded"]
    first: Degradation
    second: Degradation

    @property
    def names(self) -> tuple[str, ...]:
        """Name of its pair."""
        return (f"{self.first.label}-{self.second.label}",)


class Given(Section):
    """Distortions from elsewhere: two files for each image, or for all.

    ``first`` and ``second`` are paths, relative to the recipe, in which ``{image}`` stands for the
    name of an image: arrays of distortions, (H, W), (H, W, 3) or (C, H, W) in a ``.npy`` file, or
    distorted photographs, prepared as those of the recipe are, whose difference from the base
    image counts. Their lengths do not matter; they are not restricted to the space.
    """

    kind: Literal["file"]
    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    first: str = Field(min_length=1)
    second: str = Field(min_length=1)

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str) -> str:
        check_plain(name)
        if name in KINDS:
            raise InputError("is that of a kind of distortions", value=name)
        return name

    @property
    def names(self) -> tuple[str, ...]:
        """Name of its pair."""
        return (self.name,)
