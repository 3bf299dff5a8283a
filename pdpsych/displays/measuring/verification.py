"""Whether a measured display still has the curve that was measured."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import write_text
from pdpsych.common.files.digests import seed_of
from pdpsych.common.files.parsing import read_json
from pdpsych.common.files.reading import STUDY_FILE, MissingFile
from pdpsych.common.results import Result
from pdpsych.common.section import Section, validate
from pdpsych.displays.display import Display
from pdpsych.displays.display_file import read_measured
from pdpsych.displays.measured_curve import MeasuredCurve
from pdpsych.displays.measurements import Channel, Measurements, Reading
from pdpsych.displays.measuring.measuring import opened
from pdpsych.displays.measuring.readings import plan_readings, take_readings

_LEVELS = 5


class Verification(Result, Section):
    """A comparison of a display with its measured curve, ``NAME.verified.json``.

    Attributes
    ----------
    measurements, model
        SHA-256 of the readings, and the model fitted to them, that it was compared with.
    time, instrument
        When it was read, and with what.
    largest
        Largest departure of a luminance, as a share of its channel's white − black.
    largest_slope
        Largest relative departure of the slope between neighbouring levels, less two of its
        standard errors.
    limit
        The most that ``largest`` may be; ``largest_slope`` may be twice as much.
    readings
        What was read.

    Examples
    --------
    >>> from pdpsych.displays import Verification
    >>> Verification(
    ...     measurements="0" * 64,
    ...     model="power-1",
    ...     time="2000-01-01T09:00:00+00:00",
    ...     instrument="simulated",
    ...     limit=0.01,
    ...     largest=0.004,
    ...     largest_slope=0.03,
    ...     readings=(),
    ... ).passed
    False
    """

    measurements: str
    model: str
    time: str
    instrument: str
    limit: float
    largest: float
    largest_slope: float
    readings: tuple[Reading, ...]

    @property
    def passed(self) -> bool:
        """Whether the display is within the limits."""
        return self.largest <= self.limit and self.largest_slope <= 2 * self.limit

    def describe(self, display: Display | None = None) -> str:
        """Say how far the display was from its curve, and when.

        Parameters
        ----------
        display
            With it, a table of what was read and expected comes first, with a mark where a limit
            is exceeded.
        """
        told = (
            f"{self._line()}: largest error {100 * self.largest:.2f} % of white − black (limit "
            f"{100 * self.limit:g} %), of slope beyond noise {100 * self.largest_slope:.2f} % "
            f"(limit {200 * self.limit:g} %)"
        )
        if display is None:
            return told
        return "\n".join([*self._rows(display), f"{display.stem}: {told}"])

    def _line(self) -> str:
        found = "has its curve" if self.passed else "has drifted"
        return f"{found} ({self.time[:10]}, {self.instrument})"

    def _rows(self, display: Display) -> list[str]:
        lines = [
            "channel  level  expected  read [cd/m²]  error [% of range]  slope [%]  (its noise)"
        ]
        for row in compare_readings(display, self.readings):
            out = abs(row.error) > self.limit or row.slope_excess > 2 * self.limit
            line = (
                f"{row.channel:<8} {row.level:>5}  {row.expected:>8.4g}  {row.luminance:>12.4g}  "
                f"{100 * row.error:>+18.2f}"
            )
            if row.level:
                line += f"  {100 * row.slope_error:>+9.2f}  ({100 * row.slope_sd:.2f})"
            lines.append(line + "  !" * out)
        return lines


class LevelComparison(NamedTuple):
    """A level as the curve has it and as it was read, in cd/m².

    ``error`` is a share of the channel's white − black. ``slope_error`` is the relative error of
    the slope from the level below and ``slope_sd`` its standard error, both 0 for the lowest.
    """

    channel: Channel
    level: int
    expected: float
    luminance: float
    error: float
    slope_error: float
    slope_sd: float

    @property
    def slope_excess(self) -> float:
        """What two standard errors do not explain of the slope's error."""
        return max(abs(self.slope_error) - 2 * self.slope_sd, 0.0)


def verify(
    path: str | Path,
    *,
    instrument: str = "typed",
    limit: float = 0.05,
    patch: int | None = None,
    settle: float = 1.0,
    windowed: bool = False,
) -> Verification:
    """Read a display at five levels of each measured channel and compare it with its curve.

    The levels are black, white and three between those that the curve was fitted to. The result
    is written beside the display's file, whatever it is.

    Parameters
    ----------
    path
        The display's file.
    limit
        Largest error allowed, as a share of white − black.
    instrument, patch, settle, windowed
        As in :func:`pdpsych.displays.measure`.

    Returns
    -------
    Verification
        What was read; ``passed`` says whether the display has its curve.

    Raises
    ------
    InputError
        If the display was not measured, or the display or instrument cannot be used.
    MeasurementStopped
        If somebody stops; a verification starts anew then.

    Examples
    --------
    In front of the display:

    >>> from pdpsych import displays
    >>> found = displays.verify("displays/lab.yaml", limit=0.03)  # doctest: +SKIP
    >>> found.passed  # doctest: +SKIP
    """
    path = Path(path)
    display, measurements = read_measured(path)
    if not 0 < limit < 1:
        raise InputError(
            "no share", field="limit", value=limit, allowed="between 0 and 1, such as 0.05"
        )
    readings: list[Reading] = []
    seed = seed_of("verify", display.stem)
    planned = plan_readings(_levels(display), measurements.channels, 1, display.top, seed)
    with opened(display, instrument, patch, settle, windowed) as (target, meter):
        take_readings(planned, target, meter, (), readings.append)
    found = _verification(display, tuple(readings), instrument, limit)
    write_text(_record(path), found.model_dump_json() + "\n")
    return found


def last_verification(display: Display) -> Verification | None:
    """Return the last verification of a display with its present curve, None if there is none.

    Parameters
    ----------
    display
        A display that was read from its file.

    Raises
    ------
    InputError
        If the verification's file cannot be read.

    Examples
    --------
    >>> from pdpsych.displays import Display, last_verification
    >>> print(last_verification(Display(curve="srgb")))
    None
    """
    if display.measurements is None or not isinstance(display.curve, MeasuredCurve):
        return None
    path = _record(Path(display.label))
    try:
        data = read_json(path, STUDY_FILE, "a verification")
    except MissingFile:
        return None
    found = validate(data, Verification, path)
    present = display.measurements.sha256, display.curve.model
    return found if (found.measurements, found.model) == present else None


def compare_readings(display: Display, readings: tuple[Reading, ...]) -> list[LevelComparison]:
    """Compare readings with a display's curve, channel by channel, lowest level first."""
    assert display.measurements is not None
    measured = Measurements(readings, display.top, display.label)
    rows = []
    for channel in measured.channels:
        fit = display.fits[channel]
        level, luminance, _ = measured.means(channel)
        expected = fit.candela(level)
        errors = (luminance - expected) / (fit.white - fit.black)
        sd = display.measurements.noise.sd(luminance)
        slopes = np.diff(luminance) / np.diff(expected) - 1
        slope_sd = np.hypot(sd[1:], sd[:-1]) / np.diff(expected)
        levels = np.round(level * display.top).astype(int)
        columns = levels, expected, luminance, errors, np.r_[0, slopes], np.r_[0, slope_sd]
        values = (column.tolist() for column in columns)
        rows += [LevelComparison(channel, *row) for row in zip(*values, strict=True)]
    return rows


def _verification(
    display: Display, readings: tuple[Reading, ...], instrument: str, limit: float
) -> Verification:
    assert display.measurements is not None
    assert isinstance(display.curve, MeasuredCurve)
    rows = compare_readings(display, readings)
    return Verification(
        measurements=display.measurements.sha256,
        model=display.curve.model,
        time=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        instrument=instrument,
        limit=limit,
        largest=max(abs(row.error) for row in rows),
        largest_slope=max(row.slope_excess for row in rows),
        readings=readings,
    )


def _levels(display: Display) -> list[int]:
    """Return black, white and levels between, each in the middle of two that were fitted."""
    assert display.measurements is not None
    fitted = np.unique([reading.level for reading in display.measurements.readings])
    middles = (fitted[:-1] + fitted[1:]) // 2
    targets = np.linspace(0, display.top, _LEVELS)[1:-1]
    inner = {int(middles[np.argmin(np.abs(middles - target))]) for target in targets}
    return sorted({0, display.top} | inner)


def _record(path: Path) -> Path:
    return path.with_suffix(".verified.json")
