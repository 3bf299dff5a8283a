"""What people answered to the questions of a roster: ``experiments/data/participants.yaml``."""

from __future__ import annotations

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import write_text
from pdpsych.common.files.locks import locked
from pdpsych.common.files.parsing import parse_yaml, to_yaml
from pdpsych.common.files.reading import STUDY_FILE, read_text
from pdpsych.experiments.roster.questions import Answer, Question
from pdpsych.experiments.roster.roster import Roster

Answers = dict[str, dict[str, Answer]]


def read_answers(roster: Roster) -> Answers:
    """Return what each person answered, by label and name of the question; empty without any.

    Answers to questions that are no longer in the roster are kept as they are.

    Raises
    ------
    InputError
        If the file cannot be read, or an answer is none to its question.
    """
    path = roster.answers
    if not path.exists():
        return {}
    data = parse_yaml(read_text(path, STUDY_FILE), path) or {}
    asked = {question.name: question for question in roster.ask}
    found: Answers = {}
    for key, answers in data.items() if isinstance(data, dict) else [("", None)]:
        label = str(key)
        if not isinstance(answers, dict):
            raise InputError(
                "expected answers by name of the question",
                file=path,
                field=label,
                allowed="LABEL: {NAME: ANSWER}",
            )
        found[label] = {}
        for name, answer in answers.items():
            try:
                found[label][name] = asked[name].checked(answer) if name in asked else answer
            except InputError as error:
                raise error.within(file=path, field=label) from None
    return found


def unanswered(roster: Roster, participant: str) -> tuple[Question, ...]:
    """Return the questions that a person was not asked yet."""
    known = read_answers(roster).get(participant, {}) if roster.ask else {}
    return tuple(question for question in roster.ask if question.name not in known)


def keep_answers(roster: Roster, participant: str, answers: dict[str, Answer]) -> None:
    """Add what a person answered to the file.

    Raises
    ------
    InputError
        If it cannot be read or written.
    """
    with locked(roster.answers, doing="answers are kept"):
        known = read_answers(roster)
        known[participant] = known.get(participant, {}) | answers
        write_text(roster.answers, to_yaml(known))
