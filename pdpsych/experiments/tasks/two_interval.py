"""Two intervals: one image after the other."""

from __future__ import annotations

from pdpsych.displays.dither import Levels
from pdpsych.experiments.tasks.phases import PlannedPhase, Timing
from pdpsych.experiments.tasks.task import Task


class TwoInterval(Task):
    """The images follow each other in the middle of the screen, with a blank between them."""

    positions = ("first", "second")

    def explain(self, reference: bool) -> str:
        """Ask for the interval with the change."""
        if reference:
            return """\
Each trial shows a picture, and then the same picture twice more.
One of these two is slightly changed:
as often the first as the second.

Which of the two differs from the picture before?
"""
        return """\
Each trial shows the same picture twice.
One of the two is slightly changed:
as often the first as the second.

Which one was changed?
"""

    def show(self, timing: Timing, first: Levels, second: Levels) -> tuple[PlannedPhase, ...]:
        """Return first image, blank, second image."""
        return (
            PlannedPhase("first", timing.image, images={"centre": first}),
            PlannedPhase("blank", timing.blank, True),
            PlannedPhase("second", timing.image, images={"centre": second}),
        )
