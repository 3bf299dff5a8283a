"""What a session is, in three parts: what was shown, where, and in which words.

What was shown has to stay as it was for a session to go on. The place and the wording may change,
and the log says when and how.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pdpsych.common.errors import InputError
from pdpsych.displays.measurements import CHANNELS
from pdpsych.experiments.logs.notes import Resumed
from pdpsych.experiments.logs.records import Header

# What has to be the same when a session goes on, in the order it is best reported.
_IDENTITY = (
    "schema_version",
    "experiment",
    "participant",
    "session",
    "run",
    "observer",
    "stimulus_set_sha256",
    "calibration",
    "predictions",
    "after",
    "config",
    "design",
)
_CURVE = "config.display.curve"
_WHERE = {
    *(f"config.display.{name}" for name in ("screen", "refresh_hz", "distance_cm")),
    *(f"config.display.{name}" for name in ("width_cm", "height_cm")),
    f"{_CURVE}.instrument",
    f"{_CURVE}.date",
    f"{_CURVE}.ramp",
}
_WORDING = tuple(
    f"config.{name}" for name in ("instructions", "keys", "buttons", "consent", "break_every")
)
# The set is known by its SHA-256: a folder may move.
_ELSEWHERE = "config.stimulus_set"
# Of what showed a session: measured anew each time.
_MEASURED = ("measured_hz",)


class Changes(NamedTuple):
    """What is not as it was when a session began or went on the last time: before, and now."""

    where: dict[str, tuple[Any, Any]]
    wording: dict[str, tuple[Any, Any]]


def part_of(key: str) -> Literal["shown", "where", "wording"] | None:
    """Return the part of a session that a value belongs to, by its key in the first line.

    None where it is only worked out from others: a curve's fit is that of its measurements.
    """
    if key == _ELSEWHERE or key.startswith(tuple(f"{_CURVE}.{name}." for name in CHANNELS)):
        return None
    if key in _WHERE or key.startswith(
        ("system.", "config.events", "config.gaze", "config.spot_check")
    ):
        return "where"
    if key.startswith(tuple(f"{name}." for name in _WORDING)) or key in _WORDING:
        return "wording"
    return "shown"


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what differs between the configurations of two sessions, by key: before, and now."""
    return _differences(_flat({"config": dict(was)}), _flat({"config": dict(now)}))


def changes(there: Header, resumed: Iterable[Resumed], wanted: Header, path: Path) -> Changes:
    """Return what changes when a session goes on that began with ``there``.

    Parameters
    ----------
    there, resumed
        The first line of its log, and how often it went on since.
    wanted
        The first line that it would begin with now.
    path
        The log, for messages.

    Raises
    ------
    InputError
        If what was shown is another.
    """
    was, now = _all_of(there), _all_of(wanted)
    for earlier in resumed:
        for key, (_, value) in {**earlier.where, **earlier.wording}.items():
            if not key.startswith("system."):
                was[key] = value
    found = _differences(was, now)
    for key, (before, after) in found.items():
        if part_of(key) == "shown":
            raise InputError(
                f"the log has {json.dumps(before)}; a session goes on only as it began",
                file=path,
                field=key,
                value=after,
                remedy="use another session label, or move this log away",
            )
    parts = {
        part: {key: pair for key, pair in found.items() if part_of(key) == part}
        for part in ("where", "wording")
    }
    return Changes(**parts)


def moved(was: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[Any, Any]]:
    """Return what is another of what shows a session; nothing where either is not known."""
    if not was or not now:
        return {}
    found = _differences(_flat({"system": dict(was)}), _flat({"system": dict(now)}))
    return {k: pair for k, pair in found.items() if k.partition(".")[2] not in _MEASURED}


def _all_of(header: Header) -> dict[str, Any]:
    return _flat({name: getattr(header, name) for name in _IDENTITY})


def _differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    keys = [key for key in dict.fromkeys([*was, *now]) if part_of(key) is not None]
    pairs = {key: (was.get(key), now.get(key)) for key in keys}
    return {key: (before, after) for key, (before, after) in pairs.items() if before != after}


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """Return a mapping's values by their path in it."""
    if not isinstance(value, dict) or not value:
        return {key: value} if key else {}
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found |= _flat(inner, f"{key}.{name}" if key else name)
    return found
