"""Validation of an eye tracker: points to look at, and how far gaze is from them."""

from __future__ import annotations

import math
from typing import NamedTuple

from pdpsych.displays.lab.screen import Screen
from pdpsych.displays.lab.trackers import Sample, Tracker
from pdpsych.experiments.logs.gaze import GazeChecked, Point
from pdpsych.experiments.logs.trial_log import TrialLog, now
from pdpsych.experiments.observers.presentation import Progress
from pdpsych.experiments.person.answers import PausePressed
from pdpsych.experiments.person.frames import mark
from pdpsych.experiments.person.pages import Pages
from pdpsych.experiments.tasks.gaze import Gaze

# How long gaze has to come to a point, and how long it is measured there, in s.
_SETTLE, _MEASURED = 0.7, 0.5
# Of the samples at a point, the share in which the eye has to be found.
_FOUND = 0.5
# Shares of the window's width and height, from its middle.
_POINTS = ((0.0, 0.0), (-0.25, 0.25), (0.25, 0.25), (0.25, -0.25), (-0.25, -0.25))
_MISSED = """\
For the experimenter

The gaze was not at the mark for {patience:g} s.

{go_on}: check the eye tracker        {pause}: stop"""
_FAILED = """\
For the experimenter

{why}

{go_on}: calibrate the eye tracker, then check it again        {pause}: stop"""
_OFF = "The gaze is {mean:.2f} degrees off on average; {limit:g} are allowed."
_NOT_FOUND = "The eye was not found at {lost} of {all} points."


class _Shown(NamedTuple):
    """A point, in pixels from the middle, and the samples that came while it was looked at."""

    x: float
    y: float
    samples: tuple[Sample, ...]

    def error(self) -> float | None:
        """Return how far the mean of gaze is from it, in pixels."""
        places = [sample.place for sample in self.samples if sample.place is not None]
        if not places or len(places) < _FOUND * len(self.samples):
            return None
        x, y = (math.fsum(along) / len(places) for along in zip(*places, strict=True))
        return math.hypot(x - self.x, y - self.y)


class GazeCheck:
    """Has the tracker validated, and calibrated until it is right.

    Parameters
    ----------
    rule
        What is right.
    per_degree
        Pixels of a degree.
    log
        Of the session; every validation is noted there.
    """

    def __init__(
        self,
        rule: Gaze,
        tracker: Tracker,
        per_degree: float,
        screen: Screen,
        pages: Pages,
        log: TrialLog,
    ) -> None:
        self._rule, self._tracker, self._per_degree = rule, tracker, per_degree
        self._screen, self._pages, self._log = screen, pages, log
        self._mark = mark(screen)

    def missed(self, progress: Progress) -> None:
        """Have the experimenter see to a participant whose gaze is not at the mark."""
        patience = self._rule.patience_s
        self._pages.tell_experimenter(_MISSED, progress, patience=patience)
        self.pass_or_stop(progress)

    def pass_or_stop(self, progress: Progress) -> None:
        """Validate; while it is not passed, offer to calibrate and to do it again.

        Raises
        ------
        SessionStopped
            If somebody stops instead.
        """
        calibrated = False
        while not (found := self._validated(progress, calibrated)).passed:
            lost = sum(point.error_deg is None for point in found.points)
            why = _NOT_FOUND.format(lost=lost, all=len(found.points))
            if found.mean_deg is not None:
                why = _OFF.format(mean=found.mean_deg, limit=found.limit_deg)
            self._pages.tell_experimenter(_FAILED, progress, why=why)
            self._tracker.calibrate()
            calibrated = True

    def _validated(self, progress: Progress, calibrated: bool) -> GazeChecked:
        """Validate, and note what was found."""
        shown = self._points(progress)
        errors = [None if (off := one.error()) is None else off / self._per_degree for one in shown]
        known = [error for error in errors if error is not None]
        mean = math.fsum(known) / len(known) if len(known) == len(errors) else None
        found = GazeChecked(
            answered=progress.done,
            calibrated=calibrated,
            mean_deg=None if mean is None else round(mean, 4),
            limit_deg=self._rule.limit_deg,
            passed=mean is not None and mean <= self._rule.limit_deg,
            points=tuple(
                Point(
                    x_deg=round(one.x / self._per_degree, 4),
                    y_deg=round(one.y / self._per_degree, 4),
                    error_deg=None if error is None else round(error, 4),
                )
                for one, error in zip(shown, errors, strict=True)
            ),
            time=now(),
        )
        self._log.note(found)
        return found

    def _points(self, progress: Progress) -> list[_Shown]:
        """Show all points; anew, where it was interrupted meanwhile."""
        # On whole pixels, and on the first of a pair where a level takes two.
        half = [length // 2 for length in self._screen.size]
        while True:
            try:
                return [
                    self._looked_at(2 * round(x * half[0]), 2 * round(y * half[1]))
                    for x, y in _POINTS
                ]
            except PausePressed:
                self._pages.show("pause", progress)

    def _looked_at(self, x: int, y: int) -> _Shown:
        """Show a point and return the samples that came when gaze had been there for a time."""
        self._mark.pos = x, y
        self._mark.draw()
        onset = self._screen.flip()
        self._tracker.samples()
        came: list[Sample] = []
        begin, end = onset + _SETTLE, onset + _SETTLE + _MEASURED
        moment = onset
        while moment < end:
            self._mark.draw()
            moment = self._screen.flip()
            self._pages.check_pause()
            came += [one for one in self._tracker.samples() if begin <= one.time < end]
        return _Shown(x, y, tuple(came))
