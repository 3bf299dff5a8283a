"""What a trial asks: how two images are shown, and what an answer means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import numpy as np

from pdpsych.displays.dither import Levels
from pdpsych.displays.rendering import Shown
from pdpsych.experiments.tasks.phases import PlannedPhase, Timing

Position = Literal[1, 2]
"""Where an image is: in the first or second interval, left or right."""
NO_IMAGES = Shown(np.zeros((1, 1, 1), np.uint16), np.zeros((1, 1, 1), np.uint16), 0, 0, 0)
"""For what does not depend on what is shown."""


class Task(ABC):
    """A trial of two images of which one is distorted; the answer says which.

    A type of trial is a subclass, registered in :mod:`pdpsych.experiments.tasks.registry`.
    Whatever it shows, thresholds are those of an observer who compares the two images without
    bias, see
    :func:`pdpsych.experiments.placement.psychometric.proportion_correct`.

    Attributes
    ----------
    positions
        What the instructions call positions 1 and 2.
    """

    positions: tuple[str, str]

    @abstractmethod
    def explain(self, reference: bool) -> str:
        """Tell the person, in English, what is shown and asked, with or without a reference."""

    @abstractmethod
    def show(self, timing: Timing, first: Levels, second: Levels) -> tuple[PlannedPhase, ...]:
        """Return the phases in which the images of positions 1 and 2 are shown."""

    def chosen(self, key: Literal["first", "second"]) -> Position:
        """Return the position that a person means by one of the two keys."""
        return 1 if key == "first" else 2

    def names(self, timing: Timing, reference: bool) -> tuple[str, ...]:
        """Return the names of a trial's phases from its fixation to its question."""
        shown = self.phases(timing, 1, NO_IMAGES, NO_IMAGES.reference if reference else None)
        return tuple(phase.name for phase in shown[1:])

    def phases(
        self, timing: Timing, position: Position, shown: Shown, reference: Levels | None
    ) -> tuple[PlannedPhase, ...]:
        """Return the phases of a trial from its gap to its question.

        Parameters
        ----------
        position
            Of the distorted image.
        shown
            The distorted and the undistorted image.
        reference
            Display levels of the undistorted image shown before both, None without one.
        """
        before = [PlannedPhase("gap", timing.gap), PlannedPhase("fixation", timing.fixation, True)]
        if reference is not None:
            before += [
                PlannedPhase("reference", timing.reference, images={"centre": reference}),
                PlannedPhase("reference_blank", timing.blank, True),
            ]
        pair = shown.distorted, shown.reference
        return (*before, *self.show(timing, *(pair if position == 1 else pair[::-1])))
