"""A display's PsychoPy window, keyboard and text. Importing it imports PsychoPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdpsych.errors import InputError
from pdpsych.experiments.observer import Levels
from pdpsych.stimuli.display import Display

try:
    from psychopy import logging

    # PsychoPy's remarks would hide ours; it has some before the first window.
    logging.console.setLevel(logging.ERROR)
    from psychopy import visual
    from psychopy.hardware import keyboard
except ImportError as error:
    raise InputError(
        f"a window needs PsychoPy, which cannot be imported ({error}): "
        "pip install 'pdpsych[lab]'; a simulated observer needs none"
    ) from None

_TEXT_PX = 26
# Text is white on backgrounds below this level.
_DARK = 0.4


class Screen:
    """A window of a display, in which levels reach the graphics card's output unchanged.

    Its hardware gamma ramp is linear as long as the window is open, where the system lets it be
    set. Sessions and measurements share this window, so that what was measured is shown.

    Parameters
    ----------
    display, label
        What to open, and where it is described, for messages.
    background
        Level around what is shown, 0 to 1.
    windowed
        Leave the rest of the screen free, for trying out.

    Attributes
    ----------
    ramp_is_linear
        Whether the ramp could be set; where not, it stays as the system has it.

    Raises
    ------
    InputError
        If no such window can be opened.
    """

    def __init__(self, display: Display, background: float, windowed: bool, label: str) -> None:
        self.win = _open(display, background, windowed, label)
        self.ramp_is_linear = True
        try:
            self.win.gamma = 1
        except OSError:
            self.ramp_is_linear = False
        self.keyboard = keyboard.Keyboard()
        self.ink = -1 if background > _DARK else 1
        self.text = visual.TextStim(
            self.win,
            height=_TEXT_PX,
            units="pix",
            color=self.ink,
            wrapWidth=0.9 * self.win.size[0],
        )

    def close(self) -> None:
        """Close the window; the ramp is as it was before."""
        self.win.close()

    def wait(
        self, text: str, names: tuple[str, ...], check: Callable[[], None] = lambda: None
    ) -> tuple[float, Any]:
        """Show text until one of the keys goes down after its first frame.

        Returns when the text came, and the key; ``check`` is called in every frame.
        """
        self.text.text = text
        onset: float | None = None
        while True:
            self.text.draw()
            now = self.win.flip()
            onset = now if onset is None else onset
            check()
            if keys := self.pressed(names, onset):
                return onset, keys[0]

    def pressed(self, names: tuple[str, ...], since: float) -> list[Any]:
        """Return those of the keys that went down after a time, in order.

        PsychoPy lists a key while it is down, and once more when it is up: a short press may
        only be there as the second, and the second may belong to a press already answered.
        """
        wanted = list(names)
        down = self.keyboard.getKeys(wanted, waitRelease=False)
        up = self.keyboard.getKeys(wanted, waitRelease=True)
        fresh = {(key.tDown, key.name): key for key in (*down, *up) if key.tDown > since}
        return [fresh[moment] for moment in sorted(fresh)]


def texture(frame: Levels, top: int) -> NDArray[np.float32]:
    """Return display levels (C, H, W) as PsychoPy takes them: (H, W, 3), 0 to 1, upside down.

    Arrays of three dimensions range from 0 to 1 in PsychoPy, those of two from −1 to 1; its
    first row is the lowest.
    """
    channels = np.broadcast_to(frame, (3, *frame.shape[1:])).transpose(1, 2, 0)
    return np.ascontiguousarray(channels[::-1], dtype=np.float32) / np.float32(top)


def centre(size: tuple[int, int], window: tuple[int, int]) -> tuple[float, float]:
    """Return the position nearest the middle at which an image falls on whole pixels."""
    across, up = ((outer - inner) % 2 / 2 for inner, outer in zip(size, window, strict=True))
    return across, up


def _open(display: Display, background: float, windowed: bool, label: str) -> Any:
    depth = display.bit_depth
    if depth > 10:
        raise InputError(f"{label}: display.bit_depth: a window shows 8 or 10 bits, got {depth}")
    try:
        return visual.Window(
            size=(display.width_px or 1024, display.height_px or 768),
            fullscr=not windowed,
            screen=display.screen,
            units="pix",
            color=[2 * background - 1] * 3,
            colorSpace="rgb",
            bpc=(depth, depth, depth),
            gammaErrorPolicy="ignore",
            checkTiming=False,
            allowGUI=windowed,
        )
    except Exception as error:
        raise InputError(
            f"{label}: display: PsychoPy cannot open a window of {depth} bits on screen "
            f"{display.screen}: {error}"
        ) from error
