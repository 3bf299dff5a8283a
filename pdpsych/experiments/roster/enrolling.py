"""Which session of a person is run: the one that is due, or one that the experimenter wants."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pdpsych.common.errors import InputError
from pdpsych.common.section import load
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.enrolled import Enrolled
from pdpsych.experiments.logs.labels import Labels, same_label
from pdpsych.experiments.logs.session_log import SessionLog
from pdpsych.experiments.roster.attendance import ANYWAY, Attendance, logs_of, open_roster
from pdpsych.experiments.roster.attendee import Attendee, Due, log_of, session_label
from pdpsych.experiments.roster.roster import FILE, Roster, roster_of


class Enrolment(NamedTuple):
    """A session that may be run.

    Attributes
    ----------
    experiment, labels
        What is run, and whose session it is.
    roster
        That of the study, None where there is none.
    enrolled
        What its log will say of the roster, None where there is nothing to say.
    """

    experiment: Experiment
    labels: Labels
    roster: Roster | None
    enrolled: Enrolled | None


def enrol(
    source: str | Path | Experiment,
    participant: str,
    *,
    session: str | None = None,
    run: str | None = None,
    unplanned: bool = False,
) -> Enrolment:
    """Return the session of a person that is to be run; nothing is written.

    Parameters
    ----------
    source
        An experiment, its file, or a study, of which what is due is run.
    participant, session, run
        Whose session; without ``session`` the one that is due by the roster, else 01.
    unplanned
        Whether it may be one that is not due, or of somebody without a place.

    Raises
    ------
    InputError
        If there is no such session, or it is not due.
    """
    roster, experiment = opened(source)
    if roster is None:
        assert experiment is not None
        return Enrolment(experiment, Labels(participant, session or "01", run), None, None)
    return _by_roster(roster, experiment, participant, session, run, unplanned)


def opened(source: str | Path | Experiment) -> tuple[Roster | None, Experiment | None]:
    """Return the roster of a study or experiment, if it has one, and the experiment, if it is one.

    Raises
    ------
    InputError
        If one of them cannot be read, or a study has no roster.
    """
    if not isinstance(source, Experiment) and (Path(source).is_dir() or Path(source).name == FILE):
        return open_roster(source), None
    experiment = load(source, Experiment)
    return roster_of(experiment), experiment


def next_of(planned: Enrolment) -> str:
    """Say what a person does next by the roster, empty where it does not say."""
    roster, who = planned.roster, planned.labels.participant
    person = None if roster is None else Attendance.of(roster, _logs(roster, who)).known(who)
    return "" if person is None else f"next of {who}: {person.due or 'nothing, all is done'}"


def _by_roster(
    roster: Roster,
    experiment: Experiment | None,
    participant: str,
    session: str | None,
    run: str | None,
    unplanned: bool,
) -> Enrolment:
    logs = _logs(roster, participant)
    if experiment is not None and session is not None:
        labels = Labels(participant, session, run)
        there = _begun(logs, experiment.stem, labels)
        if there is not None:
            return Enrolment(experiment, labels, roster, there.header.roster)
    found = Attendance.of(roster, logs)
    person = None
    try:
        person = found.known(participant) if unplanned else found.attendee(participant)
        due = _due(roster, person, experiment, session, run)
    except InputError as refused:
        if not unplanned or experiment is None:
            raise
        labels = Labels(participant, session or "01", run)
        there = _begun(logs, experiment.stem, labels)
        said = _despite(roster, person, experiment.stem, labels, str(refused))
        return Enrolment(experiment, labels, roster, there.header.roster if there else said)
    assert person is not None
    experiment = experiment or roster.experiment(due.experiment)
    if due.log is not None and len(due.log.trials):
        return Enrolment(experiment, due.log.header.labels, roster, due.log.header.roster)
    labels = Labels(participant, due.label)
    return Enrolment(experiment, labels, roster, person.assignment.enrolled(due.session))


def _logs(roster: Roster, participant: str) -> list[SessionLog]:
    """Return the logs that say who does what: those of one who is named, else of all."""
    whose = participant if participant in (roster.labels or ()) else "*"
    return [log for name in roster.names for log in logs_of(roster, name, whose)]


def _begun(logs: list[SessionLog], experiment: str, labels: Labels) -> SessionLog | None:
    """Return the log of a session in which something was answered."""
    found = log_of(logs, experiment, labels)
    return found if found is not None and len(found.trials) else None


def _due(
    roster: Roster,
    person: Attendee | None,
    experiment: Experiment | None,
    session: str | None,
    run: str | None,
) -> Due:
    """Return what is due of a person, where it is what is asked for."""
    if person is None:
        raise InputError("has no place in the roster", field="participant")
    due, who = person.due, person.participant
    if due is None:
        raise InputError(
            f"has finished all {len(person.items)} sessions of the roster",
            file=roster.label,
            field="participant",
            value=who,
            remedy=ANYWAY,
        )
    if experiment is not None and experiment.stem != due.experiment:
        problem, value, field = f"is not due of {who}", experiment.stem, "experiment"
    elif session is not None and not same_label(session, due.label):
        problem, value, field = f"is not due of {who}", session, "session"
    elif run is not None:
        problem, value, field = "the roster has sessions without runs", run, "run"
    elif due.is_early:
        raise InputError(
            f"too early: session {due.label} of {who} may begin on {due.earliest}",
            file=roster.label,
            field="apart_days",
            value=roster.apart_days,
            remedy=ANYWAY,
        )
    else:
        return due
    raise InputError(
        problem,
        file=roster.label,
        field=field,
        value=value,
        allowed=str(due),
        remedy=ANYWAY,
    )


def _despite(
    roster: Roster, person: Attendee | None, experiment: str, labels: Labels, despite: str
) -> Enrolled:
    """Return what is logged of a session that is not due; who has a place keeps it."""
    if person is None:
        return Enrolled(sha256=roster.sha256, despite=despite)
    numbers = (number for number, name in person.items if name == experiment)
    own = next((n for n in numbers if (session_label(n), None) == labels[1:]), None)
    return person.assignment.enrolled(own, despite)
