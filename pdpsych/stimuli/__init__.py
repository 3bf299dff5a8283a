"""Base images, stimulus sets and the display pipeline; only ``generate`` needs torch."""

from __future__ import annotations

from pathlib import Path

from pdpsych.stimuli.display import Display, Shown, show
from pdpsych.stimuli.images import load_image, sample_names
from pdpsych.stimuli.recipe import Preprocess, Recipe
from pdpsych.stimuli.stimulus_set import StimulusSet

__all__ = [
    "Display",
    "Preprocess",
    "Recipe",
    "Shown",
    "StimulusSet",
    "generate",
    "load_image",
    "sample_names",
    "show",
]


def generate(
    recipe: str | Path | Recipe, out: str | Path | None = None, progress: bool = False
) -> StimulusSet:
    """Make the stimulus set of a recipe; see :func:`pdpsych.stimuli.builder.generate`."""
    from pdpsych.stimuli.builder import generate as build

    return build(recipe, out, progress=progress)
