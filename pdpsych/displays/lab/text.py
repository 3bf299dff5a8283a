"""Text on a screen, as levels of its display. Importing it imports PsychoPy."""

from __future__ import annotations

import numpy as np

from pdpsych.displays.lab.picture import Picture
from pdpsych.displays.lab.screen import Screen
from pdpsych.displays.text.fonts import PLAIN, Lettering
from pdpsych.displays.text.typeface import Typeface

# Shares of the window that text may take, and the longest line that is read well, in em.
_WIDTH, _HEIGHT, _LONGEST = 0.9, 0.9, 40


class Text:
    """Text in the middle of a screen, or so many pixels above it, which can be set anew.

    It is made of levels between those of background and ink, and reaches the frame buffer as
    images do, whatever the display's output.

    Parameters
    ----------
    lettering
        Its font and size.
    """

    def __init__(
        self, screen: Screen, lettering: Lettering = PLAIN, text: str = "", up: int = 0
    ) -> None:
        self.text = text
        self._screen, self._up = screen, up
        # Where a level takes two pixels across, letters take two of them each way.
        self._scale = screen.columns
        size = screen.pixels(lettering.degrees)
        self._em = max(size // self._scale, 1)
        self._typeface = Typeface(lettering.file, self._em)
        self._picture = Picture(screen, self._scale)
        self._loaded = ""

    def pages(self, text: str, below: str) -> list[str]:
        """Return a text in pages that fit the screen.

        Where it needs several, there is room for a line left empty and what stands ``below``.
        """
        height, line = int(_HEIGHT * self._screen.size[1]) // self._scale, self._typeface.line
        pages = self._typeface.pages(text, self._width, height)
        if len(pages) == 1:
            return pages
        taken = (len(self._typeface.lines(below, self._width)) + 1) * line
        return self._typeface.pages(text, self._width, height - taken)

    def draw(self) -> None:
        """Draw it into the next frame.

        Raises
        ------
        InputError
            If it is higher than the screen.
        """
        if self.text != self._loaded:
            self._load()
        if self.text.strip():
            self._picture.draw()

    @property
    def _width(self) -> int:
        return min(int(_WIDTH * self._screen.size[0]) // self._scale, _LONGEST * self._em)

    def _load(self) -> None:
        covered = self._typeface.drawn(self.text, self._width)
        paper, ink = self._screen.paper, self._screen.ink
        levels = np.round(paper + covered * (float(ink) - paper)).astype(np.uint16)
        self._picture.load(levels[None], up=self._up)
        self._loaded = self.text
