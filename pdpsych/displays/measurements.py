"""Luminances measured of a display: a CSV file with one reading a row."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import scipy
from numpy.typing import NDArray

from pdpsych.common.errors import InputError, did_you_mean
from pdpsych.common.files.reading import TABLE, read_text

Channel = Literal["grey", "red", "green", "blue"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
FEWEST_LEVELS = 5
Floats = NDArray[np.float64]

_REQUIRED = ("level", "luminance")
# No display's white is darker or brighter than this, in cd/m²: it is another unit.
_WHITE = (1.0, 20_000.0)
# A difference of luminance is more than noise from so many standard errors; a fall also
# has to be this share of the range.
_SIGNIFICANT, _FALL_SHARE = 4.0, 0.005
# Noise of a reading where too few are repeated: the repeatability of common spot meters.
_RELATIVE, _FLOOR = 0.005, 0.01
_REPEATS = 10


class Reading(NamedTuple):
    """One reading: when, of which channel at which integer level, and cd/m²."""

    order: int
    time: str
    channel: Channel
    level: int
    luminance: float


class LevelMeans(NamedTuple):
    """Readings of a channel averaged by level, lowest first; ``level`` is from 0 to 1."""

    level: Floats
    luminance: Floats
    sd: Floats


@dataclass(frozen=True)
class ReadingNoise:
    """Standard deviation of a reading, √(floor² + (relative · luminance)²), and its source."""

    relative: float
    floor: float
    source: Literal["repeats", "assumed"]

    def sd(self, luminance: Floats) -> Floats:
        """Return the standard deviation of single readings in cd/m²."""
        return np.hypot(self.floor, self.relative * luminance)


@dataclass(frozen=True)
class Measurements:
    """All readings of a display.

    Attributes
    ----------
    readings
        In the order they were taken.
    top
        The display's highest level, 2^bits − 1.
    label
        Where they come from, for messages.
    """

    readings: tuple[Reading, ...]
    top: int
    label: str

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels that were measured."""
        found = {reading.channel for reading in self.readings}
        return tuple(channel for channel in CHANNELS if channel in found)

    @property
    def sha256(self) -> str:
        """Identity of the readings, however their file is written."""
        return hashlib.sha256(text(self.readings).encode()).hexdigest()

    @cached_property
    def noise(self) -> ReadingNoise:
        """Noise of a reading, from repeated levels of all channels.

        Both parts by maximum likelihood, for normal noise, from the variances within levels.
        With fewer than 10 degrees of freedom it is assumed: 0.5 % and 0.01 cd/m².
        """
        groups = [g for c in self.channels for g in self._by_level(c).values() if len(g) > 1]
        freedom = np.array([len(g) - 1 for g in groups])
        if freedom.sum() < _REPEATS:
            return ReadingNoise(_RELATIVE, _FLOOR, "assumed")
        means = np.array([np.mean(g) for g in groups])
        variances = np.array([np.var(g, ddof=1) for g in groups])
        white = means.max()

        def minus_log_likelihood(logs: Floats) -> float:
            model = np.exp(2 * logs[0]) * means**2 + np.exp(2 * logs[1])
            return float(np.sum(freedom * (np.log(model) + variances / model)))

        bounds = [(np.log(1e-4), np.log(0.2)), (np.log(1e-5 * white), np.log(0.1 * white))]
        start = [np.log(_RELATIVE), np.log(1e-3 * white)]
        relative, floor = np.exp(
            scipy.optimize.minimize(minus_log_likelihood, start, bounds=bounds).x
        )
        return ReadingNoise(float(relative), float(floor), "repeats")

    def means(self, channel: Channel) -> LevelMeans:
        """Average a channel's readings by level, with the standard errors of the means."""
        groups = self._by_level(channel)
        luminance = np.array([np.mean(groups[level]) for level in groups])
        counts = np.array([len(groups[level]) for level in groups])
        sd = self.noise.sd(luminance) / np.sqrt(counts)
        return LevelMeans(np.array(list(groups)) / self.top, luminance, sd)

    @property
    def additivity(self) -> float | None:
        """(red + green + blue − 2 · black) / white − 1, None without all four channels.

        Where this is far from 0, colours are not sums of their channels and the images of a
        colour set are not shown as they are meant.
        """
        if self.channels != CHANNELS:
            return None
        ends = {c: self.means(c).luminance[[0, -1]] for c in CHANNELS}
        total = sum(ends[c][1] for c in CHANNELS[1:]) - 2 * ends["grey"][0]
        return float(total / ends["grey"][1] - 1)

    def _by_level(self, channel: Channel) -> dict[int, list[float]]:
        groups: dict[int, list[float]] = {}
        for reading in sorted(self.readings, key=lambda r: r.level):
            if reading.channel == channel:
                groups.setdefault(reading.level, []).append(reading.luminance)
        return groups


def text(readings: Iterable[Reading]) -> str:
    """Write readings as CSV; :func:`read` undoes it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(Reading._fields)
    writer.writerows(readings)
    return out.getvalue()


def read(path: str | Path, top: int) -> Measurements:
    """Read a CSV file with the columns level, luminance[, channel, order, time].

    ``level`` is an integer from 0 to ``top``, or a share from 0 to 1 of ``top``, rounded to the
    level that a display shows for it; ``luminance`` is in cd/m²; ``channel`` is grey where
    there is no such column, ``order`` the order of the rows. A file may be unfinished: see
    :func:`check`.

    Raises
    ------
    InputError
        If the file cannot be read, or a column or value is wrong; the message names its line.
    """
    path = Path(path)
    lines = read_text(path, TABLE).splitlines()
    columns = _columns(path, lines)
    rows = [
        (f"{path}: line {number}", _cells(f"{path}: line {number}", line, columns))
        for number, line in enumerate(lines[1:], start=2)
        if line.strip()
    ]
    levels = _levels([(label, row["level"]) for label, row in rows], top)
    readings = [
        _reading(label, row, level, order)
        for order, ((label, row), level) in enumerate(zip(rows, levels, strict=True), start=1)
    ]
    return Measurements(tuple(sorted(readings, key=lambda r: r.order)), top, str(path))


def _columns(path: Path, lines: list[str]) -> list[str]:
    header = lines[0] if lines else ""
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if separator in header:
            raise InputError(
                f"{path}: line 1: columns are separated by {name}; save the table as CSV with "
                "commas between columns and points in decimal numbers"
            )
    columns = [name.strip().lower() for name in header.split(",")]
    for name in columns:
        if name not in Reading._fields:
            raise InputError(
                f'{path}: line 1: unknown column "{name}"; '
                f"{did_you_mean(name, Reading._fields)} (level and luminance are needed)"
            )
    missing = [name for name in _REQUIRED if name not in columns]
    if missing or len(set(columns)) < len(columns):
        problem = f"column {missing[0]} is missing" if missing else "each column once"
        raise InputError(f"{path}: line 1: {problem}, got {', '.join(columns)}")
    return columns


def _cells(label: str, line: str, columns: list[str]) -> dict[str, str]:
    cells = [cell.strip() for cell in next(csv.reader([line]))]
    if len(cells) != len(columns):
        raise InputError(
            f"{label}: {len(cells)} values for {len(columns)} columns; decimal numbers are "
            "written with a point, and columns separated by commas"
        )
    return dict(zip(columns, cells, strict=True))


def _number(label: str, field: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f'{label}: {field}: expected a number such as 12.5, got "{cell}"')
    return value


def _levels(cells: list[tuple[str, str]], top: int) -> list[int]:
    values = [_number(label, "level", cell) for label, cell in cells]
    inside = all(0 <= value <= 1 for value in values)
    if inside and any(value % 1 for value in values):
        return [round(value * top) for value in values]
    for (label, cell), value in zip(cells, values, strict=True):
        if value % 1 or not 0 <= value <= top:
            nearest = min(max(round(value), 0), top)
            raise InputError(
                f"{label}: level: expected an integer from 0 to {top} (or all levels as shares "
                f"from 0 to 1), got {cell}; nearest: {nearest}"
            )
    return [int(value) for value in values]


def _reading(label: str, row: dict[str, str], level: int, order: int) -> Reading:
    channel = row.get("channel", "grey").lower()
    if channel not in CHANNELS:
        raise InputError(f'{label}: channel: "{channel}": {did_you_mean(channel, CHANNELS)}')
    luminance = _number(label, "luminance", row["luminance"])
    if luminance < 0:
        raise InputError(f"{label}: luminance: at least 0 cd/m², got {luminance:g}")
    order = int(_number(label, "order", row["order"])) if "order" in row else order
    return Reading(order, row.get("time", ""), channel, level, luminance)


def check(measurements: Measurements) -> None:
    """Refuse measurements that no curve can be fitted to.

    Raises
    ------
    InputError
        If a channel has fewer than 5 levels or lacks the lowest or highest, its luminance does
        not rise with level or falls by more than noise, or the unit is not cd/m². Values
        normalised to 1 are refused: the display's black and white would be lost.
    """
    label = measurements.label
    if not measurements.readings:
        raise InputError(f"{label}: no readings")
    for channel in measurements.channels:
        _check_levels(measurements, channel)
        _check_rise(measurements, channel)
    brightest = max(reading.luminance for reading in measurements.readings)
    if not _WHITE[0] < brightest <= _WHITE[1]:
        kind = "normalised values" if brightest <= 1 else "another unit"
        raise InputError(
            f"{label}: luminance: the brightest reading is {brightest:g}, which looks like {kind}; "
            f"give cd/m² (a white of {_WHITE[0]:g} to {_WHITE[1]:g}): multiply normalised "
            "luminances by the luminance of white"
        )


def _check_levels(measurements: Measurements, channel: Channel) -> None:
    levels = {r.level for r in measurements.readings if r.channel == channel}
    where = f"{measurements.label}: {channel}"
    if len(levels) < FEWEST_LEVELS:
        raise InputError(
            f"{where}: measured at {len(levels)} levels; at least {FEWEST_LEVELS} are needed, "
            "17 or more make a good curve"
        )
    for level, name in ((0, "lowest"), (measurements.top, "highest")):
        if level not in levels:
            nearest = min(levels, key=lambda x: abs(x - level))
            raise InputError(
                f"{where}: level: the {name}, {level}, was not measured (nearest: {nearest}); "
                "measure it, or correct bit_depth"
            )


def _check_rise(measurements: Measurements, channel: Channel) -> None:
    level, luminance, sd = measurements.means(channel)
    where = f"{measurements.label}: {channel}: luminance"
    if luminance[-1] < luminance[0]:
        raise InputError(
            f"{where}: falls from {luminance[0]:g} at level 0 to {luminance[-1]:g} at level "
            f"{measurements.top}: the levels are in reverse order, or columns are swapped"
        )
    if luminance[-1] - luminance[0] <= _SIGNIFICANT * np.hypot(sd[0], sd[-1]):
        raise InputError(
            f"{where}: {luminance[0]:g} at level 0 and {luminance[-1]:g} at level "
            f"{measurements.top} do not differ by more than noise; nothing was measured"
        )
    brightest = np.maximum.accumulate(luminance)
    fall = brightest - luminance
    allowed = np.maximum(
        _SIGNIFICANT * np.hypot(sd, measurements.noise.sd(brightest)),
        _FALL_SHARE * np.ptp(luminance),
    )
    worst = int(np.argmax(fall - allowed))
    if fall[worst] > allowed[worst]:
        raise InputError(
            f"{where}: falls to {luminance[worst]:g} at level "
            f"{round(level[worst] * measurements.top)} from {brightest[worst]:g} at a lower "
            f"level, more than noise ({allowed[worst]:.3g} cd/m²): measure again, with the "
            "display's dynamic contrast and local dimming off"
        )
