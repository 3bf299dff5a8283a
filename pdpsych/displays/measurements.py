"""Luminances measured of a display."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, get_args

import numpy as np
import scipy
from numpy.typing import NDArray

from pdpsych.common.errors import InputError

Channel = Literal["grey", "red", "green", "blue"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
FEWEST_LEVELS = 5
Floats = NDArray[np.float64]

# No display's white is darker or brighter than this, in cd/m²: it is another unit.
_WHITE = (1.0, 20_000.0)
# A difference of luminance is more than noise from so many standard errors; a fall also
# has to be this share of the range.
_SIGNIFICANT, _FALL_SHARE = 4.0, 0.005
# Noise of a reading where too few are repeated: the repeatability of common spot meters.
_RELATIVE, _FLOOR = 0.005, 0.01
_REPEATS = 10


class Reading(NamedTuple):
    """One reading of a light meter.

    Attributes
    ----------
    order
        Its number in the series, from 1.
    time
        When it was taken, ISO 8601; empty where that is not known.
    channel
        ``grey``, ``red``, ``green`` or ``blue``.
    level
        The level that was shown, an integer.
    luminance
        In cd/m².

    Examples
    --------
    >>> from pdpsych.displays import Reading
    >>> Reading(1, "", "grey", 255, 120.5).luminance
    120.5
    """

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

    Examples
    --------
    >>> from pdpsych.displays import Measurements, Reading
    >>> readings = (Reading(1, "", "grey", 0, 0.2), Reading(2, "", "grey", 255, 100.0))
    >>> Measurements(readings, 255, "lab").means("grey").luminance.tolist()
    [0.2, 100.0]
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
        return hashlib.sha256(csv_text(self.readings).encode()).hexdigest()

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


def csv_text(readings: Iterable[Reading]) -> str:
    """Write readings as CSV; :func:`pdpsych.displays.read_measurements` undoes it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(Reading._fields)
    writer.writerows(readings)
    return out.getvalue()


def check_measurements(measurements: Measurements) -> None:
    """Refuse measurements that no curve can be fitted to.

    Raises
    ------
    InputError
        If a channel has fewer than 5 levels or lacks the lowest or highest, its luminance does
        not rise with level or falls by more than noise, or the unit is not cd/m². Values
        normalised to 1 are refused: the display's black and white would be lost.
    """
    if not measurements.readings:
        raise InputError("no readings", file=measurements.label)
    for channel in measurements.channels:
        _check_levels(measurements, channel)
        _check_rise(measurements, channel)
    brightest = max(reading.luminance for reading in measurements.readings)
    if not _WHITE[0] < brightest <= _WHITE[1]:
        kind = "normalised values" if brightest <= 1 else "another unit"
        raise InputError(
            f"the brightest reading looks like {kind}",
            file=measurements.label,
            field="luminance",
            value=brightest,
            allowed=f"cd/m², a white of {_WHITE[0]:g} to {_WHITE[1]:g}",
            remedy="multiply normalised luminances by the luminance of white",
        )


def _check_levels(measurements: Measurements, channel: Channel) -> None:
    levels = {r.level for r in measurements.readings if r.channel == channel}
    if len(levels) < FEWEST_LEVELS:
        raise InputError(
            f"measured at too few levels of {channel}",
            file=measurements.label,
            field="level",
            value=len(levels),
            allowed=f"{FEWEST_LEVELS} or more; 17 make a good curve",
        )
    for level, name in ((0, "lowest"), (measurements.top, "highest")):
        if level not in levels:
            nearest = min(levels, key=lambda x: abs(x - level))
            raise InputError(
                f"the {name} level of {channel}, {level}, was not measured (nearest: {nearest})",
                file=measurements.label,
                field="level",
                remedy="measure it, or correct bit_depth",
            )


def _check_rise(measurements: Measurements, channel: Channel) -> None:
    level, luminance, sd = measurements.means(channel)

    def refuse(problem: str, remedy: str) -> InputError:
        return InputError(
            f"{channel} {problem}", file=measurements.label, field="luminance", remedy=remedy
        )

    if luminance[-1] < luminance[0]:
        raise refuse(
            f"falls from {luminance[0]:g} at level 0 to {luminance[-1]:g} at level "
            f"{measurements.top}: the levels are in reverse order, or columns are swapped",
            "correct the table",
        )
    if luminance[-1] - luminance[0] <= _SIGNIFICANT * np.hypot(sd[0], sd[-1]):
        raise refuse(
            f"is {luminance[0]:g} at level 0 and {luminance[-1]:g} at level "
            f"{measurements.top}, which do not differ by more than noise: nothing was measured",
            "measure again",
        )
    brightest = np.maximum.accumulate(luminance)
    fall = brightest - luminance
    allowed = np.maximum(
        _SIGNIFICANT * np.hypot(sd, measurements.noise.sd(brightest)),
        _FALL_SHARE * np.ptp(luminance),
    )
    worst = int(np.argmax(fall - allowed))
    if fall[worst] > allowed[worst]:
        raise refuse(
            f"falls to {luminance[worst]:g} at level "
            f"{round(level[worst] * measurements.top)} from {brightest[worst]:g} at a lower "
            f"level, more than noise ({allowed[worst]:.3g} cd/m²)",
            "measure again, with the display's dynamic contrast and local dimming off",
        )
