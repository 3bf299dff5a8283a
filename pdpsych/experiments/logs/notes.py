"""The lines of a trial log beside its trials: what else happened in the session, and when."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from pdpsych.common.section import Section

Reason = Literal["pause", "closed", "crash"]
"""Why a trial was set aside: the pause key, the window closed, or the program ended in it."""


class Resumed(Section):
    """The session goes on: what is not as it was before, each with what it was and what it is.

    ``where`` is of the place (screen, distance, refresh rate, computer), ``wording`` of texts,
    keys and breaks. ``system`` and ``versions`` are those from now on; ``answered`` is the number
    of trials before.
    """

    record: Literal["resumed"] = "resumed"
    answered: int
    where: dict[str, tuple[Any, Any]] = Field(default_factory=dict)
    wording: dict[str, tuple[Any, Any]] = Field(default_factory=dict)
    system: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str]
    time: str


class SetAside(Section):
    """A trial that was interrupted after its first image was shown, and comes again later.

    ``trial`` is the number it would have had; ``presented`` counts its presentations so far.
    """

    record: Literal["set-aside"] = "set-aside"
    trial: int
    image: str
    pair: str
    distortion: Literal[1, 2]
    sign: Literal[1, -1]
    position: Literal[1, 2]
    amplitude: float
    dither_seed: int
    presented: int
    reason: Reason
    phase: str
    time: str


class Stopped(Section):
    """The session was stopped by whom it belongs to, between trials or after one was set aside."""

    record: Literal["stopped"] = "stopped"
    answered: int
    why: str
    time: str


Note = Resumed | SetAside | Stopped
KINDS: dict[str, type[Note]] = {
    "resumed": Resumed,
    "set-aside": SetAside,
    "stopped": Stopped,
}
"""The class of each kind of line."""
