"""What each person is asked once: ``ask`` of a study's roster."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, model_validator

from pdpsych.common.errors import InputError
from pdpsych.common.section import Part
from pdpsych.experiments.logs.columns import TRIAL_COLUMNS

Answer = str | float | None
# Columns that exports have already.
_TAKEN = {
    *("participant_id", "observer", "group", "study_group", "sessions"),
    *TRIAL_COLUMNS,
}
_LONGEST = 1000
_MOST = 1e15


class Question(Part):
    """A question to each person, and the column of its answers.

    Attributes
    ----------
    name
        Of the column: letters, digits and _, a letter first.
    text
        What is asked; it describes the column, too.
    kind
        What an answer is: a number, one of ``levels``, or any text.
    unit
        Of a number, such as ``year``.
    levels
        The answers there are to choose from, each with what it means.
    optional
        Whether it may be left without an answer.
    export
        Whether the column is in exports; without it, no answer leaves the study.
    """

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=50)
    text: str = Field(min_length=1, max_length=_LONGEST)
    kind: Literal["number", "choice", "text"]
    unit: str = ""
    levels: dict[str, str] = Field(default_factory=dict)
    optional: bool = False
    export: bool = False

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Question:
        if self.name in _TAKEN:
            raise InputError("is another column of exports", field="name", value=self.name)
        if self.unit and self.kind != "number":
            raise InputError(
                "only numbers have one", field="unit", value=self.unit, remedy="leave it out"
            )
        if (self.kind == "choice") != bool(self.levels):
            raise InputError(
                "a choice has levels, and nothing else has",
                field="levels",
                value=list(self.levels),
                allowed="levels: {f: female, m: male} and kind: choice",
            )
        if len(set(self.levels.values())) < len(self.levels):
            raise InputError("each meaning once", field="levels", value=list(self.levels.values()))
        return self

    def read(self, text: str) -> Answer:
        """Return the answer that a text means, None where there is none.

        Raises
        ------
        InputError
            If it is none to this question.

        Examples
        --------
        >>> Question(name="age", text="How old are you?", kind="number", unit="year").read(" 31 ")
        31
        """
        text = text.strip()
        if not text:
            return self.checked(None)
        if self.kind != "number":
            return self.checked(text)
        try:
            return self.checked(float(text))
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise self._refusal("is no number", text, "a number, as in 31 or 0.5") from None

    def checked(self, answer: Any) -> Answer:
        """Return an answer as it is kept.

        Raises
        ------
        InputError
            If it is none to this question.
        """
        if answer is None:
            if not self.optional:
                raise self._refusal("is not answered", None, "an answer")
            return None
        if self.kind == "number":
            plain = isinstance(answer, int | float) and not isinstance(answer, bool)
            # Larger ones are written otherwise than they are read.
            if not plain or not abs(answer) < _MOST:
                raise self._refusal("is no number", answer, "a number, as in 31 or 0.5")
            return int(answer) if answer == int(answer) else answer
        if not isinstance(answer, str):
            raise self._refusal("is no text", answer, "text")
        if self.kind == "choice" and answer not in self.levels:
            raise self._refusal("is none of the answers", answer, list(self.levels))
        if len(answer) > _LONGEST or re.search("[\x00-\x1f\x7f]", answer):
            raise self._refusal("is no text of one line", answer, f"{_LONGEST} characters at most")
        return str(answer)

    def _refusal(self, problem: str, value: object, allowed: str | list[str]) -> InputError:
        return InputError(problem, field=self.name, value=value, allowed=allowed)
