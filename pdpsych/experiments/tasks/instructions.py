"""What a session says to the person, in any language: ``instructions`` of an experiment."""

from __future__ import annotations

from string import Formatter

from pydantic import model_validator

from pdpsych.common.errors import InputError
from pdpsych.common.section import Section
from pdpsych.experiments.tasks.task import Task

_KEYS = ("first", "second", "pause", "go_on")
_DONE = ("done", "total")
# What each text may name in braces: keys, and numbers of trials.
FIELDS: dict[str, tuple[str, ...]] = {
    "welcome": (*_KEYS, "total"),
    "question": ("first", "second"),
    "right": (),
    "wrong": (),
    "practice_end": (*_KEYS, "correct", "practice", "percent"),
    "rest": (*_KEYS, *_DONE, "percent"),
    "pause": (*_KEYS, *_DONE),
    "stop": (*_KEYS, *_DONE),
    "end": ("go_on", "correct", "practice", "percent"),
}

_HOW = """\

{first}: the %s        {second}: the %s

Look at the mark in the middle.
Take your time to answer. If you are not sure, guess.
You can interrupt at any time with the key {pause}.

{go_on}: begin"""
_DEFAULTS = {
    "question": "{first} or {second}?",
    "right": "Right",
    "wrong": "Wrong",
    "practice_end": """\
That was the practice: {correct} of {practice} right ({percent} %).

From now on the changes are harder to see.

{go_on}: begin        {pause}: stop for now""",
    "rest": """\
{done} of {total} trials are done ({percent} %). Have a break.

{go_on}: go on        {pause}: stop for now""",
    "pause": """\
Interrupted after {done} of {total} trials; all of them are saved.

{go_on}: go on        {pause}: stop for now""",
    "stop": """\
Stop for now? You can go on another time.

{pause}: stop        {go_on}: go on""",
    "end": """\
That was the last trial. Thank you!

{go_on}: end""",
}


class Instructions(Section):
    """The texts of a session; those left out are in English.

    In braces they name keys (``first``, ``second``, ``pause``, ``go_on``) and numbers of trials
    (``done``, ``total``, ``practice``, ``correct``, ``percent``), each text those of
    :data:`FIELDS`. ``welcome`` comes before the first trial, ``question`` asks in each, ``right``
    and ``wrong`` are feedback, ``practice_end`` tells the result of the practice, ``rest`` is
    shown in breaks, ``pause`` when the pause key is pressed, ``stop`` asks whether to stop, and
    ``end`` comes after the last trial.
    """

    welcome: str | None = None
    question: str | None = None
    right: str | None = None
    wrong: str | None = None
    practice_end: str | None = None
    rest: str | None = None
    pause: str | None = None
    stop: str | None = None
    end: str | None = None

    @model_validator(mode="after")
    def _fields_are_known(self) -> Instructions:
        for name, allowed in FIELDS.items():
            for field in _named(name, getattr(self, name) or ""):
                if field not in allowed:
                    raise InputError(
                        f"{{{field}}} cannot be filled in",
                        field=name,
                        value=field,
                        allowed=allowed or "no braces",
                    )
        return self

    def complete(self, task: Task, reference: bool) -> Instructions:
        """Return all texts, for a task with or without a reference: own ones, else English."""
        own = self.model_dump(exclude_none=True)
        welcome = task.explain(reference) + _HOW % task.positions
        return Instructions(**{"welcome": welcome, **_DEFAULTS, **own})


def _named(name: str, text: str) -> list[str]:
    """Return what a text names in braces."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        remedy = "write {{ and }} for braces themselves"
        raise InputError(str(error), field=name, value=text, remedy=remedy) from None
    for _, field, spec, conversion in parts:
        if field is not None and (spec or conversion):
            raise InputError(
                f"{{{field}}} takes neither a format nor a conversion", field=name, value=text
            )
    return [field for _, field, _, _ in parts if field is not None]
