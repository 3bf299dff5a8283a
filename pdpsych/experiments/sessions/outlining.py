"""What a session will be, known before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pdpsych.common.results import Result
from pdpsych.experiments.design import PlannedTrial
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.enrolled import Enrolled
from pdpsych.experiments.roster.enrolling import enrol
from pdpsych.experiments.sessions.predictions import alike
from pdpsych.experiments.sessions.preparation import prepare
from pdpsych.experiments.sessions.stage import Stage
from pdpsych.experiments.tasks.task import NO_IMAGES

# Assumed: nobody knows beforehand how long a person takes.
ANSWER_S = 1.0
BREAK_S = 60.0


@dataclass(frozen=True, eq=False, repr=False)
class Outline(Result):
    """A session as planned; see :func:`outline`.

    Attributes
    ----------
    name
        Experiment, participant, session and run.
    log
        Where its trials will be.
    conditions
        Names of what is measured.
    trials, practice, easy
        Number of all trials, the most there can be, of those of the practice, and of easy ones in
        the design.
    breaks
        Number of breaks.
    minutes
        Duration, with :data:`ANSWER_S` for an answer and :data:`BREAK_S` for a break.
    each
        Number of trials of each condition, the most there can be.
    method
        How amplitudes are placed, and its settings.
    stop
        When it ends before its design does; empty where it does not.
    alike
        Models that no trial of it tells apart, two and two, where trials are chosen by models.
    group
        Counterbalancing group of the participant, of so many.
    seed, design
        Seed of the experiment, and SHA-256 of the trials.
    calibration
        SHA-256 of the calibration, None where there is none.
    enrolled
        What the roster of the study says of the session, None where nothing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pdpsych import experiments, stimuli
    >>> u, v = np.eye(64).reshape(64, 1, 8, 8)[:2]
    >>> pair = stimuli.NewPair(u, v, sensitivities={"LN": (2.0, 8.0), "LGN": (9.0, 3.0)})
    >>> image = stimuli.NewImage(np.full((1, 8, 8), 0.5), {"dots": pair})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = stimuli.StimulusSet.create(f"{folder}/dots", {"grey": image})
    ...     path = Path(folder, "early.yaml")
    ...     _ = path.write_text("{stimulus_set: dots, display: {}, trials_per_condition: 8}")
    ...     found = experiments.outline(path, "07")
    >>> found.conditions
    ('grey/dots/1', 'grey/dots/2')
    """

    name: str
    log: Path
    conditions: tuple[str, ...]
    trials: int
    practice: int
    easy: int
    breaks: int
    minutes: float
    each: int
    method: str
    stop: str
    alike: tuple[str, ...]
    group: tuple[int, int]
    seed: int
    design: str
    calibration: str | None
    enrolled: Enrolled | None = None

    def describe(self) -> str:
        """Say what the session will be: a line for each of its properties."""
        lines = [
            self.name,
            f"log: {self.log}",
            f"trials: {self._most}{self.trials}, {self.practice} of them practice; {self._most}"
            f"{self.each} of each of {len(self.conditions)} conditions, in all {self.easy} easy",
            f"minutes: {self.minutes:.1f}, with {ANSWER_S:g} s for an answer and {self.breaks} "
            f"breaks of {BREAK_S:g} s",
            f"method: {self.method}",
            *([f"stop: {self.stop}"] if self.stop else []),
            *(f"not told apart on this set: {models}" for models in self.alike),
            *([f"roster: {self.enrolled.describe()}"] if self.enrolled else []),
            f"group {self.group[0]} of {self.group[1]}; seed {self.seed}; design {self.design}",
            f"calibration: {self.calibration or 'none (a session of a person needs one)'}",
            f"conditions (image/pair/distortion): {', '.join(self.conditions)}",
        ]
        return "\n".join(lines)

    @property
    def _most(self) -> str:
        return "at most " if self.stop else ""

    def _line(self) -> str:
        return f"{self.name}, {self.trials} trials, {self.minutes:.1f} minutes"


def outline(
    experiment: str | Path | Experiment,
    participant: str = "01",
    *,
    session: str | None = None,
    run: str | None = None,
    unplanned: bool = False,
    uncalibrated: bool = False,
) -> Outline:
    """Return what a session will be; nothing is shown or written.

    Parameters
    ----------
    experiment
        An experiment or its YAML file. Its set need not be calibrated yet. Or the folder of a study
        that has a roster, of which what is due is told.
    participant, session, run, unplanned
        Whose session it is and which, as :func:`run` takes them.
    uncalibrated
        Whether to use no calibration.

    Raises
    ------
    InputError
        If the session could not be run.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pdpsych import experiments, stimuli
    >>> u, v = np.eye(64).reshape(64, 1, 8, 8)[:2]
    >>> pair = stimuli.NewPair(u, v, sensitivities={"LN": (2.0, 8.0), "LGN": (9.0, 3.0)})
    >>> image = stimuli.NewImage(np.full((1, 8, 8), 0.5), {"dots": pair})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = stimuli.StimulusSet.create(f"{folder}/dots", {"grey": image})
    ...     path = Path(folder, "early.yaml")
    ...     _ = path.write_text("{stimulus_set: dots, display: {}, trials_per_condition: 8}")
    ...     found = experiments.outline(path, "01")
    >>> found.trials, found.breaks, found.log.name
    (16, 0, 'sub-01_ses-01.jsonl')
    """
    planned_as = enrol(experiment, participant, session=session, run=run, unplanned=unplanned)
    labels, enrolled = planned_as.labels, planned_as.enrolled
    prepared = prepare(planned_as.experiment, labels, enrolled=enrolled, uncalibrated=uncalibrated)
    # It refuses what could not be run.
    placements = Stage(prepared).placements
    experiment, trials = prepared.experiment, prepared.trials
    planned, stop = trials[: prepared.planned], experiment.stop
    practice = prepared.practice
    breaks = (len(planned) - practice - 1) // experiment.break_every
    settings = experiment.method.model_dump(exclude={"kind", "exponents", "lapses"})
    return Outline(
        name=f"{experiment.label}: {labels}",
        log=prepared.log,
        conditions=tuple(condition.name for condition in placements),
        trials=len(planned),
        practice=practice,
        easy=sum(trial.easy for trial in trials),
        breaks=breaks,
        minutes=(sum(_seconds(experiment, t) for t in planned) + breaks * BREAK_S) / 60,
        each=experiment.trials_per_condition,
        method=", ".join(
            [experiment.method.kind, *(f"{key} {value}" for key, value in settings.items())]
        ),
        stop=stop.describe() if stop else "",
        alike=tuple(map(" and ".join, alike(prepared.responses))) if prepared.responses else (),
        group=(prepared.group, experiment.groups),
        seed=experiment.seed,
        design=prepared.design,
        calibration=prepared.calibration.sha256 if prepared.calibration else None,
        enrolled=enrolled,
    )


def _seconds(experiment: Experiment, planned: PlannedTrial) -> float:
    """Return how long a trial takes."""
    timing, reference = experiment.timing, NO_IMAGES.reference if experiment.reference else None
    phases = experiment.trial_type.phases(timing, planned.position, NO_IMAGES, reference)
    shown = sum(phase.milliseconds for phase in phases)
    if experiment.gives_feedback(planned.practice):
        shown += timing.feedback
    return shown / 1000 + ANSWER_S
