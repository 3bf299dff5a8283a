"""How sensitive the models of a set are to its distortions as a display shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from pdpsych import geometry, models
from pdpsych.displays.display import Display
from pdpsych.displays.encoding import Array
from pdpsych.displays.expectation import shown_difference
from pdpsych.stimuli.calibration.condition import ConditionCalibration
from pdpsych.stimuli.generation.rebuilding import rebuilt
from pdpsych.stimuli.generation.unit import to_tensor
from pdpsych.stimuli.recipe import Recipe
from pdpsych.stimuli.stimulus_set import StimulusSet


def with_sensitivities(
    opened: StimulusSet, display: Display, conditions: Sequence[ConditionCalibration]
) -> list[ConditionCalibration]:
    """Return conditions with every model's sensitivity to what is shown of them.

    Each distortion is taken at the geometric mean of the thresholds expected under the models,
    moved into the range that is shown faithfully.

    Raises
    ------
    InputError
        If a model cannot be built again as it was when the set was made.
    """
    recipe, loaded = rebuilt(opened, remedy="calibrate without asking the models")
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
