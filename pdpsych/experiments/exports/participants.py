"""The table of participants of an export: a row for each person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pdpsych.common.tables import Column
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.logs.session_log import SessionLog
from pdpsych.experiments.roster.answers import Answers, read_answers
from pdpsych.experiments.roster.questions import Question
from pdpsych.experiments.roster.roster import roster_of

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = {
    "participant": Column("label of the participant"),
    "observer": Column("a person, or what answered in place of one"),
    "group": Column("group of participants, each of which sees its share of the images"),
    "study_group": Column("group of participants by the roster of the study"),
    "sessions": Column("number of logs, one for each run of a session", "count"),
}


class Asked(NamedTuple):
    """The questions whose answers may leave the study, and all answers."""

    questions: tuple[Question, ...]
    answers: Answers

    @classmethod
    def of(cls, experiment: Experiment) -> Asked:
        """Return what the roster of an experiment's study lets out."""
        roster = roster_of(experiment)
        if roster is None or not any(question.export for question in roster.ask):
            return cls((), {})
        return cls(tuple(one for one in roster.ask if one.export), read_answers(roster))


def participants(
    logs: Sequence[SessionLog], asked: Asked
) -> tuple[pd.DataFrame, dict[str, Column]]:
    """Return a row for each person, and what the columns mean.

    A group of the roster is there where any log has one, and with it what people were asked.
    """
    import pandas as pd

    own: dict[str, list[SessionLog]] = {}
    for log in sorted(logs, key=lambda log: log.header.participant):
        own.setdefault(log.header.participant, []).append(log)
    rows = []
    for label, its in own.items():
        headers = [log.header for log in its]
        groups = [header.roster.group for header in headers if header.roster is not None]
        answers = asked.answers.get(label, {})
        rows.append(
            {
                "participant": label,
                "observer": _all(header.observer for header in headers),
                "group": _all(header.group for header in headers),
                "study_group": _all(group for group in groups if group is not None) or None,
                "sessions": len(its),
                **{question.name: answers.get(question.name) for question in asked.questions},
            }
        )
    table = pd.DataFrame(rows, dtype=object)
    if table["study_group"].isna().all():
        del table["study_group"]
    questions = {one.name: Column(one.text, one.unit, one.levels) for one in asked.questions}
    return table, {**_COLUMNS, **questions}


def _all(found: Iterable[object]) -> str:
    """Return all values, each once."""
    return "; ".join(map(str, dict.fromkeys(found)))
