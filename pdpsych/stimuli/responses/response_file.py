"""``responses/IMAGE.json``: D(ε, ±α) of all models for the distortions of one image.

It lies beside the set's manifest, which does not know it, or beside a calibration; it says which
arrays it is of.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.rounding import rounded, rounded_down
from pdpsych.common.section import Section, validate
from pdpsych.stimuli.manifest import ImageEntry
from pdpsych.stimuli.responses.finite_response import SIGNS, FiniteResponse

FOLDER = "responses"
SCHEMA = Schema("response file", 1, "find the responses again: pdpsych respond SET")

Contrast = Annotated[float, Field(gt=0)]
Distance = Annotated[float, Field(ge=0)]
Row = tuple[Distance, ...]
Key = tuple[str, str, int]


class DistortionResponses(Section):
    """D of all models for one distortion.

    Attributes
    ----------
    pair, distortion
        Name of the pair, and 1 or 2.
    rms
        RMS contrasts α/√D, ascending.
    values
        By model D of +α and of −α, at as many of the contrasts, from the first, as it is known.
    ended
        By model why it is not known at more.
    missed
        By model how far an interpolation may be off, relative to D, where that is much.
    """

    pair: str
    distortion: int = Field(ge=1, le=2)
    rms: tuple[Contrast, ...]
    values: dict[str, tuple[Row, Row]]
    ended: dict[str, str] = Field(default_factory=dict)
    missed: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits(self) -> DistortionResponses:
        if any(b <= a for a, b in zip(self.rms, self.rms[1:], strict=False)):
            raise InputError("must be in ascending order", field="rms")
        for model, (more, less) in self.values.items():
            short = len(more) < len(self.rms)
            if len(more) != len(less) or len(more) > len(self.rms):
                raise InputError("needs a number for each contrast", field=f"values.{model}")
            if short and not self.ended.get(model):
                raise InputError("ends, but does not say why", field=f"values.{model}")
        return self

    @classmethod
    def of(
        cls,
        pair: str,
        distortion: int,
        rms: NDArray[np.float64],
        values: Mapping[str, NDArray[np.float64]],
        ended: Mapping[str, str],
        missed: Mapping[str, float],
    ) -> DistortionResponses:
        """Return what is kept of values (2, A), which are not a number after an end."""
        rows = {m: both[:, np.isfinite(both).all(axis=0)] for m, both in values.items()}
        kept = [rounded_down(x) if x == rms[-1] else rounded(x) for x in rms.tolist()]
        return cls(
            pair=pair,
            distortion=distortion,
            rms=tuple(kept),
            values={m: (_row(more), _row(less)) for m, (more, less) in rows.items()},
            ended={m: why for m, why in ended.items() if why},
            missed={m: rounded(by) for m, by in missed.items() if by},
        )

    def of_model(self, name: str) -> DistortionResponses:
        """Return what is known of one of the models."""
        return self.model_copy(
            update={
                "values": {name: self.values[name]},
                "ended": {m: why for m, why in self.ended.items() if m == name},
                "missed": {m: by for m, by in self.missed.items() if m == name},
            }
        )

    def responses(self, dimension: int) -> dict[str, FiniteResponse]:
        """Return the response of each model; amplitudes are in the units of the image."""
        alphas = np.array(self.rms) * dimension**0.5
        return {
            model: FiniteResponse(
                alphas[: len(both[0])],
                np.array(both, dtype=float).reshape(len(SIGNS), -1),
                self.ended.get(model, ""),
            )
            for model, both in self.values.items()
        }


class ImageResponses(Section):
    """The file of one image.

    Attributes
    ----------
    arrays_sha256
        SHA-256 of the file with the image and its distortions.
    calibration_sha256
        Identity of the calibration, where these are the responses to what a display shows.
    dimension
        D = C·H·W.
    floors
        By model what is added to D², for each α².
    distortions
        In the order of the pairs, two a pair.
    """

    schema_version: int
    image: str
    arrays_sha256: str
    calibration_sha256: str | None = None
    versions: dict[str, str]
    dimension: int = Field(gt=0)
    floors: dict[str, float]
    distortions: tuple[DistortionResponses, ...]

    def write(self, folder: Path) -> Path:
        """Write the file below ``folder``, that of a set or a calibration."""
        return SCHEMA.write(response_path(folder, self.image), self.model_dump(mode="json"))

    def by_key(self) -> dict[Key, dict[str, FiniteResponse]]:
        """Return the responses by image, pair and number of the distortion."""
        return {
            (self.image, one.pair, one.distortion): one.responses(self.dimension)
            for one in self.distortions
        }


def response_path(folder: Path, image: str) -> Path:
    """Return where the responses to an image's distortions lie in the folder of a set."""
    return folder / FOLDER / f"{image}.json"


def read_responses(
    folder: Path,
    entry: ImageEntry,
    arrays_sha256: str,
    remedy: str,
    calibration_sha256: str | None = None,
) -> ImageResponses:
    """Read the responses to an image's distortions.

    Parameters
    ----------
    folder
        That of the set or the calibration.
    entry, arrays_sha256
        The image.
    remedy
        What makes the file again.
    calibration_sha256
        Identity of the calibration that they are of.

    Raises
    ------
    InputError
        If the file is missing, damaged, or that of another image, set or calibration.
    """
    path = response_path(folder, entry.name)
    try:
        found = _parsed(path, _stamp(path))
    except InputError as error:
        newer = "newer" in error.remedy
        raise (error if newer else error.within(file=path, remedy=remedy)) from None
    own = [(p.name, n, set(p.sensitivities)) for p in entry.pairs for n in (1, 2)]
    held = [(d.pair, d.distortion, set(d.values)) for d in found.distortions]
    wrong = {
        "arrays_sha256": found.arrays_sha256 != arrays_sha256,
        "calibration_sha256": found.calibration_sha256 != calibration_sha256,
        "image": found.image != entry.name,
        "dimension": found.dimension != int(np.prod(entry.shape)),
        "distortions": own != held,
    }
    for field, differs in wrong.items():
        if differs:
            raise InputError("is of other images or models", file=path, field=field, remedy=remedy)
    return found


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes when a file does."""
    try:
        known = path.stat()
    except OSError:
        # Reading says what is wrong.
        return 0, 0
    return known.st_mtime_ns, known.st_size


@lru_cache(maxsize=8)
def _parsed(path: Path, stamp: tuple[int, int]) -> ImageResponses:
    return validate(SCHEMA.read(path), ImageResponses, path)


def _row(values: NDArray[np.float64]) -> Row:
    return tuple(rounded(x) for x in values.tolist())
