"""The square that a photodiode looks at. Importing it imports PsychoPy."""

from __future__ import annotations

from typing import Any

from pdpsych.common.errors import InputError
from pdpsych.displays.lab.psychopy import visual
from pdpsych.displays.lab.screen import Screen
from pdpsych.experiments.person.signals import place_of
from pdpsych.experiments.tasks.events import Photodiode


class Square:
    """White or black, in a corner, on whole pixels.

    Parameters
    ----------
    photodiode
        Where, and of which size; None: nothing is drawn.
    images
        Width and height of what is shown in the middle, at most, in pixels.
    label
        The experiment, for messages.

    Raises
    ------
    InputError
        If it would cover an image.
    """

    def __init__(
        self, screen: Screen, photodiode: Photodiode | None, images: tuple[int, int], label: str
    ) -> None:
        self._stimulus: Any = None
        if photodiode is None:
            return
        self._levels = {True: screen.colour(screen.top), False: screen.colour(0)}
        # Whole levels: on some outputs, one takes two pixels across.
        size = -(-photodiode.size_px // screen.columns) * screen.columns
        window = screen.size
        free = [(outer - inner) // 2 for outer, inner in zip(window, images, strict=True)]
        if size > max(free):
            raise InputError(
                f"covers images of {images[0]}×{images[1]} pixels in a window of "
                f"{window[0]}×{window[1]}",
                file=label,
                field="events.photodiode.size_px",
                value=size,
                allowed=f"at most {max(free)}",
            )
        self._stimulus = visual.Rect(
            screen.win,
            width=size,
            height=size,
            pos=place_of(photodiode.corner, size, window),
            units="pix",
            lineWidth=0,
            autoLog=False,
        )

    def draw(self, white: bool) -> None:
        """Draw it into the next frame."""
        if self._stimulus is not None:
            self._stimulus.fillColor = self._levels[white]
            self._stimulus.draw()


class Asked:
    """The question, with the square in its frames."""

    def __init__(self, question: Any, square: Square, white: bool) -> None:
        self._question, self._square, self._white = question, square, white

    def draw(self) -> None:
        """Draw both into the next frame."""
        self._question.draw()
        self._square.draw(self._white)
