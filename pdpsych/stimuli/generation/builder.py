"""From a recipe to a stimulus set; with ``unit`` and ``workers``, what of ``stimuli`` needs torch.

Each image is a unit of work (see :mod:`pdpsych.stimuli.generation.unit`). When all are there, they
are joined into the set, its manifest last, and the folder is renamed into place.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from pdpsych import geometry, models
from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import new_folder, unfinished
from pdpsych.common.section import load
from pdpsych.common.terminal import progress_bar
from pdpsych.common.versions import Environment, unlike, versions
from pdpsych.geometry.machine import PACKAGES, is_out_of_memory
from pdpsych.stimuli.distortions import Distortion
from pdpsych.stimuli.generation import workers
from pdpsych.stimuli.generation.pairs import allowed_distortions, asked_of
from pdpsych.stimuli.generation.unit import (
    Maker,
    Unit,
    UnitRecord,
    find_unit,
    forget_representations,
    reason,
    representations,
    to_tensor,
    units_of,
)
from pdpsych.stimuli.manifest import SCHEMA, Manifest, RepresentationRecord, write_manifest
from pdpsych.stimuli.photographs.images import BaseImage, base_images
from pdpsych.stimuli.recipe import Recipe
from pdpsych.stimuli.responses.response_file import FOLDER
from pdpsych.stimuli.scree import draw_scree
from pdpsych.stimuli.space_files import space_digests
from pdpsych.stimuli.stimulus_set import StimulusSet


class SetUnfinished(Exception):
    """Some images of a set are not made; the finished ones are kept, the next run goes on.

    Parameters
    ----------
    name, total
        Name of the set, and how many images it shall have.
    failed
        Why an image could not be made, by its name.
    remaining
        How many images other shards have still to make.

    Examples
    --------
    >>> from pdpsych.stimuli import SetUnfinished
    >>> print(SetUnfinished("small", {}, remaining=2, total=5))
    small: 3 of 5 images are made and kept
    2 remain for other shards; the last one joins the set
    """

    def __init__(self, name: str, failed: Mapping[str, str], remaining: int, total: int):
        super().__init__(name, failed, remaining, total)
        self.name, self.failed = name, dict(failed)
        self.remaining, self.total = remaining, total

    def __str__(self) -> str:
        """Say what is missing and how to go on."""
        made = self.total - self.remaining - len(self.failed)
        lines = [f"{self.name}: {made} of {self.total} images are made and kept"]
        if self.remaining:
            lines.append(f"{self.remaining} remain for other shards; the last one joins the set")
        if self.failed:
            lines.append(
                f"{len(self.failed)} failed; the same command tries them again (or take them out "
                "of the recipe):"
            )
            lines += [f"  {image}: {reason}" for image, reason in self.failed.items()]
        return "\n".join(lines)


def generate(
    recipe: str | Path | Recipe,
    *,
    out: str | Path | None = None,
    progress: bool = False,
    jobs: int | None = None,
    shard: str | None = None,
    scheduler: str | None = None,
    strict: bool = False,
) -> StimulusSet:
    """Make the stimulus set of a recipe and return it.

    Each image is finished and kept by itself, so a run that was interrupted goes on where it
    stopped, and several runs can share the work; the set appears under its name only when whole.
    A set that is already there, made by the same recipe, is returned as it is.

    Parameters
    ----------
    recipe
        A recipe, or its YAML file.
    out
        Folder of the set; by default ``sets/NAME`` beside the recipe.
    progress
        Show a progress bar.
    jobs
        Number of worker processes; by default one, this process, or one per visible GPU where
        the recipe's device is ``cuda``.
    shard
        ``"i/N"``: make only every N-th image, from the i-th; the shard that finds all images
        made joins the set.
    scheduler
        Address of a Dask scheduler whose workers share this file system; they make the images.
    strict
        Refuse a set whose images were made by unlike versions, devices, numbers of threads or
        precisions; by default it says so.

    Raises
    ------
    InputError
        If the recipe or an option cannot be used, ``out`` holds something else, or images were made
        unlike and that is not wanted.
    SetUnfinished
        If images failed, or remain for other shards.

    Examples
    --------
    >>> import tempfile
    >>> from pdpsych import stimuli
    >>> recipe = stimuli.Recipe(
    ...     images=[{"sample": "cat"}],
    ...     preprocess={"size": 8},
    ...     models=["identity", "LN"],
    ...     distortions=[{"kind": "random"}],
    ...     linearity=None,
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stimuli.generate(recipe, out=f"{folder}/small")
    <StimulusSet: small, 1 image, 1 pair, 2 models>
    """
    recipe = load(recipe, Recipe)
    target = Path(out) if out else recipe.resolve(Path("sets", recipe.stem))
    share = _share(shard)
    chosen = workers.choose(recipe, jobs, scheduler)
    images = base_images(recipe)
    folder = target.absolute().with_name(f".{target.name}.units")
    if target.exists():
        found = _existing(target, recipe)
        if strict:
            _refuse_unlike(found.manifest.environments, target)
        # A run that was ended when all was done but this.
        shutil.rmtree(folder, ignore_errors=True)
        return found
    here = recipe.device if isinstance(chosen, workers.InProcess) else "cpu"
    records = _checked_models(recipe, images, here)
    if not isinstance(chosen, workers.InProcess):
        forget_representations()
    folder.mkdir(parents=True, exist_ok=True)
    plan = _Plan(recipe, target, folder, units_of(recipe, images, records), records, strict)
    if strict:
        _refuse_unlike(_environments(_found(plan).values()), folder)
    return _joined(plan, _make(plan, plan.units[share], chosen, progress))


@dataclass(frozen=True)
class _Plan:
    """A set to be made: its units in the order of the recipe, and where they are kept."""

    recipe: Recipe
    target: Path
    folder: Path
    units: Sequence[Unit]
    representations: Sequence[RepresentationRecord]
    strict: bool


def _share(shard: str | None) -> slice:
    if shard is None:
        return slice(None)
    found = re.fullmatch(r"(\d+)/(\d+)", shard)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(
            "no shard",
            field="shard",
            value=shard,
            allowed="i/N with i from 1 to N, as in 2/8",
        )
    return slice(int(found[1]) - 1, None, int(found[2]))


def _existing(target: Path, recipe: Recipe) -> StimulusSet:
    found = StimulusSet.open(target)
    changed = recipe.changed_since(found.manifest.recipe)
    if not changed and found.manifest.space_sha256 != space_digests(recipe).by_key:
        changed = ("a file of space",)
    if changed:
        raise InputError(
            f"holds a set made by another recipe: {', '.join(changed)} changed",
            file=target,
            field="out",
            remedy="delete it or choose another folder",
        )
    return found


def _checked_models(
    recipe: Recipe, images: Sequence[BaseImage], device: str
) -> list[RepresentationRecord]:
    """Load the models and try them, so that what is wrong with them is said once, at once."""
    try:
        loaded = representations(recipe, device)
        asked_of(recipe, loaded)
        _try_models(loaded, recipe, images, device)
    except Exception as error:
        if isinstance(error, InputError):
            raise error.within(file=recipe.label) from None
        if is_out_of_memory(error):
            raise InputError(reason(error), file=recipe.label, field="models") from None
        raise
    return [
        RepresentationRecord(
            name=r.name, layer=str(r.layer), noise=type(r.noise).__name__, **asdict(r.origin)
        )
        for r in loaded
    ]


def _try_models(
    loaded: Sequence[models.Representation],
    recipe: Recipe,
    images: Sequence[BaseImage],
    device: str,
) -> None:
    """Linearise the models at the first image; what fails there alone is left to its unit.

    A derivative that is not its model's is none elsewhere either.
    """
    faults = []
    for image in images:
        try:
            tensor = to_tensor(image.prepare(recipe.preprocess).pixels, recipe, device)
        except InputError:
            continue
        try:
            geometry.LocalGeometry(loaded, tensor)
            allowed_distortions(recipe, tensor, space_digests(recipe))
        except InputError as error:
            faults.append(error)
            if len(faults) == 2:
                break
            continue
        models.check_derivatives(loaded, tensor)
        return
    if faults:
        raise faults[0]


def _effort(distortion: Distortion) -> int:
    """Return how many steps the solver takes at most, of an entry of the recipe."""
    searches = 1 if getattr(distortion, "amplitude_rms", None) is None else 2
    return len(distortion.names) * searches * int(getattr(distortion, "iterations", 1))


def _make(
    plan: _Plan, share: Sequence[Unit], chosen: workers.Workers, progress: bool
) -> dict[str, str]:
    """Make the units of a share that are not there; return why any failed, by image."""
    effort = sum(map(_effort, plan.recipe.distortions))
    wanted = [unit for unit in share if find_unit(plan.folder, unit) is None]
    there = len(share) - len(wanted)
    make = Maker(plan.recipe, plan.folder, plan.recipe.device)
    failed = {}
    with (
        progress_bar(len(share) * effort, "step", progress, initial=there * effort) as bar,
        closing(chosen.results(make, wanted, bar.update)) as outcomes,
    ):
        for done, outcome in enumerate(outcomes, start=there + 1):
            bar.set_description(f"{done} of {len(share)} images")
            bar.update(done * effort - bar.n)
            if outcome.failure is not None:
                failed[outcome.unit.image.name] = outcome.failure
    return failed


def _joined(plan: _Plan, failed: Mapping[str, str]) -> StimulusSet:
    """Join all units into the set, or say what is missing."""
    found = _found(plan)
    records = {unit: record for unit, record in found.items() if record is not None}
    if plan.strict:
        _refuse_unlike(_environments(found.values()), plan.folder)
    if len(records) == len(plan.units) and not failed:
        try:
            with new_folder(plan.target) as part:
                _link(plan, records, part)
        except InputError:
            # Another shard that saw all units was first.
            if not plan.target.exists():
                raise
    if not plan.target.exists():
        remaining = len(plan.units) - len(records) - len(failed)
        raise SetUnfinished(plan.target.name, failed, remaining, len(plan.units))
    shutil.rmtree(plan.folder, ignore_errors=True)
    return StimulusSet.open(plan.target)


def _found(plan: _Plan) -> dict[Unit, UnitRecord | None]:
    """Return the units that are made, by whomever."""
    # Writing into the folder first makes this machine see what others put there. Another shard
    # that has joined them all has removed it.
    with suppress(OSError), unfinished(plan.folder / "set") as part:
        part.mkdir()
    return {unit: find_unit(plan.folder, unit) for unit in plan.units}


def _link(plan: _Plan, records: Mapping[Unit, UnitRecord], part: Path) -> None:
    """Put the files of all units into one folder, without a copy where links are possible."""
    for unit, record in records.items():
        for file in record.files:
            source = plan.folder / unit.digest / file
            (part / file).parent.mkdir(exist_ok=True)
            try:
                os.link(source, part / file)
            except OSError:
                shutil.copyfile(source, part / file)
    _write_manifest(plan, list(records.values()), part)


def _write_manifest(plan: _Plan, records: Sequence[UnitRecord], part: Path) -> None:
    manifest = Manifest(
        schema_version=SCHEMA.version,
        name=plan.target.name,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        versions=versions(*PACKAGES),
        environments=_environments(records),
        recipe=plan.recipe.model_dump(mode="json"),
        space_sha256=plan.units[0].files.by_key,
        floor=plan.recipe.floor,
        models=tuple(r.name for r in plan.representations),
        representations=tuple(plan.representations),
        images=tuple(record.image for record in records),
        files={
            file: sha256
            for record in records
            for file, sha256 in record.files.items()
            if not file.startswith(f"{FOLDER}/")
        }
        | draw_scree([record.image for record in records], part),
    )
    write_manifest(part, manifest)


def _environments(records: Iterable[UnitRecord | None]) -> tuple[Environment, ...]:
    """Return what units were made with, and where that differs which images."""
    made: dict[str, tuple[Environment, list[str]]] = {}
    for record in records:
        if record is not None and record.environment is not None:
            key = record.environment.model_dump_json()
            made.setdefault(key, (record.environment, []))[1].append(record.image.name)
    if len(made) == 1:
        return tuple(environment for environment, _ in made.values())
    return tuple(e.model_copy(update={"images": tuple(names)}) for e, names in made.values())


def _refuse_unlike(environments: Sequence[Environment], folder: Path) -> None:
    if len(environments) > 1:
        raise InputError(
            "; ".join(unlike(environments)),
            file=folder,
            field="strict",
            allowed="one environment for all images",
            remedy="remove the folder, and make all again in one of them; or leave strict out",
        )
