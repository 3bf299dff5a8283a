"""The fixation window of a session with an eye tracker: ``gaze`` of an experiment."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from pdpsych.common.errors import InputError
from pdpsych.common.section import Section
from pdpsych.displays.display import Display
from pdpsych.experiments.tasks.phases import Milliseconds

_DEVICES = "eyetracker.hw."
# Of ioHub's classes, those with a name of their own here.
CLASSES = {
    "mouse": f"{_DEVICES}mouse.EyeTracker",
    "eyelink": f"{_DEVICES}sr_research.eyelink.EyeTracker",
    "tobii": f"{_DEVICES}tobii.EyeTracker",
    "gazepoint": f"{_DEVICES}gazepoint.gp3.EyeTracker",
    "pupil": f"{_DEVICES}pupil_labs.pupil_core.EyeTracker",
    "neon": f"{_DEVICES}pupil_labs.neon.EyeTracker",
}


def _known(name: str) -> str:
    if name not in CLASSES and not re.fullmatch(r"eyetracker(\.\w+)+\.\w+", name):
        raise InputError(
            "is no eye tracker",
            value=name,
            allowed=[*CLASSES, "a class of ioHub, such as eyetracker.hw.tobii.EyeTracker"],
        )
    return name


class Gaze(Section):
    """What gaze has to do in a trial, and what says where it is.

    Attributes
    ----------
    tracker
        ``mouse`` (gaze is the mouse, for trying out), ``eyelink``, ``tobii``, ``gazepoint``,
        ``pupil``, ``neon``, or the class of another one that PsychoPy's ioHub knows.
    settings
        Its settings, as ioHub has them: ``runtime_settings``, ``calibration`` and so on.
    radius_deg
        How far from the fixation mark gaze may be.
    fixate_ms
        How long it has to be there before a trial begins.
    lost_ms
        How long the eye may be lost while images are shown: a blink, or missing samples.
    patience_s
        After so long without fixation, the experimenter is asked to check the tracker.
    limit_deg
        Largest mean error with which a validation is passed.
    """

    tracker: Annotated[str, AfterValidator(_known)]
    settings: dict[str, Any] = Field(default_factory=dict)
    radius_deg: float = Field(2.0, gt=0, le=45)
    fixate_ms: Annotated[Milliseconds, Field(gt=0)] = 300
    lost_ms: Annotated[Milliseconds, Field(ge=20)] = 100
    patience_s: float = Field(10, ge=1, le=600)
    limit_deg: float = Field(1.0, gt=0, le=45)

    @property
    def device(self) -> str:
        """The tracker's class in ioHub."""
        return CLASSES.get(self.tracker, self.tracker)

    def pixels_per_degree(self, display: Display, label: str) -> float:
        """Return the pixels of a degree, in which distances of gaze are told.

        Parameters
        ----------
        display
            Where gaze is.
        label
            The experiment, for messages.

        Raises
        ------
        InputError
            If the display does not say how large it is, and how far away.
        """
        found = display.pixels_per_degree
        if found is None:
            raise InputError(
                "is in degrees, and the display says neither its size nor its distance",
                file=label,
                field="gaze.radius_deg",
                value=self.radius_deg,
                remedy=f"write width_px, width_cm and distance_cm into {display.label}",
            )
        return found
