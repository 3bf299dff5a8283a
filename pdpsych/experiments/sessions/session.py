"""The trial loop: place an amplitude, show it, take the answer, save it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from pdpsych.common.errors import InputError
from pdpsych.common.terminal import progress_bar
from pdpsych.common.versions import versions
from pdpsych.displays.measuring.readings import MeasurementStopped
from pdpsych.displays.measuring.spot_check import spot_check
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.notes import (
    Checked,
    RampRead,
    SetAside,
    Stopped,
    broken_fixations,
)
from pdpsych.experiments.logs.records import Trial
from pdpsych.experiments.logs.session_log import SessionLog, read_log
from pdpsych.experiments.logs.trial_log import TrialLog, now
from pdpsych.experiments.observers.model_observer import ModelObserver
from pdpsych.experiments.observers.observer import Observer, SessionStopped
from pdpsych.experiments.observers.presentation import Interruption, Presentation, Response
from pdpsych.experiments.observers.simulated import SimulatedObserver
from pdpsych.experiments.observers.spec import ObserverSpec, observer_from, spec_from
from pdpsych.experiments.roster.enrolling import Enrolment, enrol, next_of
from pdpsych.experiments.sessions.preparation import Preparation, prepare
from pdpsych.experiments.sessions.stage import Stage
from pdpsych.experiments.sessions.summary import summary

if TYPE_CHECKING:
    from pdpsych.experiments.person.window import Window

_FINISHED = "finished before: nothing was run; another day of this participant is another `session`"


def run(
    experiment: str | Path | Experiment,
    participant: str = "01",
    *,
    session: str | None = None,
    run: str | None = None,
    unplanned: bool = False,
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
        An experiment or its YAML file; its log is in ``data/`` beside the file. Or the folder of a
        study that has a roster, of which what is due is run.
    participant
        Label of the participant: letters and digits.
    session
        Label of the session: letters and digits; without it the one that is due by the study's
        roster, and 01 where there is none.
    run
        Which run of the session, a number, where it has several.
    unplanned
        Whether it may be a session that is not due by the roster, or somebody's who has no place
        in it; the log says so.
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
    planned = enrol(experiment, participant, session=session, run=run, unplanned=unplanned)
    prepared = prepare(
        planned.experiment,
        planned.labels,
        enrolled=planned.enrolled,
        uncalibrated=uncalibrated,
        for_person=observer is None,
    )
    if isinstance(observer, str | Path | ObserverSpec):
        observer = _simulated(observer, prepared)
        if isinstance(observer, ModelObserver):
            prepared = replace(prepared, known=observer.known_up_to)
    stage = Stage(prepared)
    header = prepared.header(observer.description if observer else "person", windowed)
    log = TrialLog.open(prepared.log, header)
    try:
        with closing(log):
            _replay(stage, log)
            finished = log.finished
            if observer is not None and not show:
                _without_window(prepared, stage, log, observer, progress)
            elif not finished:
                with _questioned(planned, log, observer):
                    _in_window(prepared, stage, log, observer, windowed, progress)
    except SessionStopped as stopped:
        raise SessionStopped("; ".join([str(stopped), *log.events])) from None
    found = read_log(log.path)
    told = [*log.events, *[_FINISHED] * finished, *filter(None, [next_of(planned)])]
    return replace(found, notes=(*found.notes, *told))


def _questioned(
    planned: Enrolment, log: TrialLog, observer: Observer | None
) -> AbstractContextManager[None]:
    """Ask a person what the study's roster wants to know."""
    if observer is not None:
        return nullcontext()
    from pdpsych.experiments.person.questionnaire import questioned

    return questioned(planned, log)


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


def _replay(stage: Stage, log: TrialLog) -> None:
    """Bring the stage to where the log ends."""
    for line, entry in enumerate(log.entries, start=2):
        if not isinstance(entry, Trial | SetAside):
            continue
        planned = stage.planned(entry)
        shown = entry.sign, entry.position
        if planned is None or shown != (planned.sign, planned.position):
            raise InputError(
                f"is not trial {entry.trial} of the design that line 1 names",
                file=log.path,
                line=line,
                remedy="restore the log from a copy",
            )
        if isinstance(entry, Trial):
            stage.learn(entry)
        else:
            stage.set_aside(entry)


def _without_window(
    prepared: Preparation, stage: Stage, log: TrialLog, observer: Observer, progress: bool
) -> None:
    """Have an observer answer the trials that are left, shown nowhere."""
    if not log.finished:
        log.sit({}, _versions())
    with _stops(log):
        _answer(prepared, stage, log, observer.respond, progress=progress)


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

    checked = _spot_check(prepared, log, windowed) if observer is None else None
    with closing(open_window(prepared, stage.background(), windowed, observer, log)) as window:
        log.sit(window.system, _versions())
        if checked is not None:
            log.note(checked)
        with _stops(log), _ramp_read(log, window):
            _answer(prepared, stage, log, window.respond, window.answered, window.go_on, progress)
        window.finish(stage.progress)


def _spot_check(prepared: Preparation, log: TrialLog, windowed: bool) -> Checked | None:
    """Check the display before a person sees it, where the experiment asks for that.

    What failed is noted at once: there will be no sitting whose first line it could be.
    """
    check = prepared.experiment.spot_check
    if check is None:
        return None
    try:
        found = spot_check(prepared.display, check, windowed)
    except MeasurementStopped as stopped:
        raise SessionStopped(f"{stopped}, in the spot check of the display") from None
    checked = Checked(
        instrument=found.instrument,
        limit=found.limit,
        largest=found.largest,
        luminances={str(one.level): one.luminance for one in found.readings},
        time=found.time,
        wrong=found.wrong or None,
    )
    if not found.passed:
        log.note(checked)
    found.refuse(prepared.display)
    return checked


@contextmanager
def _ramp_read(log: TrialLog, window: Window) -> Iterator[None]:
    """Say in the log what the gamma ramp is at the start and at the end of a sitting."""
    _note_ramp(log, window, "start")
    try:
        yield
    except SessionStopped:
        _note_ramp(log, window, "end")
        raise
    _note_ramp(log, window, "end")


def _note_ramp(log: TrialLog, window: Window, moment: Literal["start", "end"]) -> None:
    state, off, sha256 = window.ramp
    note = RampRead(moment=moment, state=state, off=off, entries_sha256=sha256, time=now())
    log.note(note)


@contextmanager
def _stops(log: TrialLog) -> Iterator[None]:
    """Say in the log where a session is stopped by whom it belongs to."""
    try:
        yield
    except SessionStopped as stopped:
        log.note(Stopped(answered=len(log.trials), why=str(stopped), time=now()))
        raise


def _nothing(presentation: Presentation, what: Response | Interruption) -> None:
    """Show nothing."""


def _answer(
    prepared: Preparation,
    stage: Stage,
    log: TrialLog,
    respond: Callable[[Presentation], Response | Interruption],
    saved: Callable[[Presentation, Response], None] = _nothing,
    interrupted: Callable[[Presentation, Interruption], None] = _nothing,
    progress: bool = False,
) -> None:
    """Ask for the trials that are left; what follows is told of each when it is on disk."""
    if log.crashed and (lost := stage.next()) is not None:
        _set_aside(stage, log, stage.present(lost), Interruption("crash", ""))
    with progress_bar(prepared.planned, "trial", progress, initial=len(log.trials)) as bar:
        while (planned := stage.next()) is not None:
            presentation = stage.present(planned)
            response = respond(presentation)
            if isinstance(response, Interruption):
                _set_aside(stage, log, presentation, response)
                if progress:
                    bar.remark(summary(log.trials, broken_fixations(log.entries)))
                interrupted(presentation, response)
                continue
            trial = _record(presentation, response)
            stage.learn(trial)
            log.append(trial.model_copy(update={"ended": stage.ended}))
            saved(presentation, response)
            if progress:
                bar.remark(summary(log.trials, broken_fixations(log.entries)))
            bar.update()


def _set_aside(stage: Stage, log: TrialLog, presentation: Presentation, why: Interruption) -> None:
    planned = presentation.planned
    note = SetAside(
        trial=planned.number,
        image=planned.condition.image,
        pair=planned.condition.pair,
        distortion=cast(Literal[1, 2], planned.condition.distortion),
        sign=planned.sign,
        position=planned.position,
        amplitude=presentation.requested,
        dither_seed=presentation.dither_seed,
        presented=len(planned.again) + 1,
        reason=why.reason,
        phase=why.phase,
        time=now(),
        gaze=why.gaze,
    )
    stage.set_aside(note)
    log.note(note)


def _versions() -> dict[str, str]:
    return versions("numpy", "scipy", "psychopy")


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
        presented=len(planned.again) + 1,
        again=planned.again or None,
        key=response.key,
        events=response.events,
        gaze=response.gaze,
    )
