"""A display's PsychoPy window, keyboard and text. Importing it imports PsychoPy."""

from __future__ import annotations

import contextlib
import ctypes
import platform
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdpsych.common.errors import InputError
from pdpsych.displays.display import Display
from pdpsych.displays.dither import Levels
from pdpsych.displays.lab.buttons import Buttons
from pdpsych.displays.lab.keys import Keyboard
from pdpsych.displays.lab.psychopy import canvas, gl, visual
from pdpsych.displays.lab.ramp import read_ramp

_TEXT_PX = 26
# Text is white on backgrounds below this level.
_DARK = 0.4
# Flips before and while the refresh rate is measured: a second at 60 Hz.
_WARM_UP, _MEASURED = 10, 50


class WindowClosed(Exception):
    """The window was closed by whom it belongs to."""


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
    ramp
        The ramp, as read back after it was set.
    buttons
        A device whose buttons are keys too, None where there is none.

    Raises
    ------
    InputError
        If no such window can be opened.
    """

    def __init__(self, display: Display, background: float, windowed: bool, label: str) -> None:
        self.win = _open(display, background, windowed, label)
        with contextlib.suppress(OSError):
            self.win.gamma = 1
        self.ramp = read_ramp(self.win)
        self.keyboard = Keyboard()
        self.buttons: Buttons | None = None
        self.ink = -1 if background > _DARK else 1
        self.text = self.message("")

    def message(self, text: str) -> Any:
        """Return text to draw in the middle of the screen."""
        return visual.TextStim(
            self.win,
            text=text,
            height=_TEXT_PX,
            units="pix",
            color=self.ink,
            wrapWidth=0.9 * self.win.size[0],
            autoLog=False,
        )

    def close(self) -> None:
        """Close the window; the ramp is as it was before."""
        if self.buttons is not None:
            self.buttons.close()
        self.win.close()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.win.size[0]), int(self.win.size[1])

    def flip(self) -> float:
        """Show what was drawn; return when it came, in s."""
        return float(self.win.flip())

    def pressed(self, names: tuple[str, ...], since: float) -> list[Any]:
        """Return those of the keys that went down after a time, in order; forget all others.

        Raises
        ------
        WindowClosed
            If the window was closed by whom it belongs to.
        """
        if self.win.winHandle.has_exit:
            raise WindowClosed
        found = self.keyboard.pressed(names, since)
        if self.buttons is not None:
            fresh = (one for one in self.buttons.presses() if one.tDown > since)
            found = sorted([*found, *(one for one in fresh if one.name in names)], key=_when)
        return found

    def wait(self, message: Any, names: tuple[str, ...]) -> tuple[float, Any]:
        """Show a message until one of the keys goes down after its first frame.

        Returns when the message came, and the key.
        """
        message.draw()
        onset = self.flip()
        while not (keys := self.pressed(names, onset)):
            message.draw()
            self.flip()
        return onset, keys[0]

    def measured_rate(self) -> float:
        """Return how many flips come in a second, from the median of some intervals."""
        moments = [self.flip() for _ in range(_WARM_UP + _MEASURED)]
        return float(1 / np.median(np.diff(moments[_WARM_UP:])))

    def depth(self) -> int:
        """Return the bits of a channel that the window's frames have."""
        bits = ctypes.c_int()
        gl.glGetIntegerv(gl.GL_RED_BITS, ctypes.byref(bits))
        return bits.value

    def system(self) -> dict[str, str]:
        """Return what the computer is, with neither its name nor its user's."""
        return {
            "os": f"{platform.system()} {platform.release()} {platform.machine()}",
            "python": platform.python_version(),
            "gl_vendor": gl.gl_info.get_vendor(),
            "gl_renderer": gl.gl_info.get_renderer(),
            "gl_version": gl.gl_info.get_version(),
            "keyboard": self.keyboard.backend,
            "clock": self.keyboard.clock,
        }


def _when(press: Any) -> float:
    return float(press.tDown)


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
        raise InputError(
            "not a depth that a window shows",
            file=label,
            field="display.bit_depth",
            value=depth,
            allowed="8, 10",
        )
    _check_screen(display, label)
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
            f"PsychoPy cannot open a window of {depth} bits on screen {display.screen}: {error}",
            file=label,
            field="display",
            remedy="is the desktop's depth another?",
        ) from error


def _check_screen(display: Display, label: str) -> None:
    """Refuse a screen that is not there: PsychoPy would take the first instead."""
    try:
        screens = canvas.get_display().get_screens()
    except Exception as error:  # pyglet has no class of its own for it
        raise InputError(
            f"no screen to open a window on: {error}", file=label, field="display"
        ) from None
    if display.screen >= len(screens):
        sizes = ", ".join(f"{n}: {one.width}×{one.height}" for n, one in enumerate(screens))
        raise InputError(
            "no such screen on this computer",
            file=label,
            field="display.screen",
            value=display.screen,
            allowed=f"0 to {len(screens) - 1}",
            remedy=f"which one is it now? {sizes}; its sessions and calibrations stay",
        )
