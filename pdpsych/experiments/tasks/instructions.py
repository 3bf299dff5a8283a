"""What a session says to the person, in any language: ``instructions`` of an experiment."""

from __future__ import annotations

from string import Formatter
from typing import Annotated, Any

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from pdpsych.common.errors import InputError
from pdpsych.common.section import Section, one_of
from pdpsych.displays.text.fonts import DEFAULT, LETTER_DEG
from pdpsych.experiments.tasks.languages.languages import LANGUAGES, default_texts
from pdpsych.experiments.tasks.task import Task

_KEYS = ("first", "second", "pause", "go_on")
_DONE = ("done", "total")
# What each text may name in braces: keys, and numbers of trials.
FIELDS: dict[str, tuple[str, ...]] = {
    "welcome": (*_KEYS, "total"),
    "question": ("first", "second"),
    "right": (),
    "wrong": (),
    "look": (),
    "practice_end": (*_KEYS, "correct", "practice", "percent"),
    "rest": (*_KEYS, *_DONE, "percent"),
    "pause": (*_KEYS, *_DONE),
    "stop": (*_KEYS, *_DONE),
    "end": ("go_on", "correct", "practice", "percent"),
}


class Instructions(Section):
    """The texts of a session, and how they are written; those left out are in ``language``.

    ``language`` is ``en``, ``de``, ``zh``, ``ar`` or ``he``. ``font`` is the family of an installed
    font or its file, by default DejaVu Sans, and ``letter_deg`` its size in degrees.

    In braces they name keys (``first``, ``second``, ``pause``, ``go_on``) and numbers of trials
    (``done``, ``total``, ``practice``, ``correct``, ``percent``), each text those of
    :data:`FIELDS`. ``welcome`` comes before the first trial, ``question`` asks in each, ``right``
    and ``wrong`` are feedback, ``look`` is said where fixation was broken, ``practice_end`` tells
    the result of the practice, ``rest`` is shown in breaks, ``pause`` when the pause key is
    pressed, ``stop`` asks whether to stop, and ``end`` comes after the last trial.
    """

    language: Annotated[str, one_of(LANGUAGES)] = "en"
    font: str = Field(DEFAULT, min_length=1)
    letter_deg: float = Field(LETTER_DEG, ge=0.05, le=20)
    welcome: str | None = None
    question: str | None = None
    right: str | None = None
    wrong: str | None = None
    look: str | None = None
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

    @model_serializer(mode="wrap")
    def _plain(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # So that sessions of a time before there were these go on.
        later = {"language": "en", "font": DEFAULT, "letter_deg": LETTER_DEG}
        return {k: v for k, v in plain(self).items() if k not in later or v != later[k]}

    @property
    def written(self) -> list[str]:
        """The texts themselves."""
        return [text for name in FIELDS if (text := getattr(self, name)) is not None]

    def complete(self, task: Task, reference: bool) -> Instructions:
        """Return all texts, for a task with or without a reference: own ones, else defaults.

        Raises
        ------
        InputError
            If the language has no words for the task, and there are no own ones.
        """
        own = self.model_dump(exclude_none=True)
        texts = default_texts(self.language, task, reference)
        if texts["welcome"] is None and "welcome" not in own:
            raise InputError(
                f"no words in it for the task {type(task).__name__}",
                field="instructions.language",
                value=self.language,
                remedy="write instructions.welcome",
            )
        return Instructions(**{**texts, **own})


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
