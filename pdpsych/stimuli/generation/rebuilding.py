"""The models of a set that is there, built again as they were when it was made."""

from __future__ import annotations

from collections.abc import Sequence

from pdpsych import models
from pdpsych.common.errors import InputError
from pdpsych.common.section import validate
from pdpsych.models.address import Address, read
from pdpsych.stimuli.generation.unit import representations
from pdpsych.stimuli.recipe import Recipe
from pdpsych.stimuli.stimulus_set import StimulusSet


def rebuilt(
    opened: StimulusSet, remedy: str = "", *, trust_code: bool = False
) -> tuple[Recipe, list[models.Representation]]:
    """Return the recipe of a set and its models.

    Files that the recipe names are looked for where it is when the set is at its usual place,
    ``sets/NAME`` beside it.

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
    recipe = validate(opened.manifest.recipe, Recipe, f"{opened.path}: recipe")
    _check_trusted(opened, recipe, trust_code)
    recipe._file = opened.path.resolve().parent.with_name("recipe.yaml")
    loaded = representations(recipe, recipe.device)
    _check_weights(opened, loaded)
    return recipe, loaded


def _check_trusted(opened: StimulusSet, recipe: Recipe, trust_code: bool) -> None:
    for named in map(read, recipe.models):
        if isinstance(named, Address) and named.source == "python" and not trust_code:
            raise InputError(
                "is Python that the set names, and would be run",
                file=opened.path,
                field="models",
                value=named.address,
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
