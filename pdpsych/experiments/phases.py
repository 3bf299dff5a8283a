"""What the phases of a trial show, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pdpsych.experiments.design import Position
from pdpsych.experiments.experiment import Experiment
from pdpsych.stimuli.dither import Levels
from pdpsych.stimuli.shown import Shown

Place = Literal["centre", "left", "right"]


@dataclass(frozen=True, eq=False)
class PlannedPhase:
    """A phase of a trial.

    Attributes
    ----------
    name
        Once in a trial: gap, fixation, reference, reference_blank, first, blank, second, images.
    milliseconds
        How long it is to be shown.
    mark
        Whether the fixation mark is shown.
    images
        Display levels (C, H, W) by where they are shown; a single one in the middle of the
        screen, two at the same distance from it.
    """

    name: str
    milliseconds: float
    mark: bool = False
    images: Mapping[Place, Levels] = field(default_factory=dict)


def phases(
    experiment: Experiment, position: Position, shown: Shown, reference: Levels | None
) -> tuple[PlannedPhase, ...]:
    """Return the phases of a trial from its gap to its question.

    Parameters
    ----------
    position
        Of the distorted image: 1 is the first or left, 2 the second or right.
    shown
        The distorted and the undistorted image.
    reference
        Display levels of the undistorted image shown before both, None without one.
    """
    timing = experiment.timing
    before = [PlannedPhase("gap", timing.gap), PlannedPhase("fixation", timing.fixation, True)]
    if reference is not None:
        before += [
            PlannedPhase("reference", timing.reference, images={"centre": reference}),
            PlannedPhase("reference_blank", timing.blank, True),
        ]
    pair = shown.distorted, shown.reference
    first, second = pair if position == 1 else pair[::-1]
    if experiment.task == "spatial":
        both: dict[Place, Levels] = {"left": first, "right": second}
        return (*before, PlannedPhase("images", timing.image, True, both))
    return (
        *before,
        PlannedPhase("first", timing.image, images={"centre": first}),
        PlannedPhase("blank", timing.blank, True),
        PlannedPhase("second", timing.image, images={"centre": second}),
    )
