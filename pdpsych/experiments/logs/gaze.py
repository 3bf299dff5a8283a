"""Where gaze was in a trial, and how far a tracker was off, as logs have it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pdpsych.common.section import Part, Section


class Looked(Part):
    """Gaze while the images of a trial were shown, relative to the fixation mark.

    ``x_deg`` and ``y_deg`` are where it was when the first image came, to the right and up;
    ``largest_deg`` is the largest distance, in degrees, that two samples in a row reached;
    ``lost_s`` is the longest time for which the eye was lost, in s. None where it never was seen.
    """

    x_deg: float | None
    y_deg: float | None
    largest_deg: float | None
    lost_s: float = Field(ge=0)
    samples: int = Field(ge=0)


class Point(Part):
    """A point of a validation, in degrees from the middle, and how far gaze was from it.

    ``error_deg`` is None where the eye was not found.
    """

    x_deg: float
    y_deg: float
    error_deg: float | None


class GazeChecked(Section):
    """A validation of an eye tracker, after so many answered trials.

    ``mean_deg`` is the mean error over its points, None where the eye was not found at one;
    ``passed`` says that it is within ``limit_deg``. ``calibrated`` says that the tracker was
    calibrated just before.
    """

    record: Literal["gaze-check"] = "gaze-check"
    answered: int
    calibrated: bool
    mean_deg: float | None
    limit_deg: float
    passed: bool
    points: tuple[Point, ...]
    time: str
