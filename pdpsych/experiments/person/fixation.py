"""Whether gaze stays in the fixation window, sample by sample."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

from pdpsych.displays.lab.trackers import Sample
from pdpsych.experiments.logs.gaze import Looked
from pdpsych.experiments.tasks.gaze import Gaze

Break = Literal["gaze", "lost"]
# For a tracker that says nothing any more: what samples take from the eye to here, in s.
_DELAY = 0.1


class _Seen(NamedTuple):
    """The eye in a sample: when, where in degrees, and how far from the mark."""

    time: float
    x: float
    y: float
    distance: float


class Fixation:
    """What the samples of a trial say of gaze, by their own times.

    Gaze is outside of the window where two samples of it in a row are: a single one is noise. The
    eye is lost from one sample of it to the next.

    Parameters
    ----------
    rule
        Size of the window, and for how long the eye may be lost.
    per_degree
        Pixels of a degree.
    """

    def __init__(self, rule: Gaze, per_degree: float) -> None:
        self._rule, self._per_degree = rule, per_degree
        self._latest = -math.inf
        self._last: _Seen | None = None
        self._onset: _Seen | None = None
        self._largest: float | None = None
        self._inside_since = math.inf
        self._start(math.inf)

    def take(self, samples: Iterable[Sample]) -> None:
        """Take in samples, in order of their times."""
        for time, place in samples:
            self._latest = time
            if place is None:
                self._miss(time)
                continue
            x, y = (length / self._per_degree for length in place)
            self._see(_Seen(time, x, y, math.hypot(x, y)))

    def steady(self) -> bool:
        """Return whether gaze has been in the window for long enough to begin."""
        since = self._inside_since
        return self._last is not None and self._last.time - since >= self._rule.fixate_ms / 1000

    def begin(self, since: float) -> None:
        """Count what gaze does from a moment on."""
        self._start(since)
        self._onset = self._last

    def broken(self, now: float) -> Break | None:
        """Return what gaze did wrong up to now since counting began, None if nothing."""
        lost_s = self._rule.lost_ms / 1000
        if self._largest is not None and self._largest > self._rule.radius_deg:
            return "gaze"
        silent = now - max(self._latest, self._since) > lost_s + _DELAY
        return "lost" if silent or self._lost > lost_s else None

    def end(self, until: float, samples: Iterable[Sample]) -> None:
        """Take in the last samples, and count nothing that is later than a moment."""
        self._until = until
        self.take(samples)
        if self._last is None or self._last.time < until:
            self._lose(until)

    def looked(self) -> Looked:
        """Return what is to be said of gaze since counting began."""
        onset = self._onset
        return Looked(
            x_deg=None if onset is None else round(onset.x, 4),
            y_deg=None if onset is None else round(onset.y, 4),
            largest_deg=None if self._largest is None else round(self._largest, 4),
            lost_s=round(self._lost, 4),
            samples=self._count,
        )

    def _start(self, since: float) -> None:
        self._since, self._until = since, math.inf
        self._onset, self._largest = None, None
        self._lost, self._count = 0.0, 0

    def _miss(self, time: float) -> None:
        self._lose(time)
        if self._last is None or time - self._last.time > self._rule.lost_ms / 1000:
            self._inside_since = math.inf

    def _lose(self, time: float) -> None:
        """Count the time since the eye was seen the last time, in so far as it is counted."""
        seen = self._since if self._last is None else self._last.time
        if time > self._since and seen < self._until:
            self._lost = max(self._lost, min(time, self._until) - seen)

    def _see(self, seen: _Seen) -> None:
        self._miss(seen.time)
        outside = seen.distance
        if self._last is not None:
            outside = min(outside, self._last.distance)
        if outside > self._rule.radius_deg:
            self._inside_since = math.inf
        elif seen.distance <= self._rule.radius_deg:
            self._inside_since = min(self._inside_since, seen.time)
        if seen.time <= self._since:
            self._onset = seen
        elif seen.time <= self._until:
            self._largest = outside if self._largest is None else max(self._largest, outside)
            self._count += 1
        self._last = seen
