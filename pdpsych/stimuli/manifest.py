"""``manifest.json``: what is in a stimulus set, how it was made, and what its files hold."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.files.digests import digest
from pdpsych.common.files.parsing import parse_json, read_json
from pdpsych.common.files.reading import DOCUMENT, MissingFile, read_bytes, text_of
from pdpsych.common.section import Section, validate
from pdpsych.common.versions import Environment
from pdpsych.displays.encoding import Encoding
from pdpsych.models.address import ORIGIN_OF_FILES
from pdpsych.models.derivative_check import DerivativeCheck
from pdpsych.stimuli.question import Question


def _with_records(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest of version 1, which says nothing of representations, as of version 2."""
    return manifest | {"schema_version": 2, "representations": []}


def _with_questions(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest of version 2, without questions, as of version 3."""
    return manifest | {"schema_version": 3}


SCHEMA = Schema(
    "set",
    3,
    "generate it again: pdpsych generate RECIPE.yaml",
    {1: _with_records, 2: _with_questions},
)
MANIFEST = "manifest.json"
SCREE = "scree.png"
# By how much the norm of a stored distortion may differ from 1.
UNIT = 1e-3
# What recipes ask for, and what was made elsewhere.
KINDS = ("principal", "eigen", "generalised", "random", "degraded", "file", "handmade")
Sensitivity = Annotated[float, Field(ge=0)]
Change = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(gt=0, le=100_000)]


class LinearityCheck(Section):
    """How far a pair's sensitivities hold for distortions that are not small.

    ``largest_rms`` is, by model and distortion, the largest of the amplitudes up to which the
    response is within ``tolerance`` of the linear one, both signs; 0 if not even the smallest
    is. ``log_ratios`` are those of finite responses, by model and amplitude, None where they are
    not finite; ``reversals`` count the pairs of models whose log ratios are in another order
    than the local ones, by amplitude.
    """

    amplitudes_rms: tuple[float, ...]
    tolerance: float
    largest_rms: dict[str, tuple[float, float]]
    log_ratios: dict[str, tuple[float | None, ...]]
    reversals: tuple[int, ...]

    @model_validator(mode="after")
    def _one_for_each_amplitude(self) -> LinearityCheck:
        lengths = {len(row) for row in (self.reversals, *self.log_ratios.values())}
        if not self.amplitudes_rms or lengths != {len(self.amplitudes_rms)}:
            raise InputError("log_ratios and reversals need one value for each amplitude")
        return self

    def extent(self, model: str) -> str:
        """Return the largest amplitudes of a model in words, as in ``0.05 / <0.002``."""
        smallest = self.amplitudes_rms[0]
        return " / ".join(f"{a:g}" if a else f"<{smallest:g}" for a in self.largest_rms[model])

    def order(self) -> str:
        """Say at which amplitudes the models keep the order of their log ratios."""
        at = list(zip(self.amplitudes_rms, self.reversals, strict=True))
        swapped = ", ".join(f"{count} at {a:g}" for a, count in at if count)
        if not swapped:
            return "kept"
        kept = ", ".join(f"{a:g}" for a, count in at if not count) or "none"
        return f"kept at {kept}; pairs of models reversed: {swapped}"


class PaddingCheck(Section):
    """How much a pair owes to how models continue the image beyond its border.

    ``changes`` are, by model, those of the log ratio, absolute, with ``replicate`` and with
    ``reflect`` padding in place of the model's own. ``energy`` is the share of each distortion's
    squared length that lies where padding enters: where a change of the image reaches a response
    of any model that depends on padding. ``response_energy`` is, by model, the share of the
    squared length of its whitened response that lies in such responses. These pixels go ``reach``
    pixels in from the border, and ``window`` is the widest that keeps clear of them, if one does.
    What is not known is None.
    """

    changes: dict[str, tuple[Change | None, Change | None]]
    energy: tuple[Share | None, Share | None]
    response_energy: dict[str, tuple[Share | None, Share | None]]
    reach: int | None = Field(ge=0)
    window: float | None = Field(gt=0)

    @property
    def largest(self) -> tuple[float, str] | None:
        """The largest change of a log ratio and whose it is, if anything is known."""
        known = [(c, model) for model, both in self.changes.items() for c in both if c is not None]
        return max(known, key=lambda one: one[0], default=None)

    @property
    def unknown(self) -> list[str]:
        """The models of which it is not known."""
        return [model for model, both in self.changes.items() if None in both]

    def told(self) -> str:
        """Say it in words and numbers."""
        if self.largest is None:
            return "not known"
        parts = [f"{self._share()} energy lies where padding enters"]
        change, model = self.largest
        parts.append(
            f"with other padding log ratios change by at most {change:.2g}"
            + (f" ({model})" if change else "")
        )
        if self.unknown:
            parts.append(f"not known of {', '.join(self.unknown)}")
        return "; ".join(parts)

    def _share(self) -> str:
        first, second = (f"{100 * (share or 0):.3g} %" for share in self.energy)
        return f"{first} of ε₁'s and {second} of ε₂'s"


class Pair(Section):
    """Two distortions of one image, the sensitivities to them, and the solver's certificate.

    ``question`` is what principal ones answer; there is none in sets of version 2, where they are
    of all models. ``rival_of`` is the pair of the image that this one may take the place of: both
    are optima, one nearly as good as the other.
    """

    name: str = Field(min_length=1, max_length=1000)
    kind: str
    question: Question | None = None
    rival_of: str | None = None
    sensitivities: dict[str, tuple[Sensitivity, Sensitivity]]
    certificate: dict[str, Any] = Field(default_factory=dict)
    linearity: LinearityCheck | None = None
    padding: PaddingCheck | None = None

    @model_validator(mode="after")
    def _asks_those_it_has(self) -> Pair:
        for model in self.question.models if self.question else ():
            if model not in self.sensitivities:
                raise InputError(
                    "is none of the models with sensitivities",
                    field="question.models",
                    value=model,
                    allowed=list(self.sensitivities),
                )
        return self

    @property
    def asked(self) -> Question | None:
        """What it answers, if it is one of principal distortions."""
        if self.question is None and self.kind == "principal":
            whole = Question(name="principal", models=tuple(self.sensitivities))
            return whole.answered(self.sensitivities)
        return self.question

    @property
    def pooled_as(self) -> str:
        """What it is pooled with in scores: pairs that answer one question, or are of one kind."""
        return self.question.name if self.question else self.kind


class ImageEntry(Section):
    """One base image of a set.

    ``photograph`` says what its file was and what was done to it; empty in older sets and of
    samples. ``derivatives`` says of each model whether its derivative at the image is its own; it
    is empty in older sets and handmade ones.
    """

    name: str = Field(min_length=1, max_length=200)
    source: str
    source_sha256: str
    photograph: str = ""
    shape: tuple[Side, Side, Side]
    encoding: Encoding
    pairs: tuple[Pair, ...] = Field(min_length=1)
    derivatives: dict[str, DerivativeCheck] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str) -> str:
        check_plain(name)
        return name

    @model_validator(mode="after")
    def _rivals_of_pairs(self) -> ImageEntry:
        own = [pair.name for pair in self.without_rivals]
        for pair in self.pairs:
            if pair.rival_of is not None and pair.rival_of not in own:
                raise InputError(
                    "is no pair of the image, or a rival itself",
                    field=f"pairs.{pair.name}.rival_of",
                    value=pair.rival_of,
                    allowed=own or "none",
                )
        return self

    @property
    def without_rivals(self) -> tuple[Pair, ...]:
        """Its pairs but for those that are rivals of others."""
        return tuple(pair for pair in self.pairs if pair.rival_of is None)


class RepresentationRecord(Section):
    """One representation of a set: what it reads, and where that comes from.

    ``depth`` goes from 0, the first of the layers read from its network, to 1, the last;
    ``weights_sha256`` is that of all parameters and buffers, ``code_sha256`` that of the file of
    Python that made the network, ``checkpoint`` what it has of a file of weights, ``tap_sha256``
    that of files of readout and noise, where the recipe names one.
    """

    name: str
    layer: str
    noise: str
    architecture: str
    training: str
    depth: float = Field(ge=0, le=1)
    preprocessing: str
    weights_sha256: str
    code_sha256: str = ""
    checkpoint: str = ""
    tap_sha256: str = ""

    @model_serializer(mode="wrap")
    def _plain(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # So that sets without such code and files keep their identity.
        found: dict[str, Any] = plain(self)
        return {k: v for k, v in found.items() if v or k not in ORIGIN_OF_FILES}


class Manifest(Section):
    """``manifest.json``; ``representations`` is empty for sets of version 1 and handmade ones.

    ``space_sha256`` is that of the files of the recipe's ``space``, by key; ``environments`` are
    what images were made with.
    """

    schema_version: int
    name: str
    created: str
    versions: dict[str, str]
    environments: tuple[Environment, ...] = ()
    recipe: dict[str, Any]
    space_sha256: dict[str, str] = Field(default_factory=dict)
    floor: float
    models: tuple[str, ...]
    representations: tuple[RepresentationRecord, ...]
    images: tuple[ImageEntry, ...] = Field(min_length=1)
    files: dict[str, str]

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        _check_distinct("images", [entry.name for entry in self.images])
        _check_distinct("models", self.models)
        models = set(self.models)
        for entry in self.images:
            _check_distinct(f"images.{entry.name}.pairs", [pair.name for pair in entry.pairs])
            for pair in entry.pairs:
                if pair.sensitivities.keys() != models:
                    raise InputError(
                        "are not those of the models of the set",
                        field=f"images.{entry.name}.{pair.name}.sensitivities",
                        value=", ".join(pair.sensitivities) or "of no model",
                        allowed=", ".join(self.models) or "none",
                    )
        return self


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """Read the manifest of the set in a folder, and the digest of its content.

    Line ends, spaces and the order of keys are no part of the digest.

    Raises
    ------
    InputError
        If there is no set here, or its manifest is damaged or of a newer pdpsych.
    """
    file = folder / MANIFEST
    try:
        data = read_json(file)
    except MissingFile:
        raise _no_set(folder) from None
    except InputError as error:
        if folder.is_file():
            raise _no_set(folder) from None
        raise error.within(remedy=SCHEMA.remake) from None
    upgraded = SCHEMA.upgrade(data, SCHEMA.version_of(data, file))
    return validate(upgraded, Manifest, file), digest(data)


def former_identities(folder: Path) -> frozenset[str]:
    """Return what version 0.1.0 knew the set in a folder by.

    That is the SHA-256 of the bytes of its manifest, which git may have written with other line
    ends: those that 0.1.0 wrote come back from the content.
    """
    written = read_bytes(folder / MANIFEST, DOCUMENT)
    data = parse_json(text_of(written, folder / MANIFEST), folder / MANIFEST)
    as_written = json.dumps(data, indent=1, ensure_ascii=False).encode()
    return frozenset(hashlib.sha256(text).hexdigest() for text in (written, as_written))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of the set in a folder."""
    # Without these nothing is new to pdpsych 0.1.0.
    new = {key for key in ("space_sha256", "environments") if not getattr(manifest, key)}
    SCHEMA.write(folder / MANIFEST, manifest.model_dump(mode="json", exclude=new))


def file_stem(stem: str) -> str:
    """Return a name that is a plain file name on every system."""
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in stem)


def check_plain(name: str) -> None:
    """Refuse a name that is no plain file name on every system."""
    if name != file_stem(name):
        raise InputError(
            "is no plain name",
            value=name,
            allowed="letters, digits, - and _",
            remedy=f"nearest: {file_stem(name)}",
        )


def array_file(image: str) -> str:
    """Return where a set keeps the arrays of an image."""
    return f"arrays/{image}.npz"


def place_in(folder: Path, file: str, real: str = "") -> Path:
    """Return the place of a file that a manifest names, in its folder.

    ``real`` is where the folder really is, if that is known.

    Raises
    ------
    InputError
        If it is none: the name, or a link there, leads out of the folder.
    """
    root = real or os.path.realpath(folder)
    try:
        place = os.path.realpath(os.path.join(root, file))
        # What is a link still leads round in a circle.
        inside = place.startswith(root + os.sep) and not os.path.islink(place)
    except (OSError, ValueError, RuntimeError):
        inside = False
    if not inside:
        raise InputError("lies outside the set", file=folder / MANIFEST, field="files", value=file)
    return folder / file


def _no_set(folder: Path) -> InputError:
    """Say why there is no set in a folder."""
    if folder.is_file():
        return InputError(
            "is a file", file=folder, remedy="give the folder of a set, stimuli/sets/NAME"
        )
    if not folder.is_dir():
        return InputError("no such stimulus set", file=folder, remedy="run pdpsych generate")
    told = f"no {MANIFEST}, so this is no stimulus set or one half written"
    return InputError(told, file=folder, remedy="run pdpsych generate again")


def _check_distinct(field: str, names: Sequence[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise InputError("each name once", field=field, value=name)
