"""What the models of a set make of its distortions as a display shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pdpsych import geometry
from pdpsych.displays.display import Display
from pdpsych.displays.encoding import Array
from pdpsych.displays.expectation import shown_difference
from pdpsych.stimuli.calibration.condition import ConditionCalibration
from pdpsych.stimuli.calibration.shown_responses import shown_responses_of
from pdpsych.stimuli.generation.rebuilding import rebuilt
from pdpsych.stimuli.manifest import Pair
from pdpsych.stimuli.responses.response_file import ImageResponses
from pdpsych.stimuli.set_image import SetImage
from pdpsych.stimuli.stimulus_set import StimulusSet

# By which share the objective of a pair may be lower as shown than as it was made.
LOST = 0.1
_BITS = (8, 10, 14, 16)


@dataclass(frozen=True)
class Seen:
    """Conditions with the models' sensitivities, their responses by image, and what is lost."""

    conditions: tuple[ConditionCalibration, ...]
    responses: tuple[ImageResponses, ...]
    warnings: tuple[str, ...]


def seen_by_models(
    opened: StimulusSet,
    display: Display,
    conditions: Sequence[ConditionCalibration],
    trust_code: bool = False,
) -> Seen:
    """Return every model's sensitivity and responses to what is shown of conditions.

    For a sensitivity a distortion is taken at the geometric mean of the thresholds expected under
    the models, moved into the range that is shown faithfully.

    Raises
    ------
    InputError
        If a model cannot be built again as it was when the set was made.
    """
    remedy = "calibrate without asking the models"
    at = rebuilt(opened, remedy, trust_code=trust_code)
    asked: list[ConditionCalibration] = []
    responses: list[ImageResponses] = []
    warnings: list[str] = []
    for image in opened:
        own = [c for c in conditions if c.image == image.name]
        local = at(image)
        seen = _sensitivities(image, display, local, [c for c in own if c.range])
        asked += [c.model_copy(update={"sensitivities": seen.get(c.name, {})}) for c in own]
        responses.append(shown_responses_of(image, display, local, own))
        warnings += _losses(image, display, local, own, seen)
    return Seen(tuple(asked), tuple(responses), tuple(warnings))


def _sensitivities(
    image: SetImage,
    display: Display,
    local: geometry.LocalGeometry,
    conditions: Sequence[ConditionCalibration],
) -> dict[str, dict[str, float]]:
    """Return, by condition of one image, each model's sensitivity."""
    if not conditions:
        return {}
    shown = np.stack([_shown(image, display, c) for c in conditions])
    values = local.sensitivities(torch.from_numpy(shown).to(local.image))
    columns = zip(*values.tolist(), strict=True)
    return {
        c.name: dict(zip(local.names, column, strict=True))
        for c, column in zip(conditions, columns, strict=True)
    }


def _shown(image: SetImage, display: Display, condition: ConditionCalibration) -> Array:
    low, high = condition.range or (1.0, 1.0)
    expected = [t for t in condition.thresholds.values() if t is not None]
    middle = float(np.exp(np.mean(np.log(expected)))) if expected else low
    amplitude = min(max(middle, low), high)
    distortion = image[condition.pair].distortion(condition.distortion)
    return shown_difference(image.base, distortion, amplitude, display, image.encoding)


def _losses(
    image: SetImage,
    display: Display,
    local: geometry.LocalGeometry,
    conditions: Sequence[ConditionCalibration],
    seen: Mapping[str, Mapping[str, float]],
) -> Iterator[str]:
    """Say which pairs separate the models less as they are shown, and what would keep that."""
    for pair in image.with_rivals:
        own = [c for c in conditions if c.pair == pair.name]
        meant, left = (_objective(pair.entry, d) for d in (None, [seen.get(c.name) for c in own]))
        if meant is None or left is None or left >= (1 - LOST) * meant:
            continue
        yield (
            f"{image.name}/{pair.name}: as shown the models disagree "
            f"{100 * (1 - left / meant):.0f} % less than they are meant to (objective {left:.3g}, "
            f"meant {meant:.3g}); {_remedy(image, display, local, pair.entry, own, meant)}"
        )


def _objective(pair: Pair, shown: Sequence[Mapping[str, float] | None] | None) -> float | None:
    """Return the objective that a pair was chosen by, of its sensitivities or of those shown."""
    if pair.asked is None:
        return None
    if shown is None:
        return pair.asked.answered(pair.sensitivities).objective
    u, v = shown
    if not u or not v:
        return None
    return pair.asked.answered({model: (u[model], v[model]) for model in u}).objective


def _remedy(
    image: SetImage,
    display: Display,
    local: geometry.LocalGeometry,
    pair: Pair,
    conditions: Sequence[ConditionCalibration],
    meant: float,
) -> str:
    """Name the least change of the display that keeps the objective."""
    dithered = [display.dither] if display.dither != "none" else ["none", "uniform"]
    for bits in (b for b in _BITS if b >= display.bit_depth):
        for dither in dithered:
            other = display.model_copy(update={"bit_depth": bits, "dither": dither})
            seen = _sensitivities(image, other, local, conditions)
            left = _objective(pair, [seen[c.name] for c in conditions])
            if left is not None and left >= (1 - LOST) * meant:
                changed = [f"bit_depth: {bits}"] * (bits != display.bit_depth)
                changed += [f"dither: {dither}"] * (dither != display.dither)
                return f"{' with '.join(changed)} would keep it"
    return "no bit depth would keep it: clip less (`max_clipped`), or give more room"
