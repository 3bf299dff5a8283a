"""When the frames of trials came, as measured, and which trials were off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from pdpsych.common.results import Result
from pdpsych.common.section import Part

# Frames by which a phase may be longer or shorter than it should be.
TOLERANCE = 1
# A flip is late when it comes this many periods after the one before, or more.
LATE = 1.5


PhaseName = Annotated[str, Field(pattern=r"^\w{1,50}$")]


class Phase(Part):
    """A phase of a trial: when it came and went, in s from the trial's first flip.

    ``frames`` is for how many it should have been there, None where an answer ended it.
    """

    onset: float
    offset: float
    frames: int | None = None


class TrialTiming(Part):
    """The flips of a trial, as measured.

    ``start`` is the time of its first flip on ``clock``, in s; ``phases`` are in order of
    appearance. ``dropped`` counts frames that did not come in time: after a flip that was ``late``
    seconds or more behind the one before, at ``refresh_hz`` frames a second.
    """

    start: float
    phases: dict[PhaseName, Phase]
    dropped: int = Field(ge=0)
    refresh_hz: float = Field(gt=0)
    late: float = Field(gt=0)
    keyboard: str
    clock: str

    @property
    def deviations(self) -> dict[str, float]:
        """By how many frames each phase of a stated length was too long; below 0: too short."""
        return {
            name: (phase.offset - phase.onset) * self.refresh_hz - phase.frames
            for name, phase in self.phases.items()
            if phase.frames is not None
        }

    @property
    def off(self) -> bool:
        """Whether a phase deviates by more than one frame, rounded to whole frames.

        Flips come on whole frames; what is between is the measurement's noise.
        """
        return any(abs(round(frames)) > TOLERANCE for frames in self.deviations.values())


def dropped_frames(flips: Sequence[float], refresh_hz: float) -> int:
    """Count the frames missing between flips, at times in s, that should follow each other."""
    late = LATE / refresh_hz
    steps = (after - before for before, after in pairwise(flips))
    return sum(round(step * refresh_hz) - 1 for step in steps if step >= late)


@dataclass(frozen=True, eq=False, repr=False)
class TimingSummary(Result):
    """The timing of a session.

    Attributes
    ----------
    trials, timed
        Number of trials, and of those that have a timing.
    off
        Numbers of the trials in which a phase deviates by more than one frame.
    dropped, trials_with_dropped
        Number of dropped frames, and of trials that have some.
    largest
        Largest deviation of a phase, in frames; 0 where nothing was timed.

    Examples
    --------
    >>> from pdpsych.experiments import TimingSummary
    >>> TimingSummary(3, 3, (2,), 1, 1, 1.9)
    <TimingSummary: 3 of 3 trials timed, 1 off>
    """

    trials: int
    timed: int
    off: tuple[int, ...]
    dropped: int
    trials_with_dropped: int
    largest: float

    def _line(self) -> str:
        return f"{self.timed} of {self.trials} trials timed, {len(self.off)} off"

    def describe(self) -> str:
        """Say how many trials were timed, and which were off."""
        if not self.timed:
            return f"timing: none of {self.trials} trials was timed"
        text = (
            f"timing: {self.timed} of {self.trials} trials timed, {self.dropped} dropped frames in "
            f"{self.trials_with_dropped} of them; largest deviation {self.largest:.2f} frames"
        )
        if not self.off:
            return f"{text}; no phase off by more than {TOLERANCE} frame"
        numbers = ", ".join(map(str, self.off[:10])) + (", …" if len(self.off) > 10 else "")
        return f"{text}; off by more than {TOLERANCE} frame: {len(self.off)} ({numbers})"


def summarize(timings: Mapping[int, TrialTiming | None]) -> TimingSummary:
    """Return the timing of a session from that of each trial, by number; None: not timed."""
    timed = {number: timing for number, timing in timings.items() if timing is not None}
    return TimingSummary(
        trials=len(timings),
        timed=len(timed),
        off=tuple(number for number, timing in timed.items() if timing.off),
        dropped=sum(timing.dropped for timing in timed.values()),
        trials_with_dropped=sum(timing.dropped > 0 for timing in timed.values()),
        largest=max((abs(d) for t in timed.values() for d in t.deviations.values()), default=0.0),
    )
