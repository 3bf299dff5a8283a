"""The trial loop: place an amplitude, show it, take the answer, save it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from pdpsych.common.errors import InputError
from pdpsych.common.section import load
from pdpsych.common.terminal import progress_bar
from pdpsych.common.versions import versions
from pdpsych.displays.display import Display
from pdpsych.experiments.design import PlannedTrial, digest, group_of, plan
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.records import Header, Trial
from pdpsych.experiments.logs.session_log import SessionLog, read_log
from pdpsych.experiments.logs.trial_log import TrialLog, log_path
from pdpsych.experiments.observer import (
    Observer,
    Presentation,
    Response,
    SessionStopped,
    observer_from,
)
from pdpsych.experiments.sessions.stage import Stage
from pdpsych.stimuli.calibration.calibration import Calibration
from pdpsych.stimuli.stimulus_set import StimulusSet

__all__ = ["SessionStopped", "calibration_for", "occasion", "run"]

Design = tuple[PlannedTrial, ...]

_FINISHED = "finished before: nothing was run; another day of this participant is another --session"


def run(
    experiment: str | Path | Experiment,
    participant: str = "01",
    session: str = "01",
    observer: str | Path | Observer | None = None,
    *,
    run: str | None = None,
    show: bool = False,
    windowed: bool = False,
    uncalibrated: bool = False,
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
    run
        Which run of the session, where it has several.
    show
        Whether a simulated observer answers in a window, to look at what is shown.
    windowed
        Whether the window leaves the rest of the screen free.
    uncalibrated
        Whether a person may see a set that is not calibrated for the display; no calibration is
        used then.
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
    path = log_path(experiment.logs, participant, session, run)
    opened = experiment.open_set()
    when = occasion(session, run)
    if isinstance(observer, str | Path):
        observer = observer_from(observer, opened, participant, when)
    calibration = calibration_for(experiment, opened, uncalibrated, needed=observer is None)
    trials = plan(experiment, opened, participant, when)
    stage = Stage(experiment, opened, trials, participant, when, calibration)
    header = Header(
        experiment=experiment.stem,
        config=experiment.resolved(),
        stimulus_set=opened.name,
        stimulus_set_sha256=opened.sha256,
        calibration=calibration.sha256 if calibration else None,
        design=digest(trials),
        planned=len(trials),
        participant=participant,
        session=session,
        run=run,
        group=group_of(experiment, participant),
        observer=observer.description if observer else "person",
        windowed=windowed,
        versions=versions("numpy", "scipy", "psychopy"),
        started=_now(),
    )
    with closing(TrialLog.open(path, header)) as log:
        _replay(trials, stage, log)
        finished = log.finished
        if observer is not None and not show:
            _answer(trials, stage, observer, log, _nothing, progress)
        elif not finished:
            from pdpsych.experiments.person.window import Window

            who = f"Participant {participant}, session {session}" + (f", run {run}" if run else "")
            shown = Window(experiment, who, stage.background(), windowed, observer)
            with closing(shown) as window:
                log.describe(window.system)
                _answer(trials, stage, window, log, window.answered, progress)
                window.finish(stage.progress)
    found = read_log(path)
    return replace(found, notes=(*found.notes, _FINISHED)) if finished else found


def occasion(session: str, run: str | None) -> str:
    """Return what tells a run of a session from all others, to seed what is random in it."""
    return f"{session} {run}" if run else session


def calibration_for(
    experiment: Experiment, opened: StimulusSet, uncalibrated: bool, needed: bool
) -> Calibration | None:
    """Return the calibration to use; InputError where a needed one is missing."""
    if uncalibrated:
        return None
    display = experiment.screen()
    found = opened.calibration(display)
    if found is not None or not needed:
        return found
    if isinstance(experiment.display, Display):
        raise InputError(
            f"{experiment.label}: display: {opened.path} is not calibrated for the display "
            "described here; describe it in a file of its own, displays/NAME.yaml, and run: "
            f"pdpsych calibrate {opened.path} --display displays/NAME.yaml; or try out with "
            "--uncalibrated"
        )
    try:
        return opened.needed_calibration(display)
    except InputError as error:
        raise InputError(f"{error}; or try out with --uncalibrated") from None


def _replay(trials: Design, stage: Stage, log: TrialLog) -> None:
    """Bring the stage to where the log ends."""
    for planned, trial in zip(trials, log.trials, strict=False):
        shown = trial.image, trial.pair, trial.distortion, trial.sign, trial.position
        if shown != (*planned.condition, planned.sign, planned.position):
            raise InputError(
                f"{log.path}: line {trial.trial + 1}: is not trial {trial.trial} of the design "
                "that line 1 names; restore the log from a copy"
            )
        stage.learn(trial)


def _answer(
    trials: Design,
    stage: Stage,
    observer: Observer,
    log: TrialLog,
    saved: Callable[[Presentation, Response], None],
    progress: bool,
) -> None:
    """Ask the observer for the trials that are left; ``saved`` is told of each on disk."""
    done = len(log.trials)
    with progress_bar(len(trials), "trial", progress, initial=done) as bar:
        for planned in trials[done:]:
            presentation = stage.present(planned)
            response = observer.respond(presentation)
            trial = _record(presentation, response)
            log.append(trial)
            stage.learn(trial)
            saved(presentation, response)
            bar.update()


def _nothing(presentation: Presentation, response: Response) -> None:
    """Give no feedback."""


def _record(presentation: Presentation, response: Response) -> Trial:
    planned, shown = presentation.planned, presentation.shown
    return Trial(
        trial=planned.number,
        image=planned.condition.image,
        pair=planned.condition.pair,
        distortion=planned.condition.distortion,
        sign=planned.sign,
        position=planned.position,
        easy=planned.easy,
        practice=planned.practice,
        amplitude=presentation.requested,
        realised=shown.realised,
        residual_rms=shown.residual_rms,
        clipped=shown.clipped,
        response=response.position,
        correct=response.position == planned.position,
        response_time=response.seconds,
        dither_seed=presentation.dither_seed,
        timing=response.timing,
        time=_now(),
    )


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
