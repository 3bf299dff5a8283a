"""The lines of a trial log beside its trials: what else happened in the session, and when."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from pdpsych.common.section import Section
from pdpsych.experiments.logs.gaze import GazeChecked, Looked

Reason = Literal["pause", "closed", "crash", "gaze", "lost"]
"""Why a trial was set aside: the pause key, the window closed, the program ended in it, gaze left
the fixation window, or the eye was lost."""
_BROKEN = ("gaze", "lost")


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

    ``trial`` is the number it would have had; ``presented`` counts its presentations so far;
    ``gaze`` is where gaze was, where that was watched.
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
    gaze: Looked | None = None


class RampRead(Section):
    """The gamma ramp of the graphics card, as the system says it is at a moment of a sitting.

    See :class:`pdpsych.displays.lab.ramp.Ramp`.
    """

    record: Literal["ramp"] = "ramp"
    moment: Literal["start", "end"]
    state: Literal["linear", "other", "unknown"]
    off: float | None
    entries_sha256: str | None
    time: str


class Checked(Section):
    """A spot check of the display before a sitting; ``wrong`` is there where it failed.

    See :class:`pdpsych.displays.measuring.spot_check.SpotChecked`.
    """

    record: Literal["spot-check"] = "spot-check"
    instrument: str
    limit: float
    largest: float | None
    luminances: dict[str, float]
    time: str
    wrong: tuple[str, ...] | None = None


class Consented(Section):
    """Somebody agreed to a text, known by the SHA-256 of its UTF-8."""

    record: Literal["consent"] = "consent"
    text_sha256: str
    time: str


class Stopped(Section):
    """The session was stopped by whom it belongs to, between trials or after one was set aside."""

    record: Literal["stopped"] = "stopped"
    answered: int
    why: str
    time: str


def sha256_of(text: str) -> str:
    """Return the SHA-256 of a text's UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


Note = Resumed | SetAside | RampRead | Checked | GazeChecked | Consented | Stopped


def broken_fixations(entries: Iterable[object]) -> int:
    """Count the trials, among lines of a log, set aside because fixation was broken."""
    asides = (entry for entry in entries if isinstance(entry, SetAside))
    return sum(aside.reason in _BROKEN for aside in asides)


KINDS: dict[str, type[Note]] = {
    "resumed": Resumed,
    "set-aside": SetAside,
    "ramp": RampRead,
    "spot-check": Checked,
    "gaze-check": GazeChecked,
    "consent": Consented,
    "stopped": Stopped,
}
"""The class of each kind of line."""
