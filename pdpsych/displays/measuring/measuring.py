"""Measuring a display: a series of readings, saved one by one, and the curve they give."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.common.files.append_only import AppendOnlyFile
from pdpsych.common.files.digests import seed_of
from pdpsych.common.section import load
from pdpsych.displays.curve_fit import Validation, best, compare
from pdpsych.displays.display import Display, MeasuredCurve
from pdpsych.displays.display_file import replace_curve
from pdpsych.displays.measurements import (
    CHANNELS,
    FEWEST_LEVELS,
    Measurements,
    Reading,
    check,
    read,
    text,
)
from pdpsych.displays.measuring.readings import Step, drift, plan, take

if TYPE_CHECKING:
    from pdpsych.displays.measuring.instrument import Instrument
    from pdpsych.displays.measuring.patch import Patch

# A display whose white wanders more than this while it is measured has not warmed up.
DRIFT_LIMIT = 0.03


@dataclass(frozen=True)
class Measured:
    """A display that was measured.

    Attributes
    ----------
    display
        With its new curve, as it is in its file now.
    validations
        How well each model describes each channel.
    drift
        Largest departure of the white readings from their mean, as a share of it.
    """

    display: Display
    validations: tuple[Validation, ...]
    drift: float


class ReadingFile:
    """Readings on disk: each is there when :meth:`append` returns.

    Parameters
    ----------
    path
        A CSV file; made if there is none, else gone on with. A last line that a crash cut short
        is left out.
    top
        Highest level of the display.
    """

    def __init__(self, path: Path, top: int) -> None:
        self._file = AppendOnlyFile(path, doing="a display is measured")
        self.readings: list[Reading] = []
        try:
            end = self._file.contents.rfind(b"\n") + 1
            self._file.cut(end)
            if not end:
                self._file.append(text([]).rstrip("\n"))
            self.readings = list(read(path, top).readings)
        except BaseException:
            self._file.close()
            raise

    @property
    def path(self) -> Path:
        """Where the readings are: beside where they were if another file took their name."""
        return self._file.path

    @property
    def events(self) -> list[str]:
        """What happened to the file while it was open, in words."""
        return self._file.events

    def append(self, reading: Reading) -> None:
        """Save a reading.

        Raises
        ------
        InputError
            If it cannot be written; those before it are kept.
        """
        line = text([reading]).splitlines()[1]
        self._file.append(line, f"reading {reading.order}")
        self.readings.append(reading)

    def close(self) -> None:
        """Close the file; without a reading it goes away."""
        if not self.readings:
            self._file.cut(0)
        self._file.close()


def measure(
    path: str | Path,
    instrument: str = "typed",
    *,
    levels: int = 17,
    repeats: int = 3,
    grey_only: bool = False,
    patch: int | None = None,
    settle: float = 1.0,
    windowed: bool = False,
) -> Measured:
    """Measure a display and write its curve into its file.

    Readings are saved to ``NAME.measuring.csv`` beside the file as they are taken; the same call
    goes on where it was stopped or killed. A whole series becomes ``NAME_DATE.csv``.

    Parameters
    ----------
    path
        The display's file; see :class:`Display`.
    instrument, settle
        See :func:`pdpsych.displays.measuring.instrument.open_instrument`.
    levels
        Number of levels of each channel, evenly spaced from the lowest to the highest.
    repeats
        How often each is read.
    grey_only
        Leave out red, green and blue: the display can then show no colour images.
    patch, windowed
        See :class:`pdpsych.displays.measuring.patch.Patch`.

    Raises
    ------
    InputError
        If the display or instrument cannot be used, readings of another series are in the way,
        the display drifted by more than 3 %, or no curve can be fitted. Readings are kept.
    Stopped
        If somebody stops; the readings are kept.
    """
    path = Path(path)
    display = load(path, Display)
    steps = _steps(display, instrument, levels, repeats, grey_only)
    file = ReadingFile(path.with_suffix(".measuring.csv"), display.top)
    try:
        _check_same(file, steps)
        if len(file.readings) < len(steps):
            with opened(display, instrument, patch, settle, windowed) as (target, meter):
                take(steps, target, meter, file.readings[:], file.append)
    finally:
        file.close()
    return _finish(path, instrument, steps, file)


@contextlib.contextmanager
def opened(
    display: Display, instrument: str, patch: int | None, settle: float, windowed: bool
) -> Iterator[tuple[Patch, Instrument]]:
    """Open a window and an instrument, and wait until the one is in front of the other."""
    from pdpsych.displays.measuring.instrument import open_instrument
    from pdpsych.displays.measuring.patch import Patch

    with contextlib.closing(Patch(display, patch, windowed)) as target:
        meter = open_instrument(instrument, target, settle)
        target.begin()
        yield target, meter


def _steps(
    display: Display, instrument: str, levels: int, repeats: int, grey_only: bool
) -> tuple[Step, ...]:
    if not FEWEST_LEVELS <= levels <= display.top + 1:
        raise InputError(f"--levels: {FEWEST_LEVELS} to {display.top + 1}, got {levels}")
    if not 1 <= repeats <= 1000:
        raise InputError(f"--repeats: 1 to 1000, got {repeats}")
    spaced = np.round(np.linspace(0, display.top, levels)).astype(int).tolist()
    channels = CHANNELS[:1] if grey_only else CHANNELS
    # Another instrument has another order, so that one does not go on with the other's series.
    seed = seed_of("measure", display.stem, instrument)
    return plan(spaced, channels, repeats, display.top, seed)


def _check_same(file: ReadingFile, steps: Sequence[Step]) -> None:
    there = [(r.order, r.channel, r.level) for r in file.readings]
    wanted = [(i, step.channel, step.level) for i, step in enumerate(steps, start=1)]
    if there != wanted[: len(there)]:
        raise InputError(
            f"{file.path}: holds {len(there)} readings of another series: of other levels, repeats "
            "or channels, or of another instrument; go on with the options it began with, or move "
            "it away"
        )


def _finish(path: Path, instrument: str, steps: Sequence[Step], file: ReadingFile) -> Measured:
    """Fit a whole series, write the curve and give the readings their name."""
    day = datetime.date.fromisoformat(file.readings[-1].time[:10])
    refused = _free(path, f"_{day}_refused")
    wandered = drift(steps, file.readings)
    measurements = Measurements(tuple(file.readings), load(path, Display).top, str(refused))
    try:
        if wandered > DRIFT_LIMIT:
            raise InputError(
                f"{refused}: white wandered by {100 * wandered:.1f} % while it was measured "
                f"(limit {100 * DRIFT_LIMIT:g} %); let the display warm up for half an hour, "
                "switch off what adapts its brightness, fix the meter in its place, and measure "
                "again"
            )
        check(measurements)
    except InputError:
        os.replace(file.path, refused)
        raise
    validations = compare(measurements)
    table = _free(path, f"_{day}")
    curve = MeasuredCurve(
        measurements=Path(table.name), model=best(validations), instrument=instrument, date=day
    )
    # In this order a crash in between leaves a series that the next run finishes.
    display = replace_curve(path, curve)
    os.replace(file.path, table)
    return Measured(display, validations, wandered)


def _free(path: Path, ending: str) -> Path:
    """Return NAME + ending .csv beside a display, numbered where that is taken."""
    names = (
        f"{path.stem}{ending}{number}.csv" for number in ("", *map("_{}".format, range(2, 99)))
    )
    return next(p for p in map(path.with_name, names) if not p.exists())
