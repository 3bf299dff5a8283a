"""Gaze in the trials of a session: waited for, watched, and told to the tracker's own file."""

from __future__ import annotations

from collections.abc import Callable

from pdpsych.displays.lab.psychopy import clock
from pdpsych.displays.lab.screen import Screen
from pdpsych.displays.lab.trackers import Tracker
from pdpsych.experiments.logs.gaze import Looked
from pdpsych.experiments.person.fixation import Break, Fixation
from pdpsych.experiments.tasks.gaze import Gaze


class FixationBroken(Exception):
    """Gaze left the window, or the eye was lost, in a trial."""

    def __init__(self, reason: Break, looked: Looked) -> None:
        super().__init__(reason)
        self.reason, self.looked = reason, looked


class NoFixation(Exception):
    """Gaze did not come to the mark in the time it has."""


class WatchedGaze:
    """Gaze at the window of a session.

    Parameters
    ----------
    rule
        What it has to do.
    tracker
        What says where it is.
    per_degree
        Pixels of a degree.
    """

    def __init__(self, rule: Gaze, tracker: Tracker, per_degree: float, screen: Screen) -> None:
        self._rule, self._tracker, self._screen = rule, tracker, screen
        self._per_degree = per_degree
        self._waits_since: float | None = None
        self._fixation, self._counts = Fixation(rule, per_degree), False

    def begin(self, trial: int) -> None:
        """Begin a trial, or begin it again after a page."""
        self._waits_since = None
        self.tell(f"trial {trial}")

    def fixate(self, draw: Callable[[], object], check: Callable[[], object]) -> None:
        """Show the mark until gaze stayed at it for long enough.

        Parameters
        ----------
        draw
            Draws the mark.
        check
            Called after each flip; what it raises ends the trial.

        Raises
        ------
        NoFixation
            If that takes too long since the trial began, times together in which gaze came and
            left again before its first image.
        """
        self._fixation, self._counts = Fixation(self._rule, self._per_degree), False
        self._tracker.samples()
        while not self._fixation.steady():
            draw()
            moment = self._screen.flip()
            check()
            self._fixation.take(self._tracker.samples())
            self._waits_since = self._waits_since or moment
            if moment - self._waits_since > self._rule.patience_s:
                raise NoFixation
        self._fixation.begin(float(clock.monotonicClock.getTime()))

    def watch(self, moment: float, seen: bool) -> None:
        """Look whether gaze is still in the window, after a flip at a moment.

        Parameters
        ----------
        moment
            Of the flip, in s.
        seen
            Whether an image of the trial is or was shown: from the first on gaze is counted.

        Raises
        ------
        FixationBroken
            If it is not.
        """
        if seen and not self._counts:
            self._fixation.begin(moment)
            self._counts = True
        self._fixation.take(self._tracker.samples())
        self._refuse(moment)

    def ended(self, until: float) -> Looked:
        """Return where gaze was in a trial whose images were shown until a moment.

        Raises
        ------
        FixationBroken
            If it left the window.
        """
        self._fixation.end(until, self._tracker.samples())
        self._refuse(until)
        return self._fixation.looked()

    def tell(self, event: str) -> None:
        """Write an event into the tracker's own file, with the time on the clock of flips."""
        self._tracker.tell(f"pdpsych {clock.monotonicClock.getTime():.4f} {event}")

    def _refuse(self, moment: float) -> None:
        if (reason := self._fixation.broken(moment)) is not None:
            raise FixationBroken(reason, self._fixation.looked())
