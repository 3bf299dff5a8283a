"""The lines of a trial log: one for the session, and one for each answered trial."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from pdpsych.common.documents import Schema
from pdpsych.common.section import Part, Section
from pdpsych.experiments.logs.enrolled import Enrolled
from pdpsych.experiments.logs.gaze import Looked
from pdpsych.experiments.logs.labels import Labels
from pdpsych.experiments.logs.notes import Note, Reason
from pdpsych.experiments.logs.timing import PhaseName, TrialTiming


def _with_position(record: dict[str, Any]) -> dict[str, Any]:
    """Return a trial of version 1, which has the interval and onsets only, as of version 2."""
    kept = {name: value for name, value in record.items() if name not in ("interval", "timing")}
    return kept | ({"position": record["interval"]} if "interval" in record else {})


def _same(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record to which the version after its own adds what may be missing."""
    return record


# The header keeps the version it was recorded with: logs of version 1 have no chain. Version 3 adds
# what sessions that choose have, version 4 how often trials were presented and lines beside them.
SCHEMA = Schema("log", 4, "restore it from a copy", {1: _with_position, 2: _same, 3: _same})
# Written only where there is something to say.
_OPTIONAL = (
    "predictions",
    "after",
    "roster",
    "belief",
    "ended",
    "again",
    "key",
    "events",
    "gaze",
    "wrong",
)


class Header(Section):
    """First line of a log: what is run, on which set, by whom, with which design.

    ``calibration`` is the SHA-256 of the set's calibration for the display, None where there was
    none; ``windowed`` says that the window did not fill the screen; ``system`` is what showed the
    session; ``predictions`` is the SHA-256 of what models predict, where trials are chosen by it,
    and ``after`` that of each log of an earlier participant that the session began with;
    ``roster`` is there where the study says who does what (:class:`Enrolled`).
    """

    record: Literal["session"] = "session"
    schema_version: int = SCHEMA.version
    experiment: str
    config: dict[str, Any]
    stimulus_set: str
    stimulus_set_sha256: str
    calibration: str | None = None
    predictions: str | None = None
    after: dict[str, str] | None = None
    design: str
    planned: int
    participant: str
    session: str
    run: str | None = None
    group: int = 1
    roster: Enrolled | None = None
    observer: str
    windowed: bool = False
    system: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str]
    started: str

    @property
    def labels(self) -> Labels:
        """Whose session it is."""
        return Labels(self.participant, self.session, self.run)


class Belief(Part):
    """What a trial was chosen for, and what was believed then.

    ``aim`` is ``models`` where its answer told most of the nearest model, ``threshold`` where a
    threshold was to be known better, else ``easy``; ``information`` is what the answer was expected
    to tell of the nearest model, in nats; ``nearest`` is the probability of each model that it is
    the nearest. What they lack to 1 is that none is.
    """

    aim: Literal["models", "threshold", "easy"]
    information: float
    nearest: dict[str, float]


class Trial(Section):
    """A line of a log: what was shown and what was answered.

    ``position`` and ``response`` are 1 for the first interval or the left, 2 for the second or the
    right. Amplitudes and ``residual_rms`` are in model units (see
    :class:`pdpsych.stimuli.Shown`), ``response_time`` is in seconds, ``dither_seed`` seeds the
    generator of the frames' dither. ``timing`` is None where nobody timed the trial. ``belief`` is
    there where trials are chosen by models; ``ended`` says why the session ended with this trial,
    before its design did. ``presented`` is how often it was begun to be shown, None in logs before
    version 4, and ``again`` why it was set aside each time before; ``key`` is what was pressed,
    ``events`` when other apparatus was told of the trial's events, in s from its first flip, and
    ``gaze`` where gaze was, where that was watched.
    """

    record: Literal["trial"] = "trial"
    trial: int
    image: str
    pair: str
    distortion: Literal[1, 2]
    sign: Literal[1, -1]
    position: Literal[1, 2]
    easy: bool
    practice: bool
    amplitude: float
    realised: float
    residual_rms: float
    clipped: float
    response: Literal[1, 2]
    correct: bool
    response_time: float | None
    dither_seed: int
    timing: TrialTiming | None = None
    time: str
    belief: Belief | None = None
    ended: Literal["side", "most"] | None = None
    presented: int | None = Field(None, ge=1)
    again: tuple[Reason, ...] | None = None
    key: str | None = None
    events: dict[PhaseName, float] | None = None
    gaze: Looked | None = None


def as_written(record: Header | Trial | Note) -> dict[str, Any]:
    """Return a line's plain data, without what only some sessions have where there is none."""
    data = record.model_dump(mode="json")
    return {key: data[key] for key in data if key not in _OPTIONAL or data[key] is not None}
