"""PsychoPy's dialog asks whose session it is."""

from __future__ import annotations

from pdpsych.common.errors import InputError
from pdpsych.experiments.design import group_of, keys_of
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.labels import Labels, check_spelling, log_path
from pdpsych.experiments.observers.observer import SessionStopped

_FIELDS = {"participant": "Participant", "session": "Session", "run": "Run, if several"}


def ask(experiment: Experiment, session: str = "01", run: str | None = None) -> Labels:
    """Ask for participant, session and run, again until they can be used.

    Parameters
    ----------
    session, run
        What is proposed.

    Raises
    ------
    SessionStopped
        If the dialog is cancelled.
    InputError
        If there is no PsychoPy, or no screen to ask on.
    """
    # It says so where PsychoPy or a screen is missing; Qt would end the program.
    from pdpsych.displays.lab import psychopy  # noqa: F401

    labels, problem = Labels("", session, run), ""
    while True:
        labels = _once(experiment, labels, problem)
        try:
            log_path(experiment.logs, labels)
            check_spelling(experiment.logs, labels)
            group_of(experiment, labels.participant)
            keys_of(experiment, labels.participant)
        except InputError as error:
            problem = str(error)
        else:
            return labels


def _once(experiment: Experiment, proposed: Labels, problem: str) -> Labels:
    from psychopy import gui

    dialog = gui.Dlg(title=experiment.stem)
    if problem:
        dialog.addText(problem)
    for name, label in proposed._asdict().items():
        dialog.addField(name, label or "", label=_FIELDS[name])
    answers = dialog.show()
    if not dialog.OK:
        raise SessionStopped("cancelled before the session began")
    participant, session, run = (str(answers[name]).strip() for name in Labels._fields)
    return Labels(participant, session, run or None)
