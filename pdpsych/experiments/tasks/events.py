"""What tells other apparatus of a trial's events: ``events`` of an experiment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pdpsych.common.errors import InputError
from pdpsych.common.section import Part, Section

Corner = Literal["upper left", "upper right", "lower left", "lower right"]
ANSWER = "answer"


class Photodiode(Part):
    """A square in a corner of the screen for a photodiode: white while a named event lasts."""

    corner: Corner = "lower left"
    size_px: int = Field(64, ge=1, le=1000)


class Events(Section):
    """Events that are told to other apparatus.

    Attributes
    ----------
    codes
        The events, by name, and the code of each: phases of the trial such as ``first``,
        ``second`` or ``images``, ``question``, and ``answer``.
    photodiode
        A square in a ``corner`` of the screen, of ``size_px`` pixels: white while such a phase
        lasts, else black.
    trigger
        Sends the code: ``serial:PORT``, ``serial:PORT:BAUD``, or ``parallel:ADDRESS``.
    lsl
        Name of a stream of the Lab Streaming Layer that gets the event's name as a marker.
    """

    codes: dict[str, Annotated[int, Field(ge=1, le=255)]] = Field(min_length=1)
    photodiode: Photodiode | None = None
    trigger: str | None = Field(None, pattern=r"^(serial|parallel):.+$")
    lsl: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _somebody_is_told(self) -> Events:
        if self.photodiode is None and self.trigger is None and self.lsl is None:
            raise InputError(
                "nothing is told of them",
                field="codes",
                value=list(self.codes),
                remedy="add photodiode: {}, trigger: serial:PORT or lsl: NAME",
            )
        return self
