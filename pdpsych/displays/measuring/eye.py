"""A display looked at: marks in black and white, and a grey that vanishes among black and white.

Opening its window imports PsychoPy.
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import numpy as np

from pdpsych.displays.display import Display
from pdpsych.displays.dither import Levels
from pdpsych.displays.measuring.readings import MeasurementStopped
from pdpsych.displays.rendering import levels

# Of the range of levels, by which a mark differs from its surround.
_MARK = 0.03
_TEXT_FROM_EDGE_PX = 50
_KEYS = "space: yes  return: no  escape: stop"


class Look(NamedTuple):
    """What is shown, levels (1, H, W), and what is asked about it."""

    name: str
    frame: Levels
    question: str


def looks(display: Display, side: int) -> tuple[Look, ...]:
    """Return what is looked at: squares of a side in levels, with one of a third in the middle.

    The third's grey has half the luminance of white and black, as the curve has it; around it lines
    of black and white take turns, which have that together, seen from where they run together.
    """
    top, mark = display.top, max(1, round(_MARK * display.top))
    colours = 1 if "grey" in display.fits or not display.fits else 3
    half = levels(np.full((colours, 1, 1), 0.5), display, "linear").reshape(colours)
    lines = np.zeros((colours, side, side), np.uint16)
    lines[:, ::2] = top
    frames = (
        ("black", np.zeros((colours, side, side), np.uint16), np.full(colours, mark)),
        ("white", np.full((colours, side, side), top, np.uint16), np.full(colours, top - mark)),
        ("grey", lines, np.round(half)),
    )
    questions = {
        "black": "Is there a square, just brighter than the black around it?",
        "white": "Is there a square, just darker than the white around it?",
        "grey": "From where the lines run together: is the square as bright as they are?",
    }
    third = slice(side // 3, side - side // 3)
    for _, frame, inner in frames:
        frame[:, third, third] = inner[:, None, None].astype(np.uint16)
    return tuple(Look(name, frame, questions[name]) for name, frame, _ in frames)


def look(display: Display, windowed: bool) -> tuple[str, ...]:
    """Show what is looked at, and return the names of what was not as it should be.

    Raises
    ------
    MeasurementStopped
        If somebody stops.
    InputError
        If no window can be opened.
    """
    from pdpsych.displays.lab.picture import Picture
    from pdpsych.displays.lab.screen import Screen
    from pdpsych.displays.lab.text import Text

    with contextlib.closing(Screen(display, 0.5, windowed, display.label)) as screen:
        width, height = screen.size
        side = min(width, height - 4 * _TEXT_FROM_EDGE_PX) // screen.columns
        picture = Picture(screen, screen.columns)
        text = Text(screen, up=_TEXT_FROM_EDGE_PX - height // 2)
        wrong, since = [], 0.0
        for one in looks(display, side):
            picture.load(one.frame)
            text.text = f"{one.question}\n{_KEYS}"
            while True:
                picture.draw()
                text.draw()
                screen.flip()
                if keys := screen.pressed(("space", "return", "escape"), since):
                    break
            since = keys[0].tDown
            if keys[0].name == "escape":
                raise MeasurementStopped("stopped while the display was looked at")
            wrong += [one.name] if keys[0].name == "return" else []
        return tuple(wrong)
