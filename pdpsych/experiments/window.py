"""A person answers: the PsychoPy window. Importing it imports PsychoPy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdpsych.errors import InputError
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.observer import Interval, Levels, Presentation, Response, SessionStopped
from pdpsych.experiments.screen import Screen, centre, texture, visual

_FIXATION_PX = 12
# A frame counts as dropped when it comes this much later than its period, in seconds.
_LATE = 0.004

_INSTRUCTIONS = """\
Each trial shows the same picture twice.
One of the two is slightly changed:
as often the first as the second.

Which one was changed?

{first}: the first        {second}: the second

Look at the mark in the middle.
Take your time to answer. If you are not sure, guess.
You can interrupt at any time with the key {pause}.

{go_on}: begin"""
_BREAK = """\
{done} of {total} trials are done. Have a break.

{go_on}: go on        {pause}: stop for now"""
_PAUSE = """\
Interrupted after {done} of {total} trials; all of them are saved.

{go_on}: go on        {pause}: stop for now"""
_QUESTION = "{first} or {second}?"
_END = """\
That was the last trial. Thank you!

{go_on}: end"""


class _PausePressed(Exception):
    """The pause key, in whichever phase it was pressed."""


class Window:
    """A PsychoPy window with a keyboard, as an observer of trials.

    Frames are shown pixel for pixel, without interpolation or gamma table: they hold display
    levels already. Durations are whole numbers of frames. A trial that was interrupted by the
    pause key starts again from its fixation mark.

    Parameters
    ----------
    background
        Level around the images, 0 to 1.
    total
        Number of trials of the session.
    windowed
        Leave the rest of the screen free, for trying out.

    Raises
    ------
    InputError
        If the display cannot show the frames, or no window can be opened.
    """

    description = "person"

    def __init__(
        self, experiment: Experiment, background: float, total: int, windowed: bool = False
    ) -> None:
        self._experiment = experiment
        self._display = experiment.screen()
        self._total = total
        self._begun = False
        self._screen = Screen(self._display, background, windowed, experiment.label)
        self._win = self._screen.win
        self._rate = self._display.refresh_hz or self._win.getActualFrameRate() or 60.0
        self._win.refreshThreshold = 1 / self._rate + _LATE
        self._resumed = 0.0
        self._mark = visual.ShapeStim(
            self._win,
            vertices="cross",
            size=_FIXATION_PX,
            units="pix",
            lineWidth=0,
            fillColor=self._screen.ink,
        )
        self._stimuli: tuple[Any, Any] | None = None

    def respond(self, presentation: Presentation) -> Response:
        """Show a trial until it is answered; instructions before the first, breaks between."""
        done = presentation.planned.number - 1
        if not self._begun:
            self._ask(_INSTRUCTIONS, done)
            self._begun = True
        elif done % self._experiment.break_every == 0:
            self._ask(_BREAK, done)
        self._load(presentation.frames)
        while True:
            try:
                return self._trial()
            except _PausePressed:
                self._win.recordFrameIntervals = False
                self._ask(_PAUSE, done)

    def finish(self) -> None:
        """Thank the person."""
        with contextlib.suppress(SessionStopped):
            self._ask(_END, self._total)

    def close(self) -> None:
        """Close the window."""
        self._screen.close()

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _load(self, frames: tuple[Levels, Levels]) -> None:
        """Put both frames on the graphics card; the same two textures serve all trials."""
        height, width = frames[0].shape[-2:]
        if width > self._win.size[0] or height > self._win.size[1]:
            raise InputError(
                f"{self._experiment.label}: display: an image of {width}×{height} pixels does "
                f"not fit the window of {self._win.size[0]}×{self._win.size[1]}"
            )
        arrays = [texture(frame, self._display.top) for frame in frames]
        if self._stimuli is None:
            self._stimuli = self._stimulus(arrays[0]), self._stimulus(arrays[1])
        for stimulus, array in zip(self._stimuli, arrays, strict=True):
            stimulus.size = (width, height)
            stimulus.pos = centre((width, height), tuple(self._win.size))
            stimulus.image = array

    def _stimulus(self, array: NDArray[np.float32]) -> Any:
        return visual.ImageStim(self._win, image=array, units="pix", interpolate=False)

    def _trial(self) -> Response:
        assert self._stimuli is not None
        timing = self._experiment.timing
        first, second = (stimulus.draw for stimulus in self._stimuli)
        self._frames(_nothing, timing.gap)
        self._win.nDroppedFrames = 0
        self._win.recordFrameIntervals = True
        phases = [
            ("fixation", self._mark.draw, timing.fixation),
            ("first", first, timing.image),
            ("blank", self._mark.draw, timing.blank),
            ("second", second, timing.image),
        ]
        onsets = {name: self._frames(draw, ms) for name, draw, ms in phases}
        self._win.recordFrameIntervals = False
        dropped = self._win.nDroppedFrames
        onsets["question"], key = self._answer()
        answered = self._win.flip()
        begin = min(t for t in onsets.values() if t is not None)
        times = {name: t - begin for name, t in onsets.items() if t is not None}
        times |= {"end": answered - begin, "dropped_frames": float(dropped)}
        interval: Interval = 1 if key.name == self._experiment.keys.first else 2
        return Response(interval, key.tDown - onsets["question"], times)

    def _frames(self, draw: Callable[[], None], milliseconds: float) -> float | None:
        """Show something for a time; return when its first frame came, in s."""
        count = max(round(milliseconds / 1000 * self._rate), int(milliseconds > 0))
        onset: float | None = None
        for _ in range(count):
            draw()
            now = self._win.flip()
            onset = now if onset is None else onset
            self._check_pause()
        return onset

    def _ask(self, text: str, done: int) -> None:
        """Show a screen until the person goes on."""
        keys = self._experiment.keys
        filled = text.format(done=done, total=self._total, **keys.model_dump())
        _, key = self._screen.wait(filled, (keys.go_on, keys.pause))
        self._resumed = key.tDown
        if key.name == keys.pause:
            raise SessionStopped(f"stopped after {done} of {self._total} trials")

    def _answer(self) -> tuple[float, Any]:
        """Ask which interval; return when the question came, and the key."""
        keys = self._experiment.keys
        filled = _QUESTION.format(**keys.model_dump())
        return self._screen.wait(filled, (keys.first, keys.second), self._check_pause)

    def _check_pause(self) -> None:
        if self._screen.pressed((self._experiment.keys.pause,), self._resumed):
            raise _PausePressed


def _nothing() -> None:
    """Draw the background alone."""
