"""What a stimulus set is made from: images, models, distortions."""

from __future__ import annotations

import copy
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pdpsych.common.errors import InputError
from pdpsych.common.section import Section, validate
from pdpsych.displays.encoding import Encoding
from pdpsych.models.address import Model, representation_names
from pdpsych.stimuli.distortions import (
    Distortion,
    Eigen,
    Generalized,
    Principal,
    Random,
    check_asked,
    check_distinct,
    members_of,
)

Share = Annotated[float, Field(ge=0, le=1)]


class Source(Section):
    """Where base images come from: one of a file, a folder of files, a sample photograph."""

    file: Path | None = None
    folder: Path | None = None
    sample: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Source:
        if sum(x is not None for x in (self.file, self.folder, self.sample)) != 1:
            raise InputError("give exactly one of file, folder, sample")
        return self


class Preprocess(Section):
    """How a photograph becomes a base image.

    Attributes
    ----------
    size
        The sides, or height and width, that are cut out of the centre; None keeps each image's
        own size.
    resize
        The shorter side is resized to this before; by default so that ``size`` just fits in.
    colour
        ``grey`` or ``rgb``.
    encoding
        What the values mean: ``srgb``, or ``linear`` luminance.
    range
        Pixel values are mapped linearly from [0, 1] into this, which leaves room for distortions
        at the ends of the gamut.

    Examples
    --------
    >>> from pdpsych.stimuli import Preprocess
    >>> Preprocess(size=64, range=(0.05, 0.95)).colour
    'grey'
    """

    size: int | tuple[int, int] | None = 224
    resize: int | None = Field(None, gt=0)
    colour: Literal["grey", "rgb"] = "grey"
    encoding: Encoding = "srgb"
    range: tuple[Share, Share] = (0.0, 1.0)

    @field_validator("size")
    @classmethod
    def _positive(cls, size: int | tuple[int, int] | None) -> int | tuple[int, int] | None:
        sides = (size,) if isinstance(size, int) else size or ()
        if any(side < 8 for side in sides):
            raise InputError("is too small", value=size, allowed="at least 8 pixels a side")
        return size

    @field_validator("range")
    @classmethod
    def _ascending(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if ends[0] >= ends[1]:
            raise InputError("the first end must be below the second", value=ends)
        return ends


class Linearity(Section):
    """The amplitudes, as RMS contrast α/√D, at which to check how linear the models are."""

    amplitudes_rms: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.002, 0.005, 0.01, 0.02, 0.05), min_length=1
    )

    @field_validator("amplitudes_rms")
    @classmethod
    def _ascending(cls, amplitudes: tuple[float, ...]) -> tuple[float, ...]:
        if any(b <= a for a, b in pairwise(amplitudes)):
            raise InputError("must be in ascending order", value=amplitudes)
        return amplitudes


Cycles = float | tuple[float, float]
"""The highest spatial frequency, or the lowest and the highest."""


class Space(Section):
    """Which distortions are allowed; see :class:`pdpsych.geometry.DistortionSpace`.

    Frequencies, the highest or the lowest and the highest, are given in cycles per image, or per
    degree with the pixels per degree of the display it is meant for. ``mask`` is a PNG of the
    size of the images: its alpha channel, or white where nothing is transparent, says what may
    change. ``basis`` is a ``.npy`` or ``.npz`` file of distortions (K, C, H, W). ``limit`` is the
    largest change of a pixel, relative to the RMS over all.
    """

    window: float | None = Field(None, gt=0, le=2)
    mask: Path | None = None
    cycles_per_image: Cycles | None = None
    cycles_per_degree: Cycles | None = None
    pixels_per_degree: float | None = Field(None, gt=0)
    luminance: bool = False
    headroom: float | None = Field(None, gt=0, lt=0.5)
    basis: Path | None = None
    limit: float | None = Field(None, gt=1)

    @field_validator("cycles_per_image", "cycles_per_degree")
    @classmethod
    def _a_band(cls, cycles: Cycles | None) -> Cycles | None:
        low, high = (0.0, 1.0) if cycles is None else _ends(cycles)
        if not 0 <= low < high:
            raise InputError(
                "is no band",
                value=cycles,
                allowed="a number above 0, or two, the lower, from 0, and the higher",
            )
        return cycles

    @model_validator(mode="after")
    def _one_frequency(self) -> Space:
        if self.cycles_per_image is not None and self.cycles_per_degree is not None:
            raise InputError("give cycles_per_image or cycles_per_degree, not both")
        if (self.cycles_per_degree is None) != (self.pixels_per_degree is None):
            raise InputError("cycles_per_degree and pixels_per_degree go together")
        return self

    def band(self, side: int) -> tuple[float, float] | None:
        """Return both ends of the band in cycles per ``side`` pixels, None without one."""
        if self.cycles_per_degree is None or self.pixels_per_degree is None:
            return None if self.cycles_per_image is None else _ends(self.cycles_per_image)
        low, high = (end * side / self.pixels_per_degree for end in _ends(self.cycles_per_degree))
        return low, high


def _ends(cycles: Cycles) -> tuple[float, float]:
    return cycles if isinstance(cycles, tuple) else (0.0, cycles)


class Recipe(Section):
    """A stimulus recipe, ``stimuli/NAME.yaml``.

    Attributes
    ----------
    images
        Each with a ``file``, a ``folder`` of files, or a ``sample`` photograph.
    preprocess
        How they become base images, see :class:`Preprocess`.
    mixed_sizes
        Whether images of different sizes are allowed in one set.
    models
        Built-in names, addresses ``source:model[@weights]/layer``, or mappings {source, name,
        weights, layers, …}.
    floor
        η of the sensitivity d²(u) = uᵀIu + η²·(tr I/D)·‖u‖²; 0 is the paper's definition.
    distortions
        Which pairs to make: each with a ``kind``, ``principal``, ``eigen``, ``generalised`` or
        ``random``, and what that kind needs.
    linearity
        At which amplitudes to check how linear the models are; None leaves the check out.
    space
        Which distortions are allowed, see :class:`pdpsych.geometry.DistortionSpace`.
    seed
        Of all that is random.
    precision
        ``float32`` or ``float64``.
    device
        Where the models run: ``cpu`` or ``cuda``.
    deterministic
        Whether a GPU uses only kernels that give the same digits each time; they are slower, and
        networks with an operation that has none are refused.

    Examples
    --------
    >>> from pdpsych.stimuli import Recipe
    >>> recipe = Recipe(images=[{"sample": "cat"}], models=["LN", "LG"])
    >>> [distortion.kind for distortion in recipe.distortions]
    ['principal', 'random']
    """

    known_as: ClassVar[str] = "a recipe, stimuli/NAME.yaml"
    images: tuple[Source, ...] = Field(min_length=1)
    preprocess: Preprocess = Preprocess()
    mixed_sizes: bool = False
    models: tuple[Model, ...] = Field(min_length=1)
    floor: float = Field(0.03, ge=0, lt=1)
    distortions: tuple[Distortion, ...] = Field(
        (Principal(kind="principal"), Random(kind="random")), min_length=1
    )
    linearity: Linearity | None = Linearity()
    space: Space = Space()
    seed: int = Field(0, ge=0)
    precision: Literal["float32", "float64"] = "float32"
    device: str = "cpu"
    deterministic: bool = False

    @field_validator("models")
    @classmethod
    def _distinct(cls, models: tuple[Model, ...]) -> tuple[Model, ...]:
        try:
            names = representation_names(models)
        except InputError as error:
            raise _of_recipe(error) from None
        if len(names) < 2:
            raise InputError("at least 2 representations are needed")
        return models

    @field_validator("distortions")
    @classmethod
    def _askable(
        cls, distortions: tuple[Distortion, ...], info: ValidationInfo
    ) -> tuple[Distortion, ...]:
        check_distinct(distortions)
        members = members_of(info.data.get("models", ()))
        known = [member.name for member in members]
        for number, distortion in enumerate(distortions):
            if not known:
                # What is wrong with the models is told.
                break
            if isinstance(distortion, Principal):
                try:
                    check_asked(distortion, members)
                except InputError as error:
                    raise error.within(field=f"[{number}]") from None
            if isinstance(distortion, Eigen | Generalized):
                _check_named(distortion, known)
        return distortions

    @model_validator(mode="after")
    def _directions_enough(self) -> Recipe:
        size, grey = self.preprocess.size, self.preprocess.colour == "grey"
        if size is None:
            return self
        pixels = size**2 if isinstance(size, int) else size[0] * size[1]
        most = pixels * (1 if grey or self.space.luminance else 3)
        self.check_pairs(most)
        return self

    @model_validator(mode="after")
    def _limit_is_for_principal(self) -> Recipe:
        limited = Principal | Random
        other = [d.kind for d in self.distortions if not isinstance(d, limited)]
        if self.space.limit is not None and other:
            raise InputError(
                f"is for principal and random distortions, not for {other[0]} ones",
                field="space.limit",
                value=self.space.limit,
                remedy="make those in a recipe of their own",
            )
        return self

    @property
    def representation_names(self) -> tuple[str, ...]:
        """Names of all representations of the models, in order."""
        return representation_names(self.models)

    def check_pairs(self, dimension: int) -> None:
        """Refuse more pairs than there are directions for in a space of that dimension."""
        for number, distortion in enumerate(self.distortions):
            if isinstance(distortion, Principal) and 2 * distortion.pairs > dimension:
                raise InputError(
                    f"more than fit into {dimension} dimensions, 2 for each pair",
                    field=f"distortions[{number}].pairs",
                    value=distortion.pairs,
                    allowed=f"at most {dimension // 2}",
                    remedy="ask for fewer, or allow more in space",
                )

    def changed_since(self, earlier: dict[str, Any]) -> tuple[str, ...]:
        """Return the keys that differ from a recipe as a manifest has it.

        One of an earlier pdpsych lacks keys that are new; it is what their defaults make of it.
        """
        now = self.model_dump(mode="json")
        # What is not allowed any more differs.
        with suppress(InputError):
            earlier = validate(earlier, Recipe, "manifest").model_dump(mode="json")
        return tuple(key for key in {**earlier, **now} if earlier.get(key) != now.get(key))


def _check_named(distortion: Eigen | Generalized, known: list[str]) -> None:
    named = (distortion.model,) if isinstance(distortion, Eigen) else distortion.models
    for name in named:
        if name not in known:
            raise InputError("is not among models", value=name, allowed=known)


def _of_recipe(error: InputError) -> InputError:
    """Return an error that names an address as its file as one of the file it stands in."""
    told = copy.copy(error)
    told.field = ".".join(filter(None, (error.file, error.field)))
    told.file, told.problems = None, ()
    return told
