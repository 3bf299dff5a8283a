"""A few pairs of distortions that models see in their own ways, and people like one of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from stimulus_sets import write_set

from pdpsych.experiments import ModelObserver
from pdpsych.experiments.design import Condition, PlannedTrial
from pdpsych.experiments.placement.adaptive import AdaptivePlacement
from pdpsych.experiments.placement.models.method import Models
from pdpsych.experiments.placement.placement import Showable
from pdpsych.stimuli import StimulusSet
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.response_file import SCHEMA, DistortionResponses, ImageResponses

IMAGES = ("camel", "einstein", "parrot", "rocket", "cat")
# Log ratios of thresholds, v to u, by model and image.
RATIOS = {
    "A": (1.52, 0.93, 1.21, 1.43, 0.82),
    "B": (-1.01, -1.38, 0.13, -0.74, -1.17),
    "C": (0.22, 0.38, -1.32, 0.29, 0.08),
}
UNIT = 10.0
METHOD = Models(kind="models")
AMPLITUDES = UNIT * np.geomspace(1e-4, 0.5, 30)


def response(log_threshold: float, saturation: float = 0.0) -> FiniteResponse:
    """D of somebody whose d′ is 1 there, in RMS contrast, and grows more slowly above."""
    linear = AMPLITUDES / (UNIT * np.exp(log_threshold))
    seen = linear * (1 + saturation) / (1 + saturation * linear)
    return FiniteResponse(AMPLITUDES, np.tile(seen, (2, 1)))


def conditions(images=IMAGES) -> list[Condition]:
    return [Condition(image, "principal", n) for image in images for n in (1, 2)]


def responses(images=IMAGES, saturation: float = 0.0):
    """D by condition and model; all see the middle of a pair alike."""
    middle = np.log(METHOD.threshold_rms)
    return {
        c: {
            m: response(middle + (c.distortion - 1.5) * x[IMAGES.index(c.image)], saturation)
            for m, x in RATIOS.items()
        }
        for c in conditions(images)
    }


def begin(images=IMAGES, method: Models = METHOD) -> dict[Condition, AdaptivePlacement]:
    showable = {c: Showable(c.name, 0.0, 0.5 * UNIT, UNIT) for c in conditions(images)}
    return {c: method.begin(one, 0) for c, one in showable.items()}


def person(model: str, seed: int = 0, misfit: float = 0.15) -> ModelObserver:
    rng = np.random.default_rng([seed, 3])
    own = {c: of[model] for c, of in responses().items()}
    efficiencies = {c: float(np.exp(misfit * rng.standard_normal())) for c in own}
    return ModelObserver(own, efficiencies, seed=seed)


def answer(observer: ModelObserver, condition: Condition, number: int, amplitude: float) -> bool:
    """Whether a trial is answered correctly."""
    sign, position = (1, -1)[number % 2], 1 + number // 2 % 2
    planned = PlannedTrial(number, condition, sign, position, easy=False)
    return observer.answer(planned, amplitude) == position


def finite_set(folder: Path, images=IMAGES[:3], models=("LN", "LGN"), alike: bool = False):
    """Write a set whose models' responses at visible amplitudes are known, linear ones."""
    sides = dict(zip(models, (RATIOS["A"], RATIOS["A" if alike else "B"]), strict=False))
    contents = {
        image: {
            "principal": {
                m: (float(80 * np.exp(x[k] / 2)), float(80 * np.exp(-x[k] / 2)))
                for m, x in sides.items()
            }
        }
        for k, image in enumerate(images)
    }
    opened = StimulusSet.open(write_set(folder, contents=contents))
    for image in opened:
        rms = np.geomspace(1e-4, 0.3, 9)
        alphas = rms * image.dimension**0.5
        found = [
            DistortionResponses.of(
                pair.name,
                n,
                rms,
                {m: np.tile(d[n - 1] / 16 * alphas, (2, 1)) for m, d in pair.sensitivities.items()},
                {},
                {},
            )
            for pair in image
            for n in (1, 2)
        ]
        ImageResponses(
            schema_version=SCHEMA.version,
            image=image.name,
            arrays_sha256=image.arrays_sha256,
            versions={},
            dimension=image.dimension,
            floors=dict.fromkeys(models, 0.0),
            distortions=tuple(found),
        ).write(opened.path)
    return StimulusSet.open(folder)
