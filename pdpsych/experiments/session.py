"""The trial loop: place an amplitude, show two frames, take the answer, save it."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from pdpsych.errors import InputError
from pdpsych.experiments.design import PlannedTrial, digest, plan
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.observer import (
    Observer,
    Presentation,
    Response,
    SessionStopped,
    observer_from,
)
from pdpsych.experiments.stage import Stage
from pdpsych.experiments.trial_log import Header, SessionLog, Trial, TrialLog, log_path, read_log
from pdpsych.progress import progress_bar
from pdpsych.stimuli.stimulus_set import StimulusSet
from pdpsych.study import load
from pdpsych.versions import versions

__all__ = ["SessionStopped", "run"]

Design = tuple[PlannedTrial, ...]


def run(
    experiment: str | Path | Experiment,
    participant: str = "01",
    session: str = "01",
    observer: str | Path | Observer | None = None,
    windowed: bool = False,
    progress: bool = False,
) -> SessionLog:
    """Run a session, or go on with one that was interrupted.

    Parameters
    ----------
    experiment
        An experiment or its YAML file; its log is in ``data/`` beside the file.
    observer
        None: a person, in a PsychoPy window. Else who is simulated: a model's name or a YAML
        file, see :func:`pdpsych.experiments.observer.observer_from`, or any observer.
    windowed
        Whether the person's window leaves the rest of the screen free.
    progress
        Whether to show a progress bar.

    Returns
    -------
    SessionLog
        The finished session; at once where it was finished before.

    Raises
    ------
    SessionStopped
        If the person stops; run again to go on.
    InputError
        If something given cannot be used, or a trial cannot be saved.
    """
    experiment = load(experiment, Experiment)
    path = log_path(experiment.logs, participant, session)
    opened = experiment.open_set()
    if isinstance(observer, str | Path):
        observer = observer_from(observer, opened, participant, session)
    trials = plan(experiment, opened, participant, session)
    header = _header(experiment, opened, trials, participant, session, observer)
    stage = Stage(experiment, opened, participant, session)
    with TrialLog.open(path, header) as log:
        _replay(trials, stage, log)
        if observer is not None:
            _answer(trials, stage, observer, log, progress)
        elif len(log.trials) < len(trials):
            from pdpsych.experiments.window import Window

            with Window(experiment, stage.background(), len(trials), windowed) as window:
                _answer(trials, stage, window, log, progress)
                window.finish()
    return read_log(path)


def _header(
    experiment: Experiment,
    opened: StimulusSet,
    trials: Design,
    participant: str,
    session: str,
    observer: Observer | None,
) -> Header:
    return Header(
        experiment=experiment.stem,
        config=experiment.resolved(),
        stimulus_set=opened.name,
        stimulus_set_sha256=opened.sha256,
        design=digest(trials),
        planned=len(trials),
        participant=participant,
        session=session,
        observer=observer.description if observer else "person",
        versions=versions("numpy", "scipy", "psychopy"),
        started=_now(),
    )


def _replay(trials: Design, stage: Stage, log: TrialLog) -> None:
    """Bring the stage to where the log ends."""
    for planned, trial in zip(trials, log.trials, strict=False):
        shown = trial.image, trial.pair, trial.distortion, trial.sign, trial.interval
        if shown != (*planned.condition, planned.sign, planned.interval):
            raise InputError(
                f"{log.path}: line {trial.trial + 1}: is not trial {trial.trial} of the design "
                "that line 1 names; restore the log from a copy"
            )
        stage.learn(trial)


def _answer(
    trials: Design, stage: Stage, observer: Observer, log: TrialLog, progress: bool
) -> None:
    done = len(log.trials)
    with progress_bar(len(trials), "trial", progress, initial=done) as bar:
        for planned in trials[done:]:
            presentation = stage.present(planned)
            trial = _record(presentation, observer.respond(presentation))
            log.append(trial)
            stage.learn(trial)
            bar.update()


def _record(presentation: Presentation, response: Response) -> Trial:
    planned, shown = presentation.planned, presentation.shown
    return Trial(
        trial=planned.number,
        image=planned.condition.image,
        pair=planned.condition.pair,
        distortion=planned.condition.distortion,
        sign=planned.sign,
        interval=planned.interval,
        easy=planned.easy,
        practice=planned.practice,
        amplitude=presentation.requested,
        realised=shown.realised,
        residual_rms=shown.residual_rms,
        clipped=shown.clipped,
        response=response.interval,
        correct=response.interval == planned.interval,
        response_time=response.seconds,
        dither_seed=presentation.dither_seed,
        timing=response.timing,
        time=_now(),
    )


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
