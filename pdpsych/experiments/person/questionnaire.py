"""PsychoPy's dialog asks a person the questions of the study's roster, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pdpsych.common.errors import InputError
from pdpsych.displays.lab.dialogs import dialogs
from pdpsych.experiments.logs.notes import Consented
from pdpsych.experiments.logs.trial_log import TrialLog
from pdpsych.experiments.observers.observer import SessionStopped
from pdpsych.experiments.person.dialog import wrapped
from pdpsych.experiments.roster.answers import keep_answers, unanswered
from pdpsych.experiments.roster.enrolling import Enrolment
from pdpsych.experiments.roster.questions import Answer, Question

_NONE = "–"


@contextmanager
def questioned(planned: Enrolment, log: TrialLog) -> Iterator[None]:
    """Ask what a person was not asked yet, and keep the answers when the sitting ends.

    They are kept where the person agreed to the consent, or answered a trial: who leaves before
    that leaves nothing. Who has no place in the roster is not asked.

    Raises
    ------
    SessionStopped
        If the dialog is cancelled.
    """
    roster, enrolled, who = planned.roster, planned.enrolled, planned.labels.participant
    if roster is None or enrolled is None or enrolled.place is None:
        yield
        return
    questions = unanswered(roster, who)
    answers = _ask(who, questions) if questions else {}
    try:
        yield
    finally:
        if answers and (log.trials or any(isinstance(x, Consented) for x in log.entries)):
            keep_answers(roster, who, answers)


def _ask(who: str, questions: Sequence[Question]) -> dict[str, Answer]:
    """Ask until every question has an answer that it can have."""
    # It says so where PsychoPy or a screen is missing; Qt would end the program.
    from pdpsych.displays.lab import psychopy  # noqa: F401

    texts, problem = dict.fromkeys((question.name for question in questions), ""), ""
    while True:
        texts = _once(who, questions, texts, problem)
        try:
            return {question.name: question.read(texts[question.name]) for question in questions}
        except InputError as error:
            problem = str(error)


def _once(
    who: str, questions: Sequence[Question], texts: dict[str, str], problem: str
) -> dict[str, str]:
    dialog = dialogs().Dlg(title=who)
    if problem:
        dialog.addText(wrapped(problem))
    for question in questions:
        unit = f" ({question.unit})" if question.unit else ""
        label = f"{question.text}{unit}{'' if question.optional else ' *'}"
        choices = [_NONE, *question.levels.values()]
        if question.kind == "choice":
            meant = question.levels.get(texts[question.name], _NONE)
            dialog.addField(question.name, meant, label=label, choices=choices)
        else:
            dialog.addField(question.name, texts[question.name], label=label)
    answers = dialog.show()
    if not dialog.OK:
        raise SessionStopped("cancelled before the session began")
    return {question.name: _text(question, str(answers[question.name])) for question in questions}


def _text(question: Question, shown: str) -> str:
    """Return an answer as it is written, by what the dialog shows of it."""
    written = {meaning: name for name, meaning in question.levels.items()}
    return "" if shown == _NONE else written.get(shown, shown)
