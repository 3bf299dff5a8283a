"""A display's PsychoPy window and keyboard. Importing it imports PsychoPy."""

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
from pdpsych.displays.lab.devices import Device, open_device
from pdpsych.displays.lab.keys import Keyboard
from pdpsych.displays.lab.psychopy import canvas, gl, visual
from pdpsych.displays.lab.ramp import read_ramp
from pdpsych.displays.outputs.registry import WINDOW

# Where the size of a degree is not known, text is so large a share of the screen's height as a
# degree is of one with 1080 pixels seen from about 57 cm, and never smaller than can be read.
_DEGREE_SHARE, _LEAST_PX = 0.0344, 12
# Text is white on backgrounds below this level.
_DARK = 0.4
# Flips before and while the refresh rate is measured: a second at 60 Hz.
_WARM_UP, _MEASURED = 10, 50


class WindowClosed(Exception):
    """The window was closed by whom it belongs to."""


class Screen:
    """A window of a display, in which its output's values reach the graphics card's unchanged.

    Its hardware gamma ramp is linear as long as the window is open, where the system lets it be
    set. Sessions and measurements share this window, so that what was measured is shown.

    Parameters
    ----------
    display, label
        What to open, and where it is described, for messages.
    background
        Level around what is shown, 0 to 1.
    windowed
        Leave the rest of the screen free, for trying out; a device that decodes is not looked for.

    Attributes
    ----------
    ramp
        The ramp, as read back after it was set.
    buttons
        A device whose buttons are keys too, None where there is none.
    paper, ink
        Levels of the background, and of text and marks on it.
    device
        What decodes the frame buffer, None where nothing does.

    Raises
    ------
    InputError
        If no such window can be opened, or the device is missing.
    """

    def __init__(self, display: Display, background: float, windowed: bool, label: str) -> None:
        self.label, self._display = label, display
        self._buffer_top = 2 ** display.encoder.buffer_bits(display.bit_depth) - 1
        self.paper = round(background * display.top)
        self.ink = 0 if background > _DARK else display.top
        display.check_depth(label)
        self.buttons: Buttons | None = None
        self.device: Device | None = None
        if display.output != WINDOW and not windowed:
            self.device = open_device(display.output, display.device_table, label)
        try:
            self.win = self._open(windowed)
        except BaseException:
            self._release()
            raise
        try:
            self._backdrop = self._uniform() if display.encoder.columns > 1 else None
            with contextlib.suppress(OSError):
                self.win.gamma = 1
            self.ramp = read_ramp(self.win)
            self.keyboard = Keyboard()
            self._lay()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the window; ramp and device are as they were before."""
        if self.buttons is not None:
            self.buttons.close()
        self.win.close()
        self._release()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.win.size[0]), int(self.win.size[1])

    @property
    def top(self) -> int:
        """The highest level."""
        return self._display.top

    @property
    def columns(self) -> int:
        """Pixels that a level takes across."""
        return self._display.encoder.columns

    def colour(self, level: int) -> list[float]:
        """Return a level as PsychoPy's colour, −1 to 1; where it takes two pixels, its high bytes.

        Black and white are right so too: their low bytes are the same, but for bits that a
        converter of 14 bits ignores.
        """
        levels = np.full((1, 1, 1), level, np.uint16)
        value = self._display.encoder.encode(levels, self._display.bit_depth)[0, 0]
        return [float(2 * part / self._buffer_top - 1) for part in value]

    def pixels(self, degrees: float) -> int:
        """Return a size in degrees of visual angle in pixels."""
        degree = self._display.pixels_per_degree or _DEGREE_SHARE * self.size[1]
        return max(round(degrees * degree), _LEAST_PX)

    def flip(self) -> float:
        """Show what was drawn; return when it came, in s."""
        moment = float(self.win.flip())
        self._lay()
        return moment

    def clear(self) -> None:
        """Forget what was drawn."""
        self.win.clearBuffer()
        self._lay()

    def encoded(self, levels: Levels, scale: int = 1) -> Levels:
        """Return what the frame buffer holds of levels (C, H, W): (H · scale, W · scale, 3)."""
        encoder = self._display.encoder
        wide = np.repeat(np.repeat(levels, scale, axis=1), scale // encoder.columns, axis=2)
        return encoder.encode(wide, self._display.bit_depth)

    def texture(self, values: Levels) -> NDArray[np.float32]:
        """Return values of the frame buffer as PsychoPy takes them: 0 to 1, upside down.

        Arrays of three dimensions range from 0 to 1 in PsychoPy, those of two from −1 to 1; its
        first row is the lowest.
        """
        return np.ascontiguousarray(values[::-1], dtype=np.float32) / np.float32(self._buffer_top)

    def centre(self, size: tuple[int, int], aside: int = 0) -> tuple[float, float]:
        """Return where the middle of something is that is nearest the window's, on whole pixels.

        Its left edge is so many pixels further to the right, and where a level takes two pixels,
        on the first of a pair.
        """
        (width, height), window = size, self.size
        left = -((width - window[0]) // 2) + aside
        left -= left % self.columns
        return left + (width - window[0]) / 2, (window[1] - height) % 2 / 2

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
        device = {"device": self.device.name} if self.device else {}
        return {
            **device,
            "os": f"{platform.system()} {platform.release()} {platform.machine()}",
            "python": platform.python_version(),
            "gl_vendor": gl.gl_info.get_vendor(),
            "gl_renderer": gl.gl_info.get_renderer(),
            "gl_version": gl.gl_info.get_version(),
            "keyboard": self.keyboard.backend,
            "clock": self.keyboard.clock,
        }

    def _open(self, windowed: bool) -> Any:
        display = self._display
        depth = display.encoder.buffer_bits(display.bit_depth)
        _check_screen(display, self.label)
        try:
            return visual.Window(
                size=(display.width_px or 1024, display.height_px or 768),
                fullscr=not windowed,
                screen=display.screen,
                units="pix",
                color=self.colour(self.paper),
                colorSpace="rgb",
                bpc=(depth, depth, depth),
                gammaErrorPolicy="ignore",
                checkTiming=False,
                allowGUI=windowed,
            )
        except Exception as error:
            raise InputError(
                f"PsychoPy cannot open a window of {depth} bits on screen {display.screen}: "
                f"{error}",
                file=self.label,
                field="display",
                remedy="is the desktop's depth another?",
            ) from error

    def _uniform(self) -> Any:
        """Return what covers the window with the background, where one colour cannot."""
        width, height = self.size
        across = -(-width // self._display.encoder.columns)
        level = np.full((1, height, across), self.paper, np.uint16)
        values = self._display.encoder.encode(level, self._display.bit_depth)[:, :width]
        return visual.ImageStim(
            self.win,
            image=self.texture(values),
            units="pix",
            size=(width, height),
            interpolate=False,
            autoLog=False,
        )

    def _lay(self) -> None:
        """Begin a frame with the background."""
        if self._backdrop is not None:
            self._backdrop.draw()

    def _release(self) -> None:
        if self.device is not None:
            self.device.close()


def _when(press: Any) -> float:
    return float(press.tDown)


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
