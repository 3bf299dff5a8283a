"""Who of a study's people did what, and who is due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pdpsych.common.errors import InputError
from pdpsych.common.results import Result
from pdpsych.common.section import load
from pdpsych.common.terminal import aligned
from pdpsych.experiments.logs.collected import begun
from pdpsych.experiments.logs.labels import Labels, log_path, same_label
from pdpsych.experiments.logs.session_log import SessionLog
from pdpsych.experiments.roster.assignment import Assignment
from pdpsych.experiments.roster.attendee import Attendee
from pdpsych.experiments.roster.roster import FILE, Roster

ANYWAY = "`unplanned` runs a session of an experiment all the same, and its log says so"


@dataclass(frozen=True, eq=False, repr=False)
class Attendance(Result):
    """Who of a study's people did what, and who is due; see :func:`attendance`.

    Attributes
    ----------
    roster
        The people and their sessions.
    people
        Those who are named, else those who have a place, in the order of places.
    beside
        Logs of its experiments by participants who have no place.

    Examples
    --------
    >>> from pathlib import Path
    >>> from pdpsych import experiments
    >>> _ = Path("study/sessions.yaml").write_text("{participants: [ann, '01'], sessions: [early]}")
    >>> found = experiments.attendance("study")
    >>> found
    <Attendance: 2 people, 1 of them with sessions to come>
    >>> print(found.attendee("ann").due)
    session 01 of early
    """

    roster: Roster
    people: tuple[Attendee, ...]
    beside: dict[str, tuple[SessionLog, ...]]

    @classmethod
    def of(cls, roster: Roster, logs: Sequence[SessionLog]) -> Attendance:
        """Return who did what by the logs of the roster's experiments."""
        own: dict[str, list[SessionLog]] = {}
        for log in logs:
            own.setdefault(log.header.participant, []).append(log)
        if roster.labels is not None:
            places = {label: place for place, label in enumerate(roster.labels, start=1)}
        else:
            found = {label: _place(its) for label, its in own.items()}
            places = {label: place for label, place in found.items() if place is not None}
        people = [
            Attendee(label, Assignment(roster, place), tuple(own.get(label, ())))
            for label, place in sorted(places.items(), key=lambda item: item[1])
        ]
        beside = {label: tuple(its) for label, its in own.items() if label not in places}
        return cls(roster, tuple(people), beside)

    def attendee(self, participant: str) -> Attendee:
        """Return a person; who is new gets the next free place, where there is one.

        Parameters
        ----------
        participant
            The label.

        Raises
        ------
        InputError
            If the person is not named in the roster or is there in another spelling, all places
            are taken, or logs say otherwise.
        """
        log_path(Path(), Labels(participant))
        if (person := self.known(participant)) is not None:
            for problem in person.contradictions:
                raise problem
            return person
        known = (*(person.participant for person in self.people), *self.beside)
        for label in known:
            if label != participant and same_label(label, participant):
                raise InputError(
                    f'is there as "{label}"',
                    file=self.roster.label,
                    field="participant",
                    value=participant,
                    remedy=f'write "{label}", or another label for another person',
                )
        if self.roster.labels is not None:
            raise InputError(
                "is not in the roster",
                file=self.roster.label,
                field="participants",
                value=participant,
                allowed=self.roster.labels,
                remedy=f"add new people at the end; or {ANYWAY}",
            )
        if self.free == 0:
            raise InputError(
                f"all {self.roster.most} places are taken",
                file=self.roster.label,
                field="participants",
                value=participant,
                remedy=f"raise the number; or {ANYWAY}",
            )
        taken = {person.assignment.place for person in self.people}
        place = next(n for n in range(1, len(taken) + 2) if n not in taken)
        logs = self.beside.get(participant, ())
        return Attendee(participant, Assignment(self.roster, place), logs)

    def known(self, participant: str) -> Attendee | None:
        """Return a person who is named or has a place, None where it is nobody of these.

        Parameters
        ----------
        participant
            The label.
        """
        return next((one for one in self.people if one.participant == participant), None)

    @property
    def free(self) -> int | None:
        """How many places nobody has, None where there is no end to them."""
        most = self.roster.most
        return None if most is None else max(most - len(self.people), 0)

    @property
    def problems(self) -> Iterator[InputError]:
        """Yield what logs say that the roster says otherwise, and places of several people."""
        for person in self.people:
            yield from person.contradictions
        for place, count in Counter(p.assignment.place for p in self.people).items():
            if count > 1:
                several = [p.participant for p in self.people if p.assignment.place == place]
                yield InputError(
                    f"{' and '.join(several)} have one place, {place}",
                    file=self.roster.label,
                    field="participants",
                    remedy="name all people in it, so that no machine gives out places",
                )

    def to_dict(self) -> dict[str, Any]:
        """Return a row for each person, the balance so far, and places that are free."""
        return {
            "people": [self._row(person) for person in self.people],
            "beside": list(self.beside),
            "free": self.free,
            "balance": self.balance,
        }

    @property
    def balance(self) -> list[dict[str, Any]]:
        """How many people began so far, by group and order, and how many with keys swapped."""
        keys = ("group", "order", "people", "swapped")
        began = [person.assignment for person in self.people if person.logs]
        count = Counter((one.group, one.order) for one in began)
        swapped = Counter((one.group, one.order) for one in began if one.swapped)
        return [
            dict(zip(keys, (group or None, list(order), n, swapped[group, order]), strict=True))
            for (group, order), n in sorted(count.items())
        ]

    def describe(self) -> str:
        """Say of each person what is done and what is next, and how the groups fill."""
        head = ("participant", "place", "group", "done", "next")
        rows = [self._row(person).values() for person in self.people]
        shown = [tuple("–" if value is None else str(value) for value in row) for row in rows]
        parts = [aligned(head, shown)] if shown else ["nobody took part"]
        if self.free:
            parts.append(f"free places: {self.free}")
        if self.beside:
            parts.append(f"beside the roster: {', '.join(self.beside)}")
        parts += [f"began, {_told(one)}" for one in self.balance]
        return "\n".join(parts)

    def _row(self, person: Attendee) -> dict[str, Any]:
        due, assignment = person.due, person.assignment
        return {
            "participant": person.participant,
            "place": assignment.place,
            "group": assignment.group or None,
            "done": f"{person.done} of {len(person.items)}",
            "next": None if due is None else str(due),
        }

    def _line(self) -> str:
        due = sum(person.due is not None for person in self.people)
        return f"{len(self.people)} people, {due} of them with sessions to come"


def attendance(study: str | Path) -> Attendance:
    """Return who of a study's people did what, and who is due; nothing is written.

    Parameters
    ----------
    study
        Folder of a study that has a roster, or that file, ``sessions.yaml``.

    Raises
    ------
    InputError
        If there is none, or it, an experiment that it names or a log cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from pdpsych import experiments
    >>> _ = Path("study/sessions.yaml").write_text("{participants: [ann, '01'], sessions: [early]}")
    >>> print(experiments.attendance("study").describe())
    participant  place  group  done    next
    ann          1      –      0 of 1  session 01 of early
    01           2      –      1 of 1  –
    began, all: 1, 0 with keys swapped where these are balanced
    """
    roster = open_roster(study)
    return Attendance.of(roster, [log for name in roster.names for log in logs_of(roster, name)])


def open_roster(study: str | Path) -> Roster:
    """Read the roster of a study.

    Raises
    ------
    InputError
        If there is none, or it cannot be read.
    """
    path = Path(study)
    return load(path / FILE if path.is_dir() else path, Roster)


def logs_of(roster: Roster, name: str, participant: str = "*") -> list[SessionLog]:
    """Return the logs of an experiment of a roster, of one participant or of all."""
    return begun(roster.experiment(name), participant).logs


def _place(logs: Sequence[SessionLog]) -> int | None:
    """Return the place that a person's logs say, None where none does."""
    places = (log.header.roster.place for log in logs if log.header.roster is not None)
    return next((place for place in places if place is not None), None)


def _told(balance: dict[str, Any]) -> str:
    """Say how many began of a group, in an order of experiments."""
    who = [balance["group"] or "", " then ".join(balance["order"])]
    told = f"{balance['people']}, {balance['swapped']} with keys swapped where these are balanced"
    return f"{', '.join(filter(None, who)) or 'all'}: {told}"
