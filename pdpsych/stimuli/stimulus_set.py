"""The stimulus-set format: a folder that carries everything an experiment and a score need.

::

    SET/
      manifest.json            what is in it, how it was made, SHA-256 of every other file
      arrays/IMAGE.npz         image (C, H, W); distortions (P, 2, C, H, W), unit norm; float32
      previews/IMAGE-*.png     to look at; nothing reads them

Distortions come in pairs (u, v); P pairs an image. The manifest is written last and the folder
is renamed into place, so a folder with a manifest is whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError, did_you_mean
from pdpsych.common.files.arrays import read_archive
from pdpsych.common.section import Section, validate
from pdpsych.displays.display import Display
from pdpsych.displays.encoding import Encoding
from pdpsych.stimuli.calibration import calibration
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.images import file_stem


def _with_records(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest of version 1, which says nothing of representations, as of version 2."""
    return manifest | {"schema_version": 2, "representations": []}


if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCHEMA = Schema("set", 2, "generate it again: pdpsych generate RECIPE.yaml", {1: _with_records})
MANIFEST = "manifest.json"
# By how much the norm of a stored distortion may differ from 1.
_UNIT = 1e-3
SHOWN = 6
_MOST_PAIRS = 10
Sensitivity = Annotated[float, Field(ge=0)]
Side = Annotated[int, Field(gt=0, le=100_000)]
KINDS = ("principal", "eigen", "generalised", "random")


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
            raise ValueError("log_ratios and reversals need one value for each amplitude")
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


class Pair(Section):
    """Two distortions of one image, the sensitivities to them, and the solver's certificate."""

    name: str = Field(min_length=1, max_length=1000)
    kind: str
    sensitivities: dict[str, tuple[Sensitivity, Sensitivity]]
    certificate: dict[str, Any] = Field(default_factory=dict)
    linearity: LinearityCheck | None = None


class ImageEntry(Section):
    """One base image of a set."""

    name: str = Field(min_length=1, max_length=200)
    source: str
    source_sha256: str
    shape: tuple[Side, Side, Side]
    encoding: Encoding
    pairs: tuple[Pair, ...] = Field(min_length=1)

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str) -> str:
        if name != file_stem(name):
            raise ValueError(f'letters, digits, - and _ only; nearest: "{file_stem(name)}"')
        return name


class RepresentationRecord(Section):
    """One representation of a set: what it reads, and where that comes from.

    ``depth`` goes from 0, the first of the layers read from its network, to 1, the last;
    ``weights_sha256`` is that of all parameters and buffers.
    """

    name: str
    layer: str
    noise: str
    architecture: str
    training: str
    depth: float = Field(ge=0, le=1)
    preprocessing: str
    weights_sha256: str


class Manifest(Section):
    """``manifest.json``; ``representations`` is empty for sets of version 1."""

    schema_version: int
    name: str
    created: str
    versions: dict[str, str]
    recipe: dict[str, Any]
    floor: float
    models: tuple[str, ...]
    representations: tuple[RepresentationRecord, ...]
    images: tuple[ImageEntry, ...] = Field(min_length=1)
    files: dict[str, str]

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        _check_distinct("images", [entry.name for entry in self.images])
        _check_distinct("models", self.models)
        for entry in self.images:
            _check_distinct(f"pairs of {entry.name}", [pair.name for pair in entry.pairs])
            for pair in entry.pairs:
                if pair.sensitivities.keys() != set(self.models):
                    raise ValueError(
                        f"images: {entry.name}: {pair.name}: sensitivities: of "
                        f"{', '.join(pair.sensitivities)}; the set's models are "
                        f"{', '.join(self.models)}"
                    )
        return self


def _check_distinct(what: str, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise ValueError(f"{what}: each name once")


@dataclass(frozen=True)
class StimulusSet:
    """A verified stimulus set on disk; arrays are read when asked for.

    Attributes
    ----------
    path
        The folder.
    manifest
        Its manifest.
    sha256
        Identity of the set: the SHA-256 of its manifest, which holds those of all other files.
    """

    path: Path
    manifest: Manifest
    sha256: str

    @classmethod
    def open(cls, path: str | Path) -> StimulusSet:
        """Open a set and check every file of it against the manifest.

        Raises
        ------
        InputError
            If there is no complete set here, a file was changed or is missing, or a newer
            pdpsych wrote it.
        """
        folder = Path(path)
        text = _read_manifest(folder)
        where = str(folder / MANIFEST)
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: not valid JSON: {error}; generate the set again") from None
        upgraded = SCHEMA.upgrade(data, SCHEMA.version_of(data, where))
        manifest = validate(upgraded, Manifest, where)
        opened = cls(folder, manifest, hashlib.sha256(text).hexdigest())
        opened._verify()
        return opened

    @property
    def name(self) -> str:
        """Name of the set."""
        return self.manifest.name

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models whose sensitivities the set holds."""
        return self.manifest.models

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the base images."""
        return tuple(entry.name for entry in self.manifest.images)

    def entry(self, image: str) -> ImageEntry:
        """Return the manifest's entry of an image."""
        for entry in self.manifest.images:
            if entry.name == image:
                return entry
        raise InputError(f'{self.path}: no image "{image}"; {did_you_mean(image, self.images)}')

    def pairs(self, image: str) -> tuple[str, ...]:
        """Return the names of an image's pairs of distortions."""
        return tuple(pair.name for pair in self.entry(image).pairs)

    def base(self, image: str) -> NDArray[np.float32]:
        """Return the base image s, (C, H, W), in [0, 1]."""
        return self._arrays(image)[0]

    def distortion(self, image: str, pair: str, number: int) -> NDArray[np.float32]:
        """Return distortion 1 or 2 of a pair, (C, H, W), unit norm."""
        names = self.pairs(image)
        if pair not in names or number not in (1, 2):
            raise InputError(
                f'{self.path}: no distortion {number} of pair "{pair}" for image "{image}"; '
                f"{did_you_mean(pair, names)}; numbers 1, 2"
            )
        distortions: NDArray[np.float32] = self._arrays(image)[1][names.index(pair), number - 1]
        return distortions

    def sensitivities(self) -> pd.DataFrame:
        """Return d(ε) of every model, one row per image, pair, distortion and model."""
        rows = [
            (entry.name, pair.name, pair.kind, number, model, values[number - 1])
            for entry in self.manifest.images
            for pair in entry.pairs
            for model, values in pair.sensitivities.items()
            for number in (1, 2)
        ]
        columns = ["image", "pair", "kind", "distortion", "model", "sensitivity"]
        return pd.DataFrame(rows, columns=columns)

    def log_ratios(self, shown: Calibration | None = None) -> pd.DataFrame:
        """Return log d(u)/d(v) of every model, one row per image, pair and model.

        With a calibration they are to the distortions as shown, of pairs whose models it asked.

        Raises
        ------
        InputError
            If one is not finite: the model sees nothing of a distortion.
        """
        seen = {c.name: c.sensitivities for c in shown.conditions} if shown else {}
        rows = []
        for entry in self.manifest.images:
            for pair in entry.pairs:
                u, v = (seen.get(f"{entry.name}/{pair.name}/{n}") for n in (1, 2))
                for model, values in pair.sensitivities.items():
                    both = (u[model], v[model]) if u and v else values
                    ratio = _log_ratio(*both)
                    if not np.isfinite(ratio):
                        raise InputError(
                            f"{self.path}: image {entry.name}, pair {pair.name}: "
                            + nothing_seen(model, *both)
                        )
                    rows.append((entry.name, pair.name, pair.kind, model, ratio))
        return pd.DataFrame(rows, columns=["image", "pair", "kind", "model", "log_ratio"])

    def calibration(self, display: Display) -> Calibration | None:
        """Return what a display can show of the set, None where it was not calibrated for it."""
        return calibration.find(self.path, self.sha256, display)

    def calibration_of(self, sha256: str) -> Calibration | None:
        """Return the calibration with an identity, None where it is not there (any more)."""
        return next((c for c in calibration.read_all(self.path) if c.sha256 == sha256), None)

    def needed_calibration(self, display: Display) -> Calibration:
        """Return :meth:`calibration`; InputError with the command to run where there is none."""
        found = self.calibration(display)
        if found is None:
            raise calibration.refuse(self.path, self.sha256, display)
        return found

    def plot(self, image: str, pair: str, rms: float = 0.05, ax: Axes | None = None) -> Axes:
        """Draw a pair: base image, both distortions, and both distorted images at a contrast."""
        from pdpsych.stimuli.set_figures import plot_stimuli

        return plot_stimuli(self, image, pair, rms, ax)

    def __str__(self) -> str:
        """Say what is in the set, with the first of its pairs."""
        pairs = self._labelled_pairs()
        more = len(pairs) - _MOST_PAIRS
        rest = [f"  and {more} more; pdpsych inspect shows all"] if more > 0 else []
        return "\n".join([*self._head(), *_ratio_lines(pairs[:_MOST_PAIRS]), *rest, *self._tail()])

    __repr__ = __str__

    def describe(self) -> str:
        """Say what is in the set: each pair, and how far its sensitivities hold."""
        pairs = self._labelled_pairs()
        linear = _linearity_lines([(label, p.linearity) for label, p in pairs if p.linearity])
        return "\n".join([*self._head(), *_ratio_lines(pairs), *linear, *self._tail()])

    def _labelled_pairs(self) -> list[tuple[str, Pair]]:
        return [(f"{e.name}/{p.name}", p) for e in self.manifest.images for p in e.pairs]

    def _head(self) -> list[str]:
        manifest = self.manifest
        return [
            f"stimulus set {self.path}, made {manifest.created}",
            f"{len(self.models)} models; floor {manifest.floor:g}",
            *_model_lines(manifest),
            f"SHA-256 {self.sha256}",
            f"log d(ε₁)/d(ε₂) of each pair{_which(self.models, 'lowest and highest')}:",
        ]

    def _tail(self) -> list[str]:
        known = [c.display for c in calibration.read_all(self.path)]
        return [
            f"calibrated for: {', '.join(known) or 'no display'}",
            f"pictures: {self.path / 'previews'}",
        ]

    def _arrays(self, image: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        entry = self.entry(image)
        file = array_file(image)
        sha256 = self.manifest.files[file]
        return _read_arrays(self.path / file, sha256, entry.shape, len(entry.pairs))

    def _verify(self) -> None:
        needed = {array_file(image) for image in self.images}
        for missing in sorted(needed - self.manifest.files.keys()):
            raise InputError(f"{self.path / MANIFEST}: files: no entry for {missing}")
        for file, expected in self.manifest.files.items():
            place = place_in(self.path, file)
            try:
                actual = sha256_of(place)
            except (OSError, ValueError):
                raise InputError(
                    f"{self.path / file}: is missing or cannot be read; copy the set again"
                ) from None
            if actual != expected:
                raise InputError(
                    f"{self.path / file}: changed since the set was made (its SHA-256 is "
                    f"{actual[:12]}…, the manifest has {expected[:12]}…); copy the set again"
                )


def nothing_seen(model: str, u: float, v: float) -> str:
    """Say that a model with sensitivities d(u), d(v) has no finite log ratio, and what helps."""
    return (
        f"model {model} has sensitivities {u:g} and {v:g}, so no finite log ratio: it sees nothing "
        "of a distortion; choose a layer or a noise model that does, raise the floor, or leave "
        "the model out"
    )


def _log_ratio(u: float, v: float) -> float:
    """Return log(u/v): ±inf where a model sees one of two distortions, nan where neither."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.log(u) - np.log(v))


def _model_lines(manifest: Manifest) -> list[str]:
    """Return a line for each network with its layers, and one for all models without weights."""
    layers: dict[str, list[str]] = {}
    for record in manifest.representations:
        if record.weights_sha256:
            network = record.name.removesuffix(f"/{record.layer}")
            made = f"  {network}: {record.architecture}, {record.training}"
            layers.setdefault(f"{made}; image: {record.preprocessing}", []).append(record.layer)
    own = {r.name for r in manifest.representations if r.weights_sha256}
    others = [f"  {', '.join(m for m in manifest.models if m not in own)}"]
    lines = [f"{line}; layers {', '.join(named)}" for line, named in layers.items()]
    return (others if len(own) < len(manifest.models) else []) + lines


def _ends(values: Mapping[str, float], lowest: int) -> list[str]:
    """Return the names of ``SHOWN`` values, ``lowest`` from below; all if few, as they come."""
    if len(values) <= SHOWN:
        return list(values)
    ordered = sorted(values, key=lambda name: values[name])
    return ordered[:lowest] + ordered[len(ordered) - (SHOWN - lowest) :]


def _which(models: Sequence[str], what: str) -> str:
    """Say which models are shown of many."""
    return f", the {SHOWN} {what} of {len(models)} models" if len(models) > SHOWN else ""


def _ratio_lines(pairs: Sequence[tuple[str, Pair]]) -> list[str]:
    lines, width = [], max((len(label) for label, _ in pairs), default=0)
    for label, pair in pairs:
        logs = {m: _log_ratio(a, b) for m, (a, b) in pair.sensitivities.items()}
        ratios = [f"{m} {logs[m]:+.2f}" for m in _ends(logs, SHOWN // 2)]
        converged = pair.certificate.get("converged")
        note = "" if converged in (None, True) else "  (not converged)"
        lines.append(f"  {label:<{width}}  {'  '.join(ratios)}{note}")
    return lines


def _linearity_lines(checks: Sequence[tuple[str, LinearityCheck]]) -> list[str]:
    if not checks:
        return []
    first = checks[0][1]
    width = max(len(label) for label, _ in checks)
    widest = max(len(check.extent(model)) for _, check in checks for model in check.largest_rms)
    lines = [
        f"largest RMS contrast within {100 * first.tolerance:g} % of linear, for ε₁ / ε₂, of "
        f"{', '.join(f'{a:g}' for a in first.amplitudes_rms)}"
        f"{_which(list(first.largest_rms), 'least linear')}:"
    ]
    for label, check in checks:
        smaller = {model: min(both) for model, both in check.largest_rms.items()}
        extents = [f"{model} {check.extent(model):<{widest}}" for model in _ends(smaller, SHOWN)]
        lines.append(f"  {label:<{width}}  {'  '.join(extents)}".rstrip())
    lines.append("order of the models' log ratios at these contrasts:")
    return lines + [f"  {label:<{width}}  {check.order()}" for label, check in checks]


def array_file(image: str) -> str:
    """Return where a set keeps the arrays of an image."""
    return f"arrays/{image}.npz"


def place_in(folder: Path, file: str) -> Path:
    """Return the place of a file that a manifest names, in its folder.

    Raises
    ------
    InputError
        If it is none: the name, or a link there, leads out of the folder.
    """
    root = folder.resolve()
    try:
        inside = root in (root / file).resolve().parents
    except (OSError, ValueError, RuntimeError):
        inside = False
    if not inside:
        raise InputError(f'{folder / MANIFEST}: files: "{file}" lies outside the set')
    return folder / file


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _read_manifest(folder: Path) -> bytes:
    try:
        return (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if folder.is_file():
            raise InputError(
                f"{folder}: is a file; give the folder of a set, stimuli/sets/NAME"
            ) from None
        if not folder.is_dir():
            raise InputError(f"{folder}: no such stimulus set; run pdpsych generate") from None
        raise InputError(
            f"{folder}: no {MANIFEST}, so this is no stimulus set or one half written; "
            "run pdpsych generate again"
        ) from None
    except OSError as error:
        raise InputError(f"{folder / MANIFEST}: cannot be read: {error}") from None


@lru_cache(maxsize=64)
def _read_arrays(
    path: Path, sha256: str, shape: tuple[int, int, int], pairs: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read the arrays of an image; by their SHA-256 those of a set made anew are others."""
    found = read_archive(path, {"image": shape, "distortions": (pairs, 2, *shape)})
    image, distortions = found["image"], found["distortions"]
    # Not a number is in no range either.
    if not (image.min() >= 0 and image.max() <= 1):
        raise InputError(f"{path}: image: has values outside [0, 1]; copy the set again")
    norms = np.sqrt((distortions.astype(np.float64) ** 2).sum(axis=(2, 3, 4)))
    if not np.allclose(norms, 1, atol=_UNIT):
        raise InputError(f"{path}: distortions: are not of unit norm; copy the set again")
    return image, distortions
