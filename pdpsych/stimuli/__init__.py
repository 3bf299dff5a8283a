"""Base images, stimulus sets and the display pipeline; only ``generate`` needs torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdpsych.displays.display import Display
from pdpsych.displays.rendering import Shown, show
from pdpsych.stimuli.calibration.calibrating import calibrate
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.images import load_image, sample_names
from pdpsych.stimuli.recipe import Preprocess, Recipe
from pdpsych.stimuli.stimulus_set import StimulusSet
from pdpsych.stimuli.unfinished import SetUnfinished

if TYPE_CHECKING:
    from pdpsych.stimuli.generation.builder import generate

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


def __getattr__(name: str) -> Any:
    # What needs torch is loaded when asked for.
    if name == "generate":
        from pdpsych.stimuli.generation.builder import generate

        return generate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
