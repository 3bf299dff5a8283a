"""What a session will be, known before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pdpsych.common.section import load
from pdpsych.displays.rendering import Shown
from pdpsych.experiments.design import PlannedTrial, digest, group_of, plan
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.trial_log import log_path
from pdpsych.experiments.sessions.session import occasion
from pdpsych.experiments.sessions.stage import Stage
from pdpsych.stimuli.calibration.calibration import Calibration

# Assumed: nobody knows beforehand how long a person takes.
ANSWER_S = 1.0
BREAK_S = 60.0
# How long a trial takes does not depend on what it shows.
_NO_IMAGES = Shown(np.zeros((1, 1, 1), np.uint16), np.zeros((1, 1, 1), np.uint16), 0, 0, 0)


@dataclass(frozen=True)
class Outline:
    """A session as planned.

    Attributes
    ----------
    name
        Experiment, participant, session and run.
    log
        Where its trials will be.
    conditions
        Names of what is measured.
    trials, practice, easy
        Number of all trials, of those of the practice, and of easy ones.
    breaks
        Number of breaks.
    minutes
        Duration, with :data:`ANSWER_S` for an answer and :data:`BREAK_S` for a break.
    method
        How amplitudes are placed, and its settings.
    group
        Counterbalancing group of the participant, of so many.
    seed, design
        Seed of the experiment, and SHA-256 of the trials.
    calibration
        SHA-256 of the calibration, None where there is none.
    """

    name: str
    log: Path
    conditions: tuple[str, ...]
    trials: int
    practice: int
    easy: int
    breaks: int
    minutes: float
    method: str
    group: tuple[int, int]
    seed: int
    design: str
    calibration: str | None

    def __str__(self) -> str:
        per_condition = (self.trials - self.practice) // len(self.conditions)
        lines = [
            self.name,
            f"log: {self.log}",
            f"trials: {self.trials}, {self.practice} of them practice; {per_condition} of each of "
            f"{len(self.conditions)} conditions, in all {self.easy} easy",
            f"minutes: {self.minutes:.1f}, with {ANSWER_S:g} s for an answer and {self.breaks} "
            f"breaks of {BREAK_S:g} s",
            f"method: {self.method}",
            f"group {self.group[0]} of {self.group[1]}; seed {self.seed}; design {self.design}",
            f"calibration: {self.calibration or 'none (a session of a person needs one)'}",
            f"conditions (image/pair/distortion): {', '.join(self.conditions)}",
        ]
        return "\n".join(lines)

    __repr__ = __str__


def outline(
    experiment: str | Path | Experiment,
    participant: str = "01",
    session: str = "01",
    *,
    run: str | None = None,
    uncalibrated: bool = False,
) -> Outline:
    """Return what a session will be; nothing is shown or written.

    Parameters are those of :func:`pdpsych.experiments.run`. The set need not be calibrated yet.

    Raises
    ------
    InputError
        If the session could not be run.
    """
    experiment = load(experiment, Experiment)
    path = log_path(experiment.logs, participant, session, run)
    opened, when = experiment.open_set(), occasion(session, run)
    calibration = None if uncalibrated else Calibration.of(opened, experiment.screen())
    trials = plan(experiment, opened, participant, when)
    Stage(experiment, opened, trials, participant, when, calibration)
    practice = sum(trial.practice for trial in trials)
    breaks = (len(trials) - practice - 1) // experiment.break_every
    settings = experiment.method.model_dump(exclude={"kind", "exponents", "lapses"})
    return Outline(
        name=f"{experiment.label}: participant {participant}, session {session}"
        + (f", run {run}" if run else ""),
        log=path,
        conditions=tuple(dict.fromkeys(c.name for c in sorted(t.condition for t in trials))),
        trials=len(trials),
        practice=practice,
        easy=sum(trial.easy for trial in trials),
        breaks=breaks,
        minutes=(sum(_seconds(experiment, t) for t in trials) + breaks * BREAK_S) / 60,
        method=", ".join(
            [experiment.method.kind, *(f"{key} {value}" for key, value in settings.items())]
        ),
        group=(group_of(experiment, participant), experiment.groups),
        seed=experiment.seed,
        design=digest(trials),
        calibration=calibration.sha256 if calibration else None,
    )


def _seconds(experiment: Experiment, planned: PlannedTrial) -> float:
    """Return how long a trial takes."""
    timing, reference = experiment.timing, _NO_IMAGES.reference if experiment.reference else None
    phases = experiment.trial_type.phases(timing, planned.position, _NO_IMAGES, reference)
    shown = sum(phase.milliseconds for phase in phases)
    if experiment.gives_feedback(planned.practice):
        shown += timing.feedback
    return shown / 1000 + ANSWER_S
