"""How far the stimulus set of a recipe is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pdpsych.common.errors import InputError
from pdpsych.common.terminal import quoted
from pdpsych.stimuli.photographs.images import BaseImage, base_images, sample_names
from pdpsych.stimuli.recipe import Recipe
from pdpsych.stimuli.space_files import read_space, space_digests
from pdpsych.stimuli.stimulus_set import StimulusSet
from pdpsych.studies.next_step import NextStep, some
from pdpsych.studies.study_files import StudyFiles


@dataclass(frozen=True)
class SetState:
    """A recipe and what was made of it.

    Attributes
    ----------
    opened
        Its set, None where it is not made.
    kept
        Number of images that an unfinished run of generate has made.
    outdated
        Why the set is not that of the recipe as it is now.
    steps
        What is to be done next.
    images
        Before the set is made: those of its base images that are files.
    """

    recipe: Recipe
    opened: StimulusSet | None = None
    kept: int = 0
    outdated: tuple[str, ...] = ()
    steps: tuple[NextStep, ...] = ()
    images: tuple[BaseImage, ...] = ()


def set_state(study: StudyFiles, recipe: Recipe) -> SetState:
    """Compare a recipe and its images with the set at the usual place, ``sets/NAME``."""
    _check_samples(study, recipe)
    path = recipe.resolve(Path("sets", recipe.stem))
    if not path.is_dir():
        kept = len(list(path.parent.glob(f".{path.name}.units/[!.]*/unit.json")))
        return _to_generate(study, recipe, kept)
    opened = study.stimulus_set(path)
    if opened and opened.has_finite_responses:
        for image in opened.images:
            with study.collecting():
                opened.image_responses(image)
    outdated = _outdated(recipe, opened) if opened else ()
    for reason in outdated:
        study.add_problem(
            InputError(
                reason,
                file=path,
                remedy="take that back, or move the set away and run: "
                f"pdpsych generate {quoted(recipe.label)}",
            )
        )
    return SetState(recipe, opened, outdated=outdated)


def _check_samples(study: StudyFiles, recipe: Recipe) -> None:
    known = sample_names()
    for source in recipe.images:
        if source.sample is not None and source.sample not in known:
            study.add_problem(
                InputError(
                    "unknown sample",
                    file=recipe.label,
                    field="images",
                    value=source.sample,
                    allowed=known,
                )
            )


def _to_generate(study: StudyFiles, recipe: Recipe, kept: int) -> SetState:
    why = f"interrupted; {kept} images are made" if kept else f"the set {recipe.stem} is not made"
    generate = NextStep(f"pdpsych generate {quoted(recipe.label)}", why)
    try:
        images = _own_images(recipe)
    except InputError as error:
        absent = [path for path in _own_paths(recipe) if not _holds_something(path)]
        if not absent:
            study.add_problem(error)
            return SetState(recipe, kept=kept)
        put = f"put your images where the recipe looks for them: {some([str(p) for p in absent])}"
        return SetState(recipe, kept=kept, steps=(NextStep(put, str(error)), generate))
    with study.collecting():
        read_space(recipe)
    return SetState(recipe, kept=kept, steps=(generate,), images=tuple(images))


def _own_images(recipe: Recipe) -> list[BaseImage]:
    """Return the images that are files; samples never change, and take scikit-image to read."""
    own = tuple(source for source in recipe.images if source.sample is None)
    return base_images(recipe.model_copy(update={"images": own})) if own else []


def _own_paths(recipe: Recipe) -> list[Path]:
    paths = [source.file or source.folder for source in recipe.images]
    return [recipe.resolve(path) for path in paths if path is not None]


def _holds_something(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _outdated(recipe: Recipe, opened: StimulusSet) -> tuple[str, ...]:
    changed = recipe.changed_since(opened.manifest.recipe)
    if changed:
        return (f"made by another recipe than {recipe.label}: {', '.join(changed)} changed",)
    return (*_changed_images(recipe, opened), *_changed_files(recipe, opened))


def _changed_images(recipe: Recipe, opened: StimulusSet) -> tuple[str, ...]:
    try:
        images = _own_images(recipe)
    except InputError:
        # The machine of a lab has the set, not what it was made from.
        return ()
    samples = {source.sample for source in recipe.images}
    was = {e.name: e.source_sha256 for e in opened.manifest.images if e.name not in samples}
    now = {image.name: image.sha256 for image in images}
    changed = sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))
    return (f"images changed since it was made: {some(changed)}",) if changed else ()


def _changed_files(recipe: Recipe, opened: StimulusSet) -> tuple[str, ...]:
    """Say which files of the space are others; as for images, they need not be here."""
    was = opened.manifest.space_sha256
    try:
        now = space_digests(recipe).by_key
    except InputError:
        return ()
    changed = [f"space.{key}" for key in was.keys() | now.keys() if was.get(key) != now.get(key)]
    return (f"files changed since it was made: {some(sorted(changed))}",) if changed else ()
