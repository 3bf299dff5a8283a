"""The trial loop: place an amplitude, show it, take the answer, save it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from pdpsych.common.errors import InputError
from pdpsych.common.terminal import progress_bar
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.labels import Labels
from pdpsych.experiments.logs.records import Trial
from pdpsych.experiments.logs.session_log import SessionLog, read_log
from pdpsych.experiments.logs.trial_log import TrialLog
from pdpsych.experiments.observers.model_observer import ModelObserver
from pdpsych.experiments.observers.observer import Observer, SessionStopped
from pdpsych.experiments.observers.presentation import Presentation, Response
from pdpsych.experiments.observers.simulated import SimulatedObserver
from pdpsych.experiments.observers.spec import ObserverSpec, observer_from, spec_from
from pdpsych.experiments.sessions.preparation import Preparation, now, prepare
from pdpsych.experiments.sessions.stage import Stage
from pdpsych.experiments.sessions.summary import summary

_FINISHED = "finished before: nothing was run; another day of this participant is another `session`"


def run(
    experiment: str | Path | Experiment,
    participant: str = "01",
    *,
    session: str = "01",
    run: str | None = None,
    observer: str | Path | ObserverSpec | Observer | None = None,
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
    participant
        Label of the participant: letters and digits.
    session
        Label of the session: letters and digits.
    run
        Which run of the session, a number, where it has several.
    observer
        None: a person, in a PsychoPy window. Else who is simulated: a model's name or a YAML
        file, see :func:`observer_from`, or any observer.
    show
        Whether a simulated observer answers in a window, to look at what is shown.
    windowed
        Whether the window leaves the rest of the screen free.
    uncalibrated
        Whether a person may see a set that is not calibrated for the display; no calibration is
        used then.
    progress
        Whether to show a progress bar, with how the last answers were.

    Returns
    -------
    SessionLog
        The finished session; at once where it was finished before. Its notes say, too, what
        happened to the log meanwhile: one that was moved or deleted is saved anew.

    Raises
    ------
    SessionStopped
        If the person stops; run again to go on.
    InputError
        If something given cannot be used, or a trial cannot be saved.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pdpsych import experiments, stimuli
    >>> local = experiments.ObserverSpec(model="LGN", local=True)
    >>> u, v = np.eye(64).reshape(64, 1, 8, 8)[:2]
    >>> pair = stimuli.NewPair(u, v, sensitivities={"LN": (2.0, 8.0), "LGN": (9.0, 3.0)})
    >>> image = stimuli.NewImage(np.full((1, 8, 8), 0.5), {"dots": pair})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = stimuli.StimulusSet.create(f"{folder}/dots", {"grey": image})
    ...     path = Path(folder, "early.yaml")
    ...     _ = path.write_text("{stimulus_set: dots, display: {}, trials_per_condition: 8}")
    ...     log = experiments.run(path, "01", observer=local)
    >>> log.complete, len(log.trials)
    (True, 16)
    """
    labels = Labels(participant, session, run)
    prepared = prepare(experiment, labels, uncalibrated=uncalibrated, for_person=observer is None)
    if isinstance(observer, str | Path | ObserverSpec):
        observer = _simulated(observer, prepared)
        if isinstance(observer, ModelObserver):
            prepared = replace(prepared, known=observer.known_up_to)
    stage = Stage(prepared)
    header = prepared.header(observer.description if observer else "person", windowed)
    log = TrialLog.open(prepared.log, header)
    try:
        with closing(log):
            _replay(prepared, stage, log)
            finished = log.finished
            if observer is not None and not show:
                _answer(prepared, stage, log, observer.respond, progress=progress)
            elif not finished:
                _in_window(prepared, stage, log, observer, windowed, progress)
    except SessionStopped as stopped:
        raise SessionStopped("; ".join([str(stopped), *log.events])) from None
    found = read_log(log.path)
    return replace(found, notes=(*found.notes, *log.events, *[_FINISHED] * finished))


def _simulated(
    source: str | Path | ObserverSpec, prepared: Preparation
) -> SimulatedObserver | ModelObserver:
    """Return who answers; a session that a local observer began goes on with it."""
    spec, begun = spec_from(source, prepared.stimulus_set), prepared.begun
    if spec.model is not None and begun is not None:
        local = spec.model_copy(update={"local": True})
        spec = local if begun.observer == local.description else spec
    return observer_from(
        spec,
        prepared.stimulus_set,
        prepared.labels.participant,
        session=prepared.labels.occasion,
        calibration=prepared.calibration,
    )


def _replay(prepared: Preparation, stage: Stage, log: TrialLog) -> None:
    """Bring the stage to where the log ends."""
    for trial in log.trials:
        planned = stage.planned(trial)
        shown = trial.sign, trial.position
        if planned is None or shown != (planned.sign, planned.position):
            raise InputError(
                f"is not trial {trial.trial} of the design that line 1 names",
                file=log.path,
                line=trial.trial + 1,
                remedy="restore the log from a copy",
            )
        stage.learn(trial)


def _in_window(
    prepared: Preparation,
    stage: Stage,
    log: TrialLog,
    observer: Observer | None,
    windowed: bool,
    progress: bool,
) -> None:
    """Show the trials that are left in a window, to a person where no observer answers."""
    from pdpsych.experiments.person.window import open_window

    with closing(open_window(prepared, stage.background(), windowed, observer)) as window:
        log.describe(window.system)
        _answer(prepared, stage, log, window.respond, window.answered, progress)
        window.finish(stage.progress)


def _nothing(presentation: Presentation, response: Response) -> None:
    """Give no feedback."""


def _answer(
    prepared: Preparation,
    stage: Stage,
    log: TrialLog,
    respond: Callable[[Presentation], Response],
    saved: Callable[[Presentation, Response], None] = _nothing,
    progress: bool = False,
) -> None:
    """Ask for the trials that are left; ``saved`` is told of each that is on disk."""
    with progress_bar(prepared.planned, "trial", progress, initial=len(log.trials)) as bar:
        while (planned := stage.next()) is not None:
            presentation = stage.present(planned)
            response = respond(presentation)
            trial = _record(presentation, response)
            stage.learn(trial)
            log.append(trial.model_copy(update={"ended": stage.ended}))
            saved(presentation, response)
            if progress:
                bar.set_postfix_str(summary(log.trials), refresh=False)
            bar.update()


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
        time=now(),
        belief=presentation.belief,
    )
