"""A spot check of a display, black, white and grey, before a session."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
from pydantic import Field

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import write_text
from pdpsych.common.files.parsing import read_json
from pdpsych.common.files.reading import STUDY_FILE, MissingFile
from pdpsych.common.section import Part, Section, validate
from pdpsych.displays.display import Display
from pdpsych.displays.measurements import Reading
from pdpsych.displays.measuring.eye import look
from pdpsych.displays.measuring.measuring import opened
from pdpsych.displays.measuring.readings import PlannedReading, take_readings
from pdpsych.displays.measuring.verification import last_verification

EYE = "eye"
_SETTLE_S = 1.0
_HOUR, _DAY = 3600, 86_400


class SpotCheck(Part):
    """How a display is checked before a session.

    Attributes
    ----------
    instrument
        ``typed``, ``psychopy:CLASS`` or ``psychopy:CLASS:PORT``, as in
        :func:`pdpsych.displays.measure`; or ``eye``, by marks that have to be seen.
    limit
        Largest error of black, white and grey that was read, as a share of white − black.
    """

    instrument: str = EYE
    limit: float = Field(0.05, gt=0, lt=1)

    def check_against(self, display: Display) -> None:
        """Refuse an instrument where nothing says what it should read.

        Raises
        ------
        InputError
            If the display's grey was not measured.
        """
        if self.instrument != EYE and "grey" not in display.fits:
            raise InputError(
                "a spot check by an instrument needs a display whose grey was measured",
                file=display.label,
                field="curve",
                remedy=f"measure it, or check it by {EYE}",
            )


class SpotChecked(Section):
    """What a spot check found, ``NAME.spot.json`` beside the display's file.

    ``levels_sha256`` is the identity of what the display makes of images; ``largest`` is the
    largest error, as a share of white − black, None where it was looked at by eye; ``wrong`` names
    what was not as it should be, of black, white and grey.
    """

    levels_sha256: str
    time: str
    instrument: str
    limit: float
    largest: float | None
    wrong: tuple[str, ...]
    readings: tuple[Reading, ...]

    @property
    def passed(self) -> bool:
        """Whether all was as it should be."""
        return not self.wrong

    def refuse(self, display: Display) -> None:
        """Refuse a display of which something is not as it should be.

        Raises
        ------
        InputError
            If anything is.
        """
        if self.passed:
            return
        off = "" if self.largest is None else f", by up to {self.largest:.1%} of white − black"
        raise InputError(
            f"{', '.join(self.wrong)} not as measured{off} ({self.instrument})",
            file=display.label,
            field="curve",
            allowed="" if self.largest is None else f"errors up to {self.limit:.1%}",
            remedy="is it warm, its brightness what it was, and the room dark? Else measure it "
            "again: pdpsych display measure",
        )


def spot_check(display: Display, check: SpotCheck, windowed: bool) -> SpotChecked:
    """Check black, white and grey of a display, and write what was found beside its file.

    Raises
    ------
    InputError
        If the display or instrument cannot be used.
    MeasurementStopped
        If somebody stops.
    """
    found = _by_eye(display, check, windowed) if check.instrument == EYE else None
    found = found or _by_instrument(display, check, windowed)
    if display._file is not None:
        write_text(_record(display._file), found.model_dump_json() + "\n")
    return found


def last_checked(display: Display, at: datetime.datetime) -> str:
    """Say when a display was checked or measured the last time, before a moment.

    Spot checks and verifications count that it passed as it is now.
    """
    found = []
    spot, verified = _last_spot_check(display), last_verification(display)
    if spot is not None and spot.passed:
        found.append((_moment(spot.time), "checked", spot.instrument))
    if verified is not None and verified.passed:
        found.append((_moment(verified.time), "verified", verified.instrument))
    if found:
        moment, how, instrument = max(found)
        return f"Display {how} {_ago((at - moment).total_seconds())} ({instrument})"
    date = getattr(display.curve, "date", None)
    return f"Display measured on {date}, not checked since" if date else "Display never checked"


def _by_eye(display: Display, check: SpotCheck, windowed: bool) -> SpotChecked:
    return _checked(display, check, None, look(display, windowed), ())


def _by_instrument(display: Display, check: SpotCheck, windowed: bool) -> SpotChecked:
    check.check_against(display)
    fit = display.fits["grey"]
    names = {0: "black", display.top // 2: "grey", display.top: "white"}
    readings: list[Reading] = []
    planned = [PlannedReading("grey", level) for level in sorted(names, reverse=True)]
    with opened(display, check.instrument, None, _SETTLE_S, windowed) as (target, meter):
        take_readings(planned, target, meter, (), readings.append)
    level = np.array([reading.level for reading in readings])
    expected = fit.candela(level / display.top)
    luminance = np.array([reading.luminance for reading in readings])
    errors = np.abs(luminance - expected) / (fit.white - fit.black)
    wrong = [names[int(n)] for n, error in zip(level, errors, strict=True) if error > check.limit]
    return _checked(display, check, float(errors.max()), wrong, readings)


def _checked(
    display: Display,
    check: SpotCheck,
    largest: float | None,
    wrong: tuple[str, ...] | list[str],
    readings: tuple[Reading, ...] | list[Reading],
) -> SpotChecked:
    return SpotChecked(
        levels_sha256=display.levels_sha256,
        time=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        instrument=check.instrument,
        limit=check.limit,
        largest=None if largest is None else round(largest, 5),
        wrong=tuple(wrong),
        readings=tuple(readings),
    )


def _last_spot_check(display: Display) -> SpotChecked | None:
    """Return the last spot check of a display with its present curve, None if there is none."""
    if display._file is None:
        return None
    path = _record(display._file)
    try:
        found = validate(read_json(path, STUDY_FILE, "a spot check"), SpotChecked, path)
    except MissingFile:
        return None
    return found if found.levels_sha256 == display.levels_sha256 else None


def _moment(text: str) -> datetime.datetime:
    """Return a moment as it was written; one without a time zone is of this place."""
    try:
        return datetime.datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise InputError("is no date and time", field="time", value=text) from None


def _ago(seconds: float) -> str:
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (60, "minute")):
        if seconds >= unit:
            count = int(seconds // unit)
            return f"{count} {name}{'s' * (count > 1)} ago"
    return "just now"


def _record(path: Path) -> Path:
    return path.with_suffix(".spot.json")
