"""A unit of work: one image of a recipe, made once, wherever that is.

A unit is a folder ``.NAME.units/DIGEST/`` beside the set, laid out like the set with ``unit.json``
in the manifest's place. It is written under another name and renamed, so any number of processes
and machines that share the folder can make units at the same time, and be killed.
"""

from __future__ import annotations

import shutil
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdpsych import geometry, models
from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import new_folder, write_text
from pdpsych.common.files.digests import digest, file_sha256
from pdpsych.common.files.parsing import read_json
from pdpsych.common.section import Section, validate
from pdpsych.common.versions import Environment
from pdpsych.geometry.machine import environment, is_out_of_memory, kernels, threads
from pdpsych.stimuli.generation.image_responses import responses_of
from pdpsych.stimuli.generation.pairs import MadePair, PairMaker, allowed_distortions, asked_of
from pdpsych.stimuli.manifest import (
    ImageEntry,
    PaddingCheck,
    Pair,
    RepresentationRecord,
    array_file,
    place_in,
)
from pdpsych.stimuli.photographs.images import BaseImage, PreparedImage
from pdpsych.stimuli.previews import write_previews
from pdpsych.stimuli.recipe import Recipe
from pdpsych.stimuli.space_files import NO_FILES, SpaceDigests, space_digests

RECORD = "unit.json"

OnStep = Callable[[], object]
"""Called after each step of a solver, where that can be seen: in the process that asks."""

# Numbers of an image up to which early visual models stay on one core: at 224² a second one saves
# a fifth of the time on an idle machine, and makes it six times as long on a busy one.
_SMALL = 1 << 16
_ONE_AT_A_TIME = threading.Lock()


class UnitRecord(Section):
    """``unit.json``: an image's entry of the manifest, and the SHA-256 of the unit's files.

    ``sha256`` is that of all, so that a unit that was changed is made again. What it was made with
    is not known of units of earlier versions.
    """

    image: ImageEntry
    files: dict[str, str]
    environment: Environment | None = None
    sha256: str

    @classmethod
    def of(
        cls, image: ImageEntry, files: dict[str, str], environment: Environment | None
    ) -> UnitRecord:
        """Return the record of a unit just made."""
        sha256 = _sha256(image, files, environment)
        return cls(image=image, files=files, environment=environment, sha256=sha256)

    @property
    def whole(self) -> bool:
        """Whether it is as it was made."""
        return self.sha256 == _sha256(self.image, self.files, self.environment)


def _sha256(image: ImageEntry, files: dict[str, str], environment: Environment | None) -> str:
    known = [] if environment is None else [environment.model_dump(mode="json")]
    return digest([image.model_dump(mode="json"), files, *known])


@dataclass(frozen=True)
class Unit:
    """One image to make; ``digest`` is that of everything its result depends on.

    ``files`` is what the files of the recipe's space must be for that.
    """

    image: BaseImage
    digest: str
    files: SpaceDigests = NO_FILES


@dataclass(frozen=True)
class Outcome:
    """What became of a unit: made, or the reason why not."""

    unit: Unit
    failure: str | None = None


def units_of(
    recipe: Recipe, images: Sequence[BaseImage], records: Sequence[RepresentationRecord]
) -> list[Unit]:
    """Return the unit of each image; it stays the same whatever other images a recipe has."""
    # Units of a recipe from before there was the key stay theirs.
    unasked = set() if recipe.deterministic else {"deterministic"}
    resolved = recipe.model_dump(mode="json", exclude={"images", "mixed_sizes", *unasked})
    files = space_digests(recipe)
    shared = {
        "recipe": resolved,
        "space": files.by_key,
        "representations": [r.model_dump(mode="json") for r in records],
    }
    units = []
    for image in images:
        whole = {**shared, "image": image.name, "sha256": image.sha256}
        units.append(Unit(image, digest(whole)[:32], files))
    return units


def find_unit(folder: Path, unit: Unit) -> UnitRecord | None:
    """Return the record of a finished unit; None if it is missing, half there or damaged."""
    place = folder / unit.digest
    try:
        record = validate(read_json(place / RECORD), UnitRecord, place / RECORD)
        whole = record.whole and all(
            file_sha256(place_in(place, file)) == sha256 for file, sha256 in record.files.items()
        )
    except (OSError, ValueError):
        return None
    return record if whole else None


@dataclass(frozen=True)
class Maker:
    """Makes units of a recipe in a folder; the same one serves every process and machine."""

    recipe: Recipe
    folder: Path
    device: str

    def __call__(self, unit: Unit, step: OnStep = lambda: None) -> Outcome:
        """Make a unit unless it is there; what goes wrong is its outcome, not an error."""
        if not self.folder.is_dir():
            return Outcome(unit, f"{self.folder}: not seen by the worker; share it with workers")
        # Workers of a scheduler may have several threads, networks serve one at a time.
        with _ONE_AT_A_TIME:
            try:
                if find_unit(self.folder, unit) is None:
                    with kernels(self.recipe.deterministic):
                        self._make(unit, step)
            except Exception as error:
                return Outcome(unit, reason(error))
        return Outcome(unit)

    def _make(self, unit: Unit, step: OnStep) -> None:
        """Make a unit, in the place of a damaged one; what another made meanwhile stays."""
        place = self.folder / unit.digest
        shutil.rmtree(place, ignore_errors=True)
        try:
            with new_folder(place) as part:
                for name in ("arrays", "previews"):
                    (part / name).mkdir()
                prepared = unit.image.prepare(self.recipe.preprocess)
                loaded = representations(self.recipe, self.device)
                with threads(_most_threads(prepared.pixels, loaded)):
                    entry = _make_image(part, self.recipe, self.device, unit, prepared, step)
                    made_with = environment(self.device, self.recipe.precision)
                files = sorted(f for f in part.rglob("*") if f.is_file())
                sums = {f.relative_to(part).as_posix(): file_sha256(f) for f in files}
                record = UnitRecord.of(entry, sums, made_with)
                write_text(part / RECORD, record.model_dump_json(indent=1))
        except InputError:
            if find_unit(self.folder, unit) is None:
                raise


def representations(recipe: Recipe, device: str) -> list[models.Representation]:
    """Return the recipe's representations on a device; a process builds each network once."""
    return _loaded(recipe.model_dump_json(), recipe.resolve(""), device)


def forget_representations() -> None:
    """Give the memory of the networks back."""
    _loaded.cache_clear()


@lru_cache(maxsize=1)
def _loaded(text: str, folder: Path, device: str) -> list[models.Representation]:
    recipe = Recipe.model_validate_json(text)
    return models.load(
        recipe.models,
        encoding=recipe.preprocess.encoding,
        device=device,
        dtype=getattr(torch, recipe.precision),
        folder=folder,
    )


def to_tensor(pixels: NDArray[np.float32], recipe: Recipe, device: str) -> Tensor:
    """Return a base image as the recipe's models take it."""
    return torch.from_numpy(pixels).to(device, getattr(torch, recipe.precision))


def reason(error: Exception) -> str:
    """Say what went wrong with a unit, and what to do about it where that is known."""
    if isinstance(error, InputError):
        return str(error)
    text = str(error).partition("\n")[0]
    if is_out_of_memory(error):
        return (
            f"out of memory ({text}); reduce jobs, preprocess.size or the number of models, or "
            "take precision: float32"
        )
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {text} ({Path(last.filename).name}, line {last.lineno})"


def _most_threads(pixels: NDArray[np.float32], loaded: Sequence[models.Representation]) -> int:
    """Return among how many cores the sums of an image are worth sharing."""
    alone = all(not one.origin.weights_sha256 for one in loaded) and pixels.size <= _SMALL
    return 1 if alone else torch.get_num_threads()


def _make_image(
    part: Path, recipe: Recipe, device: str, unit: Unit, prepared: PreparedImage, step: OnStep
) -> ImageEntry:
    """Write the files of an image and return its entry."""
    image, (pixels, told) = unit.image, prepared
    tensor = to_tensor(pixels, recipe, device)
    loaded = representations(recipe, device)
    local = geometry.LocalGeometry(loaded, tensor, floor=recipe.floor)
    space, questions = allowed_distortions(recipe, tensor, unit.files), asked_of(recipe, loaded)
    maker = PairMaker(recipe, local, image.name, space, questions, lambda *_: step())
    made = [pair for distortion in recipe.distortions for pair in maker.make(distortion)]
    # What is stored is float32: sensitivities are to that, not to what the solver held.
    stored = torch.stack([pair.distortions for pair in made]).to("cpu", torch.float32)
    block = stored.flatten(0, 1).to(tensor)
    finite = None if recipe.linearity is None else geometry.finite_responses_at(local, block)
    values = finite.sensitivities if finite else local.sensitivities(block)
    paddings = _padding(local, made, stored)
    # The memory of the linearisations is given back before that in float64 is asked for.
    names = local.names
    del local, maker
    derivatives = _derivatives(loaded, tensor, made, stored)
    pairs = tuple(
        _entry(pair, dict(zip(names, both.tolist(), strict=True)), padding)
        for pair, both, padding in zip(
            made, np.split(values, len(made), axis=1), paddings, strict=True
        )
    )
    arrays = part / array_file(image.name)
    _write_arrays(arrays, pixels, stored.numpy())
    rivals = {pair.name: pair.rival_of for pair in made}
    encoding = recipe.preprocess.encoding
    write_previews(part, image.name, pixels, stored.numpy(), rivals, encoding)
    channels, height, width = pixels.shape
    entry = ImageEntry(
        name=image.name,
        source=image.source,
        source_sha256=image.sha256,
        photograph=told,
        shape=(channels, height, width),
        encoding=encoding,
        pairs=pairs,
        derivatives=derivatives,
    )
    if finite:
        responses_of(entry, file_sha256(arrays), finite).write(part)
    return entry


def _entry(
    made: MadePair,
    values: dict[str, list[float]],
    padding: PaddingCheck | None,
) -> Pair:
    """Return what the manifest says of a pair with sensitivities d(u), d(v) of the models."""
    sensitivities = {name: (u, v) for name, (u, v) in values.items()}
    return Pair(
        name=made.name,
        kind=made.kind,
        question=made.question and made.question.answered(sensitivities),
        rival_of=made.rival_of,
        sensitivities=sensitivities,
        certificate=made.certificate,
        padding=padding,
    )


def _derivatives(
    loaded: Sequence[models.Representation],
    image: Tensor,
    made: Sequence[MadePair],
    stored: Tensor,
) -> dict[str, models.DerivativeCheck]:
    """Return the check of each model's derivative, also along the pairs that were searched for."""
    searched = [p for p, pair in enumerate(made) if pair.kind != "random" and not pair.rival_of]
    directions = stored[searched].flatten(0, 1) if searched else None
    return models.check_derivatives(loaded, image, distortions=directions)


def _padding(
    local: geometry.LocalGeometry, made: Sequence[MadePair], stored: Tensor
) -> list[PaddingCheck | None]:
    """Return what each pair (P, 2, C, H, W) that was searched for owes to padding."""
    searched = [p for p, pair in enumerate(made) if pair.kind != "random"]
    checks: list[PaddingCheck | None] = [None] * len(made)
    if not searched:
        return checks
    found = geometry.padding_influence_at(local, stored[searched].flatten(0, 1))
    for number, p in enumerate(searched):
        u, v = 2 * number, 2 * number + 1
        total, shares = found.total_energy[u : v + 1], found.affected_energy[:, u : v + 1]
        checks[p] = PaddingCheck(
            changes=dict(zip(found.names, _pairs(found.changes(u, v).T), strict=True)),
            energy=_pairs(total[None])[0],
            response_energy=dict(zip(found.names, _pairs(shares), strict=True)),
            reach=found.reach,
            window=found.clear_window,
        )
    return checks


def _pairs(rows: NDArray[np.float64]) -> list[tuple[float | None, float | None]]:
    return [(first, second) for first, second in _finite(rows)]


def _finite(rows: NDArray[np.float64]) -> list[tuple[float | None, ...]]:
    return [tuple(float(x) if np.isfinite(x) else None for x in row) for row in rows]


def _write_arrays(path: Path, image: NDArray[np.float32], distortions: NDArray[np.float32]) -> None:
    with path.open("wb") as file:
        np.savez(file, image=image, distortions=distortions)
