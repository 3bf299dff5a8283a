"""PsychoPy's dialog asks whose session it is."""

from __future__ import annotations

import textwrap
from pathlib import Path

from pdpsych.common.errors import InputError
from pdpsych.displays.lab.dialogs import dialogs
from pdpsych.experiments.design import group_of, keys_of
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.labels import Labels, check_spelling, log_path
from pdpsych.experiments.observers.observer import SessionStopped
from pdpsych.experiments.roster.enrolling import enrol, opened

_FIELDS = {
    "participant": "Participant",
    "session": "Session",
    "run": "Run, if several",
}


def ask(
    source: str | Path | Experiment,
    session: str | None = None,
    run: str | None = None,
    *,
    unplanned: bool = False,
) -> Labels:
    """Ask for participant, session and run, again until they can be used.

    Parameters
    ----------
    source
        The experiment, or the folder of a study that has a roster.
    session, run
        What is proposed.
    unplanned
        Whether it may be a session that is not due by the study's roster.

    Raises
    ------
    SessionStopped
        If the dialog is cancelled.
    InputError
        If there is no PsychoPy, or no screen to ask on.
    """
    roster, experiment = opened(source)
    title = experiment.stem if experiment else Path(str(source)).resolve().name
    labels = _FIELDS | ({"session": "Session, if not the next"} if roster else {})
    who, session, problem = "", session or ("" if roster else "01"), ""
    while True:
        who, session, run = _once(title, labels, (who, session, run), problem)
        try:
            found = enrol(source, who, session=session, run=run, unplanned=unplanned)
            log_path(found.experiment.logs, found.labels)
            check_spelling(found.experiment.logs, found.labels)
            group_of(found.experiment, who, found.enrolled)
            keys_of(found.experiment, who, found.enrolled)
        except InputError as error:
            problem = str(error)
        else:
            return found.labels


def _once(
    title: str,
    labels: dict[str, str],
    proposed: tuple[str, str | None, str | None],
    problem: str,
) -> tuple[str, str | None, str | None]:
    dialog = dialogs().Dlg(title=title)
    if problem:
        dialog.addText(wrapped(problem))
    for (name, label), value in zip(labels.items(), proposed, strict=True):
        dialog.addField(name, value or "", label=label)
    answers = dialog.show()
    if not dialog.OK:
        raise SessionStopped("cancelled before the session began")
    participant, session, run = (str(answers[name]).strip() for name in labels)
    return participant, session or None, run or None


def wrapped(problem: str) -> str:
    """Return a message in lines that a dialog has room for."""
    return "\n".join(textwrap.wrap(problem, 80))
