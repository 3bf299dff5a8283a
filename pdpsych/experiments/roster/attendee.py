"""A person of a study's roster: what is done, and what is due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from pdpsych.common.errors import InputError
from pdpsych.experiments.logs.labels import Labels
from pdpsych.experiments.logs.session_log import SessionLog
from pdpsych.experiments.roster.assignment import Assignment


def log_of(logs: Iterable[SessionLog], experiment: str, labels: Labels) -> SessionLog | None:
    """Return the log of an experiment with these labels, None where there is none."""
    own = (
        log for log in logs if (log.header.experiment, log.header.labels) == (experiment, labels)
    )
    return next(own, None)


class Due(NamedTuple):
    """The next of what a person does.

    Attributes
    ----------
    session
        Number of the session.
    experiment
        Name of the experiment.
    log
        Of it as far as it is, None where it was not begun.
    earliest
        The day from which it may begin, None where it may at once.
    """

    session: int
    experiment: str
    log: SessionLog | None
    earliest: date | None

    @property
    def label(self) -> str:
        """Label of the session."""
        return session_label(self.session)

    def __str__(self) -> str:
        what = f"session {self.label} of {self.experiment}"
        if self.log is not None:
            return f"{what}, {len(self.log.trials)} of {self.log.header.planned} trials answered"
        return f"{what}, from {self.earliest}" if self.is_early else what

    @property
    def is_early(self) -> bool:
        """Whether it may not begin yet."""
        return self.earliest is not None and today() < self.earliest


@dataclass(frozen=True)
class Attendee:
    """A person of a roster.

    Attributes
    ----------
    participant
        The label.
    assignment
        What the roster says of the person's place.
    logs
        Of the person's sessions.
    """

    participant: str
    assignment: Assignment
    logs: tuple[SessionLog, ...]

    @cached_property
    def items(self) -> tuple[tuple[int, str], ...]:
        """What the person does: number of the session and experiment, in order."""
        days = enumerate(self.assignment.days, start=1)
        return tuple((number, name) for number, names in days for name in names)

    @cached_property
    def done(self) -> int:
        """How many of these are finished."""
        found = [self.log(*item) for item in self.items]
        return sum(log is not None and log.complete for log in found)

    @cached_property
    def due(self) -> Due | None:
        """The first that is not finished, None where all are."""
        for session, experiment in self.items:
            log = self.log(session, experiment)
            if log is None:
                return Due(session, experiment, None, self._earliest(session))
            if not log.complete:
                return Due(session, experiment, log, None)
        return None

    def log(self, session: int, experiment: str) -> SessionLog | None:
        """Return the log of a session, None where it was not begun."""
        return log_of(self.logs, experiment, Labels(self.participant, session_label(session)))

    def _earliest(self, session: int) -> date | None:
        """Return the first day on which a session may begin; a begun one goes on on any."""
        apart = self.assignment.roster.apart_days
        if not apart or any(self.log(*item) for item in self.items if item[0] == session):
            return None
        earlier = [self.log(*item) for item in self.items if item[0] == session - 1]
        last = [day_of(log) for log in earlier if log is not None]
        return max(last) + timedelta(days=apart) if last else None

    @property
    def contradictions(self) -> Iterator[InputError]:
        """Yield what logs say that the roster says otherwise."""
        now = self.assignment.enrolled(None)
        for log in self.logs:
            was = log.header.roster
            for field in ("place", "group", "order", "swapped", "cell"):
                if was is None or was.place is None:
                    break
                if getattr(was, field) != getattr(now, field):
                    yield InputError(
                        "the session began as the roster was then",
                        file=log.path,
                        line=1,
                        field=f"roster.{field}",
                        value=_plain(getattr(was, field)),
                        allowed=f"{_plain(getattr(now, field))}, by {self.assignment.roster.label}",
                        remedy="put back its seed, groups, sessions and balance, and the order of "
                        "its participants: new people come last",
                    )
                    break


def session_label(number: int) -> str:
    """Return the label of a session by its number: 01, 02 and so on."""
    return f"{number:02d}"


def today() -> date:
    """Return the day by the clock of this computer."""
    return date.today()


def day_of(log: SessionLog) -> date:
    """Return the day of the last that was written to a log, by the clock of this computer."""
    last = log.entries[-1].time if log.entries else log.header.started
    return datetime.fromisoformat(last).astimezone().date()


def _plain(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, tuple) else value
