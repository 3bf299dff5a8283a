"""The curve of a display that was measured, as the display's file describes it."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Literal

from pdpsych.common.section import Section
from pdpsych.displays.fitting.curve_fit import Model


class MeasuredCurve(Section):
    """The curve of a display that was measured.

    Attributes
    ----------
    measurements
        A CSV file beside the display's, see :func:`pdpsych.displays.read_measurements`.
    model
        What is fitted to it on reading: ``power-1``, ``power-2`` or ``power-4``, a power law as
        in that equation of PsychoPy's; ``smooth``, a penalised spline, which averages the noise of
        neighbouring levels; or ``pchip``, an interpolation.
    instrument, date
        What measured it, and when; for people.
    ramp
        ``linear`` where the gamma ramp of the graphics card was read back as linear while it was
        measured, which it then has to be in sessions.

    Examples
    --------
    >>> from pdpsych.displays import MeasuredCurve
    >>> MeasuredCurve(measurements="lab.csv", model="pchip").model
    'pchip'
    """

    measurements: Path
    model: Model
    instrument: str | None = None
    date: datetime.date | None = None
    ramp: Literal["linear"] | None = None
