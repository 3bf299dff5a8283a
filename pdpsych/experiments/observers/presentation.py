"""What an observer is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pdpsych.displays.rendering import Shown
from pdpsych.experiments.design import PlannedTrial
from pdpsych.experiments.logs.gaze import Looked
from pdpsych.experiments.logs.notes import Reason
from pdpsych.experiments.logs.records import Belief
from pdpsych.experiments.logs.timing import TrialTiming
from pdpsych.experiments.tasks.phases import PlannedPhase
from pdpsych.experiments.tasks.task import Position


class Progress(NamedTuple):
    """How far a session is: trials answered and planned, practice trials and those right."""

    done: int
    total: int
    practice: int
    practice_correct: int


@dataclass(frozen=True, eq=False)
class Presentation:
    """What a trial shows.

    Attributes
    ----------
    planned
        The trial of the design.
    requested
        Amplitude asked for, in model units.
    shown
        What reaches the display of it, with the realised amplitude.
    dither_seed
        Seed of the generator that drew the dither: of the distorted image, of the undistorted
        one, and of the reference shown before them.
    phases
        What is shown until the question, in order.
    progress
        How far the session is before it.
    belief
        What it was chosen for, where trials are chosen by models.
    """

    planned: PlannedTrial
    requested: float
    shown: Shown
    dither_seed: int
    phases: tuple[PlannedPhase, ...]
    progress: Progress
    belief: Belief | None = None

    @property
    def realised(self) -> float:
        """Realised amplitude, in model units."""
        return self.shown.realised


@dataclass(frozen=True)
class Interruption:
    """Why a trial ended without an answer after its first image was shown, and in which phase.

    ``gaze`` is where gaze was until then, None where nobody watched it.
    """

    reason: Reason
    phase: str
    gaze: Looked | None = None


@dataclass(frozen=True)
class Response:
    """The position chosen, the seconds it took, the flips, the key, events as told, and gaze.

    None where nobody has them.
    """

    position: Position
    seconds: float | None = None
    timing: TrialTiming | None = None
    key: str | None = None
    events: dict[str, float] | None = None
    gaze: Looked | None = None
