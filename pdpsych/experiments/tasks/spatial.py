"""Two positions: the images side by side."""

from __future__ import annotations

from pdpsych.displays.dither import Levels
from pdpsych.experiments.tasks.phases import PlannedPhase, Timing
from pdpsych.experiments.tasks.task import Task


class Spatial(Task):
    """Both images at once, at the same distance from the fixation mark between them."""

    positions = ("left", "right")

    def explain(self, reference: bool) -> str:
        """Ask for the side with the change."""
        if reference:
            return """\
Each trial shows a picture, and then the same picture twice, side by side.
One of these two is slightly changed:
as often the left as the right.

Which of the two differs from the picture before?
"""
        return """\
Each trial shows the same picture twice, side by side.
One of the two is slightly changed:
as often the left as the right.

Which one was changed?
"""

    def show(self, timing: Timing, first: Levels, second: Levels) -> tuple[PlannedPhase, ...]:
        """Return the one phase with both."""
        return (PlannedPhase("images", timing.image, True, {"left": first, "right": second}),)
