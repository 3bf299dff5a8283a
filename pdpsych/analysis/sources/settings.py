"""What sessions that are analysed together have in common: settings, and sizes in degrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pdpsych.common.errors import InputError, shown
from pdpsych.common.section import validate
from pdpsych.displays.display import Display
from pdpsych.experiments.logs.identity import differences, part_of
from pdpsych.experiments.logs.notes import Resumed
from pdpsych.experiments.logs.records import Trial
from pdpsych.experiments.logs.session_log import SessionLog

# Of what is shown, what changes nothing that is measured.
_MAY_DIFFER = ("config.seed", "config.practice_trials")
_SIZES = ("width_px", "width_cm", "distance_cm", "scale")
# A distance is not known better than to a hundredth; a threshold is that of one size of the image.
_SAME, _MOST = 0.01, 0.1


def check_settings(logs: Sequence[SessionLog]) -> None:
    """Refuse sessions of an experiment that showed other things; place and wording may differ.

    Raises
    ------
    InputError
        If settings of one are not those of the first.
    """
    for log in logs[1:]:
        found = differences(logs[0].header.config, log.header.config)
        for key, (there, here) in found.items():
            if part_of(key) == "shown" and key not in _MAY_DIFFER:
                raise InputError(
                    "sessions are analysed together if they have the same settings",
                    file=log.path,
                    field=key,
                    value=here,
                    allowed=f"{shown(there)} as in {logs[0].path.name}",
                )


def check_angles(logs: Sequence[SessionLog], analysis: str) -> list[str]:
    """Return what is to be said of the sizes, in degrees, at which images were seen.

    Parameters
    ----------
    logs
        Sessions of all participants.
    analysis
        The analysis, for messages.

    Raises
    ------
    InputError
        If one person saw images at sizes that differ by more than 10 %: of these there is no one
        threshold.
    """
    people: dict[str, dict[float, None]] = {}
    for log in logs:
        seen = people.setdefault(log.header.participant, {})
        for angle, distance in _seen(log):
            seen[angle] = None
            if max(seen) / min(seen) > 1 + _MOST:
                raise InputError(
                    f"participant {log.header.participant} saw images at {_told(seen)} pixels of "
                    "the image per degree: that is not one threshold",
                    file=log.path,
                    field="config.display.distance_cm",
                    value=distance,
                    allowed=f"a change of at most {_MOST:.0%} in a participant's sessions",
                    remedy=f"exclude the participant in {analysis}, or analyse experiments apart",
                )
    differ = {who: seen for who, seen in people.items() if seen and _unlike(seen)}
    notes = [
        f"participant {who} saw images at {_told(seen)} pixels of the image per degree in turn"
        for who, seen in differ.items()
    ]
    every = {angle: None for seen in people.values() for angle in seen}
    if not differ and every and _unlike(every):
        each = (f"{who} {_told(seen)}" for who, seen in people.items() if seen)
        notes.append(f"participants saw images at other pixels per degree: {', '.join(each)}")
    return notes


def _seen(log: SessionLog) -> list[tuple[float, float]]:
    """Return pixels of the image per degree, and the distance in cm, of each of its places.

    Of those in which a trial was answered, where they are known.
    """
    display, found = _plain(log.header.config.get("display")), {}
    for entry in log.entries:
        if isinstance(entry, Resumed):
            changed = {key.rpartition(".")[2]: now for key, (_, now) in entry.where.items()}
            display |= {name: changed[name] for name in _SIZES if name in changed}
        elif isinstance(entry, Trial) and (angle := _angle(display, log)) is not None:
            found[angle] = display["distance_cm"]
    return list(found.items())


def _plain(display: Any) -> dict[str, Any]:
    return dict(display) if isinstance(display, dict) else {}


def _angle(display: Mapping[str, Any], log: SessionLog) -> float | None:
    sizes = {name: display[name] for name in _SIZES if display.get(name) is not None}
    return validate(sizes, Display, log.path).image_pixels_per_degree


def _unlike(seen: Mapping[float, None]) -> bool:
    return max(seen) / min(seen) > 1 + _SAME


def _told(seen: Mapping[float, None]) -> str:
    return " and ".join(dict.fromkeys(f"{angle:.3g}" for angle in seen))
