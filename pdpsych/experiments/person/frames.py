"""Where the images of a trial are, and phases that show them for a count of flips."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pdpsych.displays.lab.psychopy import visual
from pdpsych.displays.lab.screen import Screen
from pdpsych.experiments.logs.timing import LATE, Phase, TrialTiming, dropped_frames
from pdpsych.experiments.person.signals import Signals
from pdpsych.experiments.tasks.phases import Place

_MARK_DEG = 0.33


def offset(place: Place, width: int, separation: int) -> int:
    """Return by how much an image of a width is right of the middle, all in pixels."""
    left = -((width + separation) // 2)
    return {"centre": 0, "left": left, "right": left + width + separation}[place]


def mark(screen: Screen) -> Any:
    """Return a mark to look at, in the middle of a screen."""
    return visual.ShapeStim(
        screen.win,
        vertices="cross",
        size=screen.pixels(_MARK_DEG),
        units="pix",
        lineWidth=0,
        fillColor=screen.colour(screen.ink),
        autoLog=False,
    )


class Phases:
    """The phases of one trial: each is shown for so many flips, and its flips are noted.

    Parameters
    ----------
    refresh_hz
        Rate at which flips should come.
    check
        Called after every flip with its moment; what it raises ends the trial.
    signals
        Told of each phase when its first frame came.
    """

    def __init__(
        self, screen: Screen, refresh_hz: float, check: Callable[[float], None], signals: Signals
    ) -> None:
        self._screen, self._rate, self._check = screen, refresh_hz, check
        self._signals = signals
        self._flips: list[float] = []
        self._shown: dict[str, tuple[float, int | None]] = {}

    def show(self, name: str, draw: Callable[[], object], milliseconds: float) -> None:
        """Show something for a time, rounded to whole frames, at least one unless it is 0."""
        count = max(round(milliseconds / 1000 * self._rate), int(milliseconds > 0))
        for frame in range(count):
            draw()
            tell = partial(self._signals.announce, name) if frame == 0 else self._signals.clear
            self._screen.win.callOnFlip(tell)
            self._flips.append(self._screen.flip())
            self._shown.setdefault(name, (self._flips[-1], count))
            self._check(self._flips[-1])

    def told(self) -> dict[str, float] | None:
        """Return when events were told, in s from the first flip; None where none is."""
        sent = self._signals.sent
        return {name: at - self._flips[0] for name, at in sent.items()} if sent else None

    def ended(self, name: str, onset: float, offset: float) -> TrialTiming:
        """Return the timing of the trial, whose last phase an answer ended."""
        start = self._flips[0]
        shown = {**self._shown, name: (onset, None)}
        moments = [moment - start for moment, _ in shown.values()] + [offset - start]
        phases = {
            name: Phase(onset=came, offset=went, frames=count)
            for (name, (_, count)), came, went in zip(
                shown.items(), moments, moments[1:], strict=False
            )
        }
        return TrialTiming(
            start=start,
            phases=phases,
            dropped=dropped_frames([*self._flips, onset], self._rate),
            refresh_hz=self._rate,
            late=LATE / self._rate,
            keyboard=self._screen.keyboard.backend,
            clock=self._screen.keyboard.clock,
        )


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep Python from collecting garbage, which takes longer than a frame, for some time."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
