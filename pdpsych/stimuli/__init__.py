"""Base images, stimulus sets and the display pipeline; only ``generate`` needs torch."""

from __future__ import annotations

from pathlib import Path

from pdpsych.stimuli.calibrate import calibrate
from pdpsych.stimuli.calibration import Calibration
from pdpsych.stimuli.display import Display
from pdpsych.stimuli.images import load_image, sample_names
from pdpsych.stimuli.recipe import Preprocess, Recipe
from pdpsych.stimuli.shown import Shown, show
from pdpsych.stimuli.stimulus_set import StimulusSet
from pdpsych.stimuli.unfinished import SetUnfinished

__all__ = [
    "Calibration",
    "Display",
    "Preprocess",
    "Recipe",
    "SetUnfinished",
    "Shown",
    "StimulusSet",
    "calibrate",
    "generate",
    "load_image",
    "sample_names",
    "show",
]


def generate(
    recipe: str | Path | Recipe,
    out: str | Path | None = None,
    progress: bool = False,
    *,
    jobs: int | None = None,
    shard: str | None = None,
    scheduler: str | None = None,
) -> StimulusSet:
    """Make the stimulus set of a recipe; see :func:`pdpsych.stimuli.builder.generate`."""
    from pdpsych.stimuli.builder import generate as build

    return build(recipe, out, progress, jobs=jobs, shard=shard, scheduler=scheduler)
