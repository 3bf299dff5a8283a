"""The models of a set that is there, built again as they were when it was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pdpsych import geometry, models
from pdpsych.common.errors import InputError
from pdpsych.common.section import Section, validate
from pdpsych.models.address import Address, Model, read
from pdpsych.stimuli.generation.of_arrays import AskedModels
from pdpsych.stimuli.generation.unit import representations, to_tensor
from pdpsych.stimuli.recipe import Recipe
from pdpsych.stimuli.set_image import SetImage
from pdpsych.stimuli.stimulus_set import StimulusSet

Local = Callable[[SetImage], geometry.LocalGeometry]
"""The geometry of the models of a set at one of its images."""


def rebuilt(opened: StimulusSet, remedy: str = "", *, trust_code: bool = False) -> Local:
    """Return the models of a set, to be asked at its images.

    Files that the recipe names are looked for where it is when the set is at its usual place,
    ``sets/NAME`` beside it; those of models of a set of arrays from the working directory.

    Parameters
    ----------
    opened
        The set.
    remedy
        What to do where a set does not say how its models are built.
    trust_code
        Whether Python that the set names may be run.

    Raises
    ------
    InputError
        If a model cannot be built again as it was when the set was made, or needs Python that
        nobody said is trusted.
    """
    if "models" not in opened.manifest.recipe:
        raise InputError(
            "the set was made of arrays, and does not say how its models are built",
            file=opened.path,
            field="models",
            remedy=remedy,
        )
    if "images" not in opened.manifest.recipe:
        return _of_arrays(opened, trust_code)
    recipe = validate(opened.manifest.recipe, Recipe, f"{opened.path}: recipe")
    _check_trusted(opened, recipe.models, trust_code)
    recipe._file = opened.path.resolve().parent.with_name("recipe.yaml")
    loaded = representations(recipe, recipe.device)
    _check_weights(opened, loaded)

    def local(image: SetImage) -> geometry.LocalGeometry:
        tensor = to_tensor(image.base.copy(), recipe, recipe.device)
        return geometry.LocalGeometry(loaded, tensor, floor=recipe.floor)

    return local


def _of_arrays(opened: StimulusSet, trust_code: bool) -> Local:
    manifest = opened.manifest
    named = validate({"models": manifest.recipe["models"]}, _Named, opened.path).models
    _check_trusted(opened, named, trust_code)
    asked = AskedModels(named)
    for encoding in {entry.encoding for entry in manifest.images}:
        _check_weights(opened, asked.loaded(encoding))
    return lambda image: asked.local(image.encoding, image.base.copy(), manifest.floor)


class _Named(Section):
    models: tuple[Model, ...]


def _check_trusted(opened: StimulusSet, named: Sequence[str | Address], trust_code: bool) -> None:
    for model in map(read, named):
        if isinstance(model, Address) and model.source == "python" and not trust_code:
            raise InputError(
                "is Python that the set names, and would be run",
                file=opened.path,
                field="models",
                value=model.address,
                remedy="read that code, and give --trust-code (trust_code=True) if you trust it",
            )


def _check_weights(opened: StimulusSet, loaded: Sequence[models.Representation]) -> None:
    recorded = {made.name: made for made in opened.manifest.representations}
    for here in loaded:
        if here.name in recorded:
            made, now = recorded[here.name], here.origin
            # Sets of older versions know of no code.
            _check_same(
                opened, here.name, "code", made.code_sha256 or now.code_sha256, now.code_sha256
            )
            _check_same(opened, here.name, "files", made.tap_sha256, now.tap_sha256)
            _check_same(opened, here.name, "weights", made.weights_sha256, now.weights_sha256)


def _check_same(opened: StimulusSet, model: str, part: str, before: str, now: str) -> None:
    if now != before:
        raise InputError(
            f"the model has other {part} here ({now[:12]}…) than when the set was made "
            f"({before[:12]}…)",
            file=opened.path,
            field="models",
            value=model,
            remedy="generate the set again",
        )
