"""A uniform patch on a display, for a light meter to look at. Importing it imports PsychoPy."""

from __future__ import annotations

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.displays.display import Display
from pdpsych.displays.lab.picture import Picture
from pdpsych.displays.lab.ramp import Ramp
from pdpsych.displays.lab.screen import Screen
from pdpsych.displays.lab.text import Text
from pdpsych.displays.measuring.readings import (
    CHANNEL_PLANES,
    MeasurementStopped,
    Paused,
    PlannedReading,
)

# The level of half the luminance in sRGB: the display's own curve is not known yet.
_SURROUND = 0.735
_TEXT_FROM_EDGE_PX = 50
# Three lines have room below the patch.
_BEGIN = "Put the meter in front of the middle of the patch.\nspace: begin  escape: stop"
_RAMP = {
    "linear": "",
    "other": "\nThe gamma ramp is not linear: switch off colour profile and night light!",
    "unknown": "\nThe gamma ramp cannot be read: no colour profile, no night light!",
}
_PAUSE = "{done} of {total} readings are taken.  space: go on  escape: stop"
_TYPING = "return: save  escape: interrupt"

_CHARACTERS = {
    **{name: digit for digit in "0123456789" for name in (digit, f"num_{digit}")},
    **dict.fromkeys(("period", "comma", "num_decimal", "num_separator"), "."),
}
_BACK, _ENTER, _ESCAPE, _GO_ON = "backspace", ("return", "num_enter"), "escape", "space"


class Patch:
    """A patch of one channel and level on a surround of about half the white's luminance.

    Parameters
    ----------
    side
        Of the patch in pixels, half the screen's height if None. Where it is larger than the
        screen, the patch fills it but for a line of text.
    windowed
        Leave the rest of the screen free, for trying out.

    Raises
    ------
    InputError
        If no window can be opened, or it changes the levels it is given.
    """

    def __init__(
        self, display: Display, *, side: int | None = None, windowed: bool = False
    ) -> None:
        if side is not None and side < 1:
            raise InputError("at least 1 pixel", field="patch", value=side)
        self._display, self.output = display, display.output
        surround = float(np.round(_SURROUND * display.top)) / display.top
        self._screen = Screen(display, surround, windowed, display.label)
        self.win = self._screen.win
        width, height = (int(length) for length in self.win.size)
        side = height // 2 if side is None else side
        self.size = min(side, width), min(side, height - 4 * _TEXT_FROM_EDGE_PX)
        self.text = Text(self._screen, up=_TEXT_FROM_EDGE_PX - height // 2)
        self._columns = display.encoder.columns
        self._picture = Picture(self._screen, self._columns)
        self._load(PlannedReading("grey", display.top))
        self._since = 0.0
        self.caption = ""

    @property
    def ramp(self) -> Ramp:
        """The gamma ramp, as read back when the window opened."""
        return self._screen.ramp

    def begin(self) -> None:
        """Show a white patch until the meter is in place."""
        self._choose(_BEGIN + _RAMP[self.ramp.state], "stopped before the first reading")

    def show(self, step: PlannedReading) -> None:
        """Show a level of a channel, once it is certain that the window leaves it as it is."""
        self._load(step)
        self.draw()
        frame = np.asarray(self.win.getMovieFrame(buffer="back"))
        self.win.movieFrames.clear()
        middle = frame.shape[0] // 2, frame.shape[1] // 2
        row = (len(self._picture.values) - 1) // 2
        # The frame is read back with 8 bits.
        bits = self._display.encoder.buffer_bits(self._display.bit_depth)
        wanted = self._picture.values[row, : self._columns] * (255 / (2**bits - 1))
        first = middle[1] - middle[1] % self._columns
        seen = frame[middle[0], first : first + self._columns].astype(float)
        if (np.abs(seen - wanted) > (0 if bits == 8 else 1)).any():
            raise InputError(
                f"the window shows {seen.ravel().astype(int).tolist()} where "
                f"{wanted.ravel().tolist()} of 255 was asked for",
                file=self._display.label,
                remedy="switch off whatever changes colours between PsychoPy and the screen",
            )
        self._screen.flip()

    def draw(self) -> None:
        """Draw the patch into the next frame."""
        self._picture.draw()

    def hold(self, seconds: float) -> None:
        """Keep the patch for a time; the escape key raises :class:`Paused`."""
        onset: float | None = None
        while True:
            self._write(self.caption)
            now = self._screen.flip()
            onset = now if onset is None else onset
            self._check_escape()
            if now - onset >= seconds:
                return

    def typed(self) -> float:
        """Return the number that a person types; the escape key raises :class:`Paused`."""
        names = (*_CHARACTERS, _BACK, *_ENTER, _ESCAPE)
        typed, note = "", _TYPING
        while True:
            self._write(f"{self.caption}: {typed}_ cd/m²   {note}")
            self._screen.flip()
            for key in self._screen.keyboard.pressed(names, self._since):
                self._since = key.tDown
                if key.name == _ESCAPE:
                    raise Paused
                if key.name not in _ENTER:
                    typed, note = edited(typed, key.name), _TYPING
                elif (value := luminance(typed)) is not None:
                    return value
                else:
                    typed, note = "", f'"{typed}" is no luminance, such as 12.5'

    def pause(self, done: int, total: int) -> None:
        """Wait until somebody goes on; the escape key raises :class:`MeasurementStopped`."""
        self._choose(
            _PAUSE.format(done=done, total=total),
            f"stopped after {done} of {total} readings",
        )

    def close(self) -> None:
        """Close the window."""
        self._screen.close()

    def _choose(self, text: str, stopped: str) -> None:
        while True:
            self._write(text)
            self._screen.flip()
            for key in self._screen.keyboard.pressed((_GO_ON, _ESCAPE), self._since):
                self._since = key.tDown
                if key.name == _ESCAPE:
                    raise MeasurementStopped(stopped)
                return

    def _check_escape(self) -> None:
        if keys := self._screen.keyboard.pressed((_ESCAPE,), self._since):
            self._since = keys[0].tDown
            raise Paused

    def _write(self, text: str) -> None:
        """Draw the patch with a line of text near the lower edge, off the meter's field."""
        self.draw()
        self.text.text = text
        self.text.draw()

    def _load(self, step: PlannedReading) -> None:
        width, height = (length // self._columns for length in self.size)
        channels = 1 if self._display.encoder.channels == (1,) else 3
        frame = np.zeros((channels, height, width), dtype=np.uint16)
        planes = CHANNEL_PLANES[step.channel] if channels == 3 else [0]
        frame[planes] = step.level
        self._picture.load(frame)


def edited(typed: str, key: str) -> str:
    """Return a number being typed after one more key."""
    return typed[:-1] if key == _BACK else typed + _CHARACTERS[key]


def luminance(typed: str) -> float | None:
    """Return the number that was typed, None if it is none."""
    return float(typed) if typed.strip(".") and typed.count(".") <= 1 else None
