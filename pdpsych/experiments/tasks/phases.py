"""The phases of a trial: what each shows, where, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pdpsych.common.errors import InputError
from pdpsych.common.section import Section
from pdpsych.displays.dither import Levels


def _no_seconds(duration: float) -> float:
    """Refuse what no frame is as short as: it is meant in seconds."""
    if 0 < duration < 1:
        remedy = f"did you mean {1000 * duration:g}?"
        raise InputError("is in ms", value=duration, remedy=remedy)
    return duration


Milliseconds = Annotated[float, Field(ge=0, le=60_000), AfterValidator(_no_seconds)]
Place = Literal["centre", "left", "right"]


class Timing(Section):
    """Durations of the phases of a trial in ms; the answer may take any time.

    gap, fixation, then with a reference: reference, blank; then first image, blank, second image
    (one interval with both where they are side by side), question (until answered), feedback.
    """

    gap: Milliseconds = 500
    fixation: Milliseconds = 500
    reference: Annotated[Milliseconds, Field(gt=0)] = 250
    image: Annotated[Milliseconds, Field(gt=0)] = 250
    blank: Milliseconds = 500
    feedback: Annotated[Milliseconds, Field(gt=0)] = 500


@dataclass(frozen=True, eq=False)
class PlannedPhase:
    """A phase of a trial.

    Attributes
    ----------
    name
        Once in a trial, as gap, fixation, first, blank, second; columns of times are named by it.
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
