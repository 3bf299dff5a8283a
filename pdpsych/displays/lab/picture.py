"""Levels on the graphics card, drawn pixel for pixel. Importing it imports PsychoPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from pdpsych.displays.dither import Levels
from pdpsych.displays.lab.psychopy import visual
from pdpsych.displays.lab.screen import Screen
from pdpsych.displays.lab.screen_check import check_room


class Picture:
    """Levels as a display's output wants them in the frame buffer, on whole pixels.

    At their own size, or whole multiples of it, without interpolation. One texture serves all that
    are loaded after each other.

    Parameters
    ----------
    scale
        Pixels of the frame buffer, each way, for each level.
    """

    def __init__(self, screen: Screen, scale: int) -> None:
        self._screen, self._scale = screen, scale
        self._stimulus: Any = None
        self.values: Levels = np.zeros((0, 0, 3), np.uint16)

    def load(self, levels: Levels, aside: int = 0, up: int = 0) -> None:
        """Take in levels (C, H, W), to be drawn in the middle or so many pixels right and up.

        ``values`` is what the frame buffer then holds of them, (H, W, 3) from the top.

        Raises
        ------
        InputError
            If they do not fit the window.
        """
        self.values = self._screen.encoded(levels, self._scale)
        height, width = self.values.shape[:2]
        check_room((width + 2 * abs(aside), height), self._screen.size, self._screen.label)
        array = self._screen.texture(self.values)
        if self._stimulus is None:
            self._stimulus = visual.ImageStim(
                self._screen.win, image=array, units="pix", interpolate=False, autoLog=False
            )
        self._stimulus.size = width, height
        across, upwards = self._screen.centre((width, height), aside)
        self._stimulus.pos = across, upwards + up
        self._stimulus.image = array

    def draw(self) -> None:
        """Draw them into the next frame."""
        self._stimulus.draw()
