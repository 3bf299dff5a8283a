"""How sensitive the models of a set are to its distortions as a display shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from pdpsych import geometry, models
from pdpsych.common.errors import InputError
from pdpsych.common.section import validate
from pdpsych.displays.display import Display
from pdpsych.displays.encoding import Array
from pdpsych.displays.expectation import shown_difference
from pdpsych.stimuli.calibration.condition import ConditionCalibration
from pdpsych.stimuli.generation.unit import representations, to_tensor
from pdpsych.stimuli.recipe import Recipe
from pdpsych.stimuli.stimulus_set import StimulusSet


def with_sensitivities(
    opened: StimulusSet, display: Display, conditions: Sequence[ConditionCalibration]
) -> list[ConditionCalibration]:
    """Return conditions with every model's sensitivity to what is shown of them.

    Each distortion is taken at the geometric mean of the thresholds expected under the models,
    moved into the range that is shown faithfully. Files that the set's recipe names are looked
    for where the recipe is when the set is at its usual place, ``sets/NAME`` beside it.

    Raises
    ------
    InputError
        If a model cannot be built again as it was when the set was made.
    """
    recipe = _recipe(opened)
    recipe._file = opened.path.resolve().parent.with_name("recipe.yaml")
    loaded = representations(recipe, recipe.device)
    _check_weights(opened, loaded)
    seen: dict[str, Mapping[str, float]] = {}
    for image in opened.images:
        own = [c for c in conditions if c.image == image and c.range]
        seen |= _sensitivities(opened, display, recipe, loaded, own)
    return [c.model_copy(update={"sensitivities": seen.get(c.name, {})}) for c in conditions]


def _sensitivities(
    opened: StimulusSet,
    display: Display,
    recipe: Recipe,
    loaded: list[models.Representation],
    conditions: Sequence[ConditionCalibration],
) -> dict[str, dict[str, float]]:
    """Return, by condition of one image, each model's sensitivity."""
    if not conditions:
        return {}
    image = opened[conditions[0].image].base
    shown = np.stack([_shown(opened, display, c) for c in conditions])
    tensor = to_tensor(image.copy(), recipe, recipe.device)
    local = geometry.LocalGeometry(loaded, tensor, floor=recipe.floor)
    values = local.sensitivities(torch.from_numpy(shown).to(tensor))
    columns = zip(*values.tolist(), strict=True)
    return {
        c.name: dict(zip(local.names, column, strict=True))
        for c, column in zip(conditions, columns, strict=True)
    }


def _shown(opened: StimulusSet, display: Display, condition: ConditionCalibration) -> Array:
    low, high = condition.range or (1.0, 1.0)
    expected = [t for t in condition.thresholds.values() if t is not None]
    middle = float(np.exp(np.mean(np.log(expected)))) if expected else low
    amplitude = min(max(middle, low), high)
    image = opened[condition.image]
    distortion = image[condition.pair].distortion(condition.distortion)
    return shown_difference(image.base, distortion, amplitude, display, image.encoding)


def _recipe(opened: StimulusSet) -> Recipe:
    if "models" not in opened.manifest.recipe:
        raise InputError(
            "the set was made of arrays, and does not say how its models are built",
            file=opened.path,
            field="models",
            remedy="calibrate without asking the models",
        )
    return validate(opened.manifest.recipe, Recipe, f"{opened.path}: recipe")


def _check_weights(opened: StimulusSet, loaded: Sequence[models.Representation]) -> None:
    recorded = {r.name: r.weights_sha256 for r in opened.manifest.representations}
    for representation in loaded:
        weights = representation.origin.weights_sha256
        if recorded.get(representation.name, weights) != weights:
            raise InputError(
                f"the model has other weights here ({weights[:12]}…) than when the set was made "
                f"({recorded[representation.name][:12]}…)",
                file=opened.path,
                field="models",
                value=representation.name,
                remedy="generate the set again",
            )
