"""Measuring a display: a series of readings, saved one by one, and the curve they give."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.common.files.append_only import AppendOnlyFile
from pdpsych.common.files.digests import seed_of
from pdpsych.common.files.locks import locked
from pdpsych.common.files.reading import text_of
from pdpsych.common.results import Result
from pdpsych.common.section import load
from pdpsych.displays.accuracy.doubts import comparison_doubts
from pdpsych.displays.accuracy.next_level import next_level
from pdpsych.displays.display import Display
from pdpsych.displays.display_file import replace_curve
from pdpsych.displays.fitting.validation import ModelComparison, compare
from pdpsych.displays.measured_curve import MeasuredCurve
from pdpsych.displays.measurement_file import measurements_in
from pdpsych.displays.measurements import (
    CHANNELS,
    FEWEST_LEVELS,
    Channel,
    Measurements,
    Reading,
    check_measurements,
    csv_text,
)
from pdpsych.displays.measuring.readings import (
    Instrument,
    Step,
    drift,
    plan_readings,
    take_readings,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pdpsych.displays.measuring.patch import Patch

# A display whose white wanders more than this while it is measured has not warmed up.
DRIFT_LIMIT = 0.03


@dataclass(frozen=True, eq=False, repr=False)
class Measured(Result):
    """A display that was measured.

    Attributes
    ----------
    display
        With its new curve, as it is in its file now.
    comparison
        How well each model describes each channel.
    drift
        Largest departure of the white readings from their mean, as a share of it.
    notes
        What happened to the file of the readings while it was open.

    Examples
    --------
    >>> from pdpsych.displays import Display, Measured, Measurements, Reading, compare
    >>> readings = [
    ...     Reading(i, "", "grey", level, 0.2 + 100 * (level / 255) ** 2.2)
    ...     for i, level in enumerate([0, 64, 128, 192, 255])
    ... ]
    >>> comparison = compare(Measurements(tuple(readings), 255, "simulated"), chosen="power-1")
    >>> Measured(Display(), comparison, drift=0.001)
    <Measured: display, power-1, drift 0.10 %>
    """

    display: Display
    comparison: ModelComparison
    drift: float
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
        """Say what the display is, how well its curve is known, and how much it drifted."""
        drifted = f"drift of white: {100 * self.drift:.2f} % (limit {100 * DRIFT_LIMIT:g} %)"
        doubts = comparison_doubts(self.comparison)
        told = [self.display.describe(), "", self.comparison.describe(), *doubts, "", drifted]
        return "\n".join([*told, *self.notes])

    def plot(self) -> Figure:
        """Draw measurements, fits, residuals and slope errors, a column for each channel."""
        return self.comparison.plot(self.display.stem)

    def _line(self) -> str:
        return f"{self.display.stem}, {self.comparison.chosen}, drift {100 * self.drift:.2f} %"


class _NoCurve(Exception):
    """No curve fits the first pass, so that no levels can be chosen for the next."""


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
        try:
            written = self._file.contents
            end = written.rfind(b"\n") + 1
            self._file.cut(end)
            if not end:
                self._file.append(csv_text([]).rstrip("\n"))
            text = text_of(written[:end], path) if end else csv_text([])
            self.readings = list(measurements_in(text, path, top).readings)
        except BaseException:
            self._file.close()
            raise

    @property
    def path(self) -> Path:
        """Where the readings are: beside where they were if another file took their name."""
        return self._file.path

    @property
    def events(self) -> tuple[str, ...]:
        """What happened to the file while it was open, in words."""
        return tuple(self._file.events)

    def append(self, reading: Reading) -> None:
        """Save a reading.

        Raises
        ------
        InputError
            If it cannot be written; those before it are kept.
        """
        self._file.append(csv_text([reading]).splitlines()[1], f"reading {reading.order}")
        self.readings.append(reading)

    def close(self) -> None:
        """Close the file; without a reading it goes away."""
        if not self.readings:
            self._file.cut(0)
        self._file.close()


def measure(
    path: str | Path,
    *,
    instrument: str = "typed",
    levels: int = 17,
    repeats: int = 3,
    adaptive: bool = False,
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
        The display's file; see :class:`pdpsych.displays.Display`.
    instrument
        ``typed``: numbers typed from a hand-held meter. ``psychopy:CLASS`` or
        ``psychopy:CLASS:PORT``: a photometer that PsychoPy or a plugin of it knows.
        ``buffer``: PsychoPy's emulator, which reads the window's memory and no light.
    levels
        Number of levels of each channel, evenly spaced from the lowest to the highest.
    repeats
        How often each is read.
    adaptive
        Read the evenly spaced levels once and then as often as ``repeats`` says, but each time
        where a reading lowers most what is not known of the curve's slope.
    grey_only
        Leave out red, green and blue: the display can then show no colour images. Outputs of grey
        alone have none.
    patch
        Side of the patch in pixels; by default half the screen's height.
    settle
        Seconds from showing a level to a photometer's reading; a person decides this for
        themselves.
    windowed
        Leave the rest of the screen free, for trying out.

    Returns
    -------
    Measured
        The display with its curve, and how well it is known.

    Raises
    ------
    InputError
        If the display or instrument cannot be used, readings of another series are in the way,
        the display drifted by more than 3 %, or no curve can be fitted. Readings are kept.
    MeasurementStopped
        If somebody stops; the readings are kept.

    Examples
    --------
    In front of the display, with a meter in hand:

    >>> from pdpsych import displays
    >>> done = displays.measure("displays/lab.yaml", levels=9)  # doctest: +SKIP
    >>> print(done.describe())  # doctest: +SKIP
    """
    path = Path(path)
    display = load(path, Display)
    planned = _planned(display, instrument, levels, repeats, adaptive, grey_only)
    with locked(path, "the display is measured", wait=0):
        file = ReadingFile(path.with_suffix(".measuring.csv"), display.top)
        linear = False
        try:
            _check_same(file, planned)
            if len(file.readings) < len(planned):
                with (
                    contextlib.suppress(_NoCurve),
                    opened(display, instrument, patch, settle, windowed) as (target, meter),
                ):
                    linear = target.ramp.state == "linear"
                    take_readings(
                        planned,
                        target,
                        meter,
                        file.readings[:],
                        file.append,
                        _chooser(planned, display.top),
                    )
        finally:
            file.close()
        return _finish(path, instrument, planned, file, linear)


@contextlib.contextmanager
def opened(
    display: Display, instrument: str, patch: int | None, settle: float, windowed: bool
) -> Iterator[tuple[Patch, Instrument]]:
    """Open a window and an instrument, and wait until the one is in front of the other."""
    from pdpsych.displays.measuring.instrument import open_instrument
    from pdpsych.displays.measuring.patch import Patch

    with contextlib.closing(Patch(display, side=patch, windowed=windowed)) as target:
        meter = open_instrument(instrument, target, settle)
        target.begin()
        yield target, meter


def _planned(
    display: Display, instrument: str, levels: int, repeats: int, adaptive: bool, grey_only: bool
) -> tuple[Step, ...]:
    for field, value, least, most in (
        ("levels", levels, FEWEST_LEVELS, display.top + 1),
        ("repeats", repeats, 1, 1000),
    ):
        if not least <= value <= most:
            raise InputError(
                "outside what can be measured",
                field=field,
                value=value,
                allowed=f"{least} to {most}",
            )
    spaced = np.round(np.linspace(0, display.top, levels)).astype(int).tolist()
    grey_only = grey_only or display.encoder.channels == (1,)
    channels = CHANNELS[:1] if grey_only else CHANNELS
    # Another instrument has another order, so that one does not go on with the other's series.
    seed = seed_of("measure", display.stem, instrument)
    return plan_readings(spaced, channels, repeats, display.top, seed, adaptive)


def _chooser(planned: Sequence[Step], top: int) -> Callable[[Sequence[Reading], Channel], int]:
    """Return what chooses the levels that a series leaves open, if its first pass is a curve."""
    first = next((i for i, step in enumerate(planned) if isinstance(step, str)), None)

    def choose(readings: Sequence[Reading], channel: Channel) -> int:
        so_far = Measurements(tuple(readings), top, "")
        if len(readings) == first:
            try:
                check_measurements(so_far)
            except InputError as error:
                raise _NoCurve from error
        return next_level(so_far, channel)

    return choose


def _check_same(file: ReadingFile, planned: Sequence[Step]) -> None:
    def same(number: int, step: Step, reading: Reading) -> bool:
        level = reading.level if isinstance(step, str) else step.level
        channel = step if isinstance(step, str) else step.channel
        return (number, channel, level) == (reading.order, reading.channel, reading.level)

    count = len(file.readings)
    numbered = zip(range(1, count + 1), planned, file.readings, strict=False)
    if count > len(planned) or not all(same(*one) for one in numbered):
        raise InputError(
            f"holds {count} readings of another series: of other levels, repeats or "
            "channels, adaptive or not, or of another instrument",
            file=file.path,
            remedy="go on with the options it began with, or move it away",
        )


def _finish(
    path: Path,
    instrument: str,
    planned: Sequence[Step],
    file: ReadingFile,
    linear: bool,
) -> Measured:
    """Fit a whole series, write the curve and give the readings their name."""
    day = datetime.date.fromisoformat(file.readings[-1].time[:10])
    refused = _free(path, f"_{day}_refused")
    wandered = drift(planned[: len(file.readings)], file.readings)
    measurements = Measurements(tuple(file.readings), load(path, Display).top, str(refused))
    try:
        _check_drift(wandered, refused)
        check_measurements(measurements)
    except InputError:
        os.replace(file.path, refused)
        raise
    comparison = compare(measurements)
    table = _free(path, f"_{day}")
    curve = MeasuredCurve(
        measurements=Path(table.name),
        model=comparison.chosen,
        instrument=instrument,
        date=day,
        ramp="linear" if linear else None,
    )
    # In this order a crash in between leaves a series that the next run finishes.
    display = replace_curve(path, curve)
    os.replace(file.path, table)
    return Measured(display, comparison, wandered, file.events)


def _check_drift(wandered: float, refused: Path) -> None:
    if wandered > DRIFT_LIMIT:
        raise InputError(
            f"white wandered by {100 * wandered:.1f} % while it was measured",
            file=refused,
            allowed=f"at most {100 * DRIFT_LIMIT:g} %",
            remedy="let the display warm up for half an hour, switch off what adapts its "
            "brightness, fix the meter in its place, and measure again",
        )


def _free(path: Path, ending: str) -> Path:
    """Return NAME + ending .csv beside a display, numbered where that is taken."""
    names = (
        f"{path.stem}{ending}{number}.csv" for number in ("", *map("_{}".format, range(2, 99)))
    )
    return next(p for p in map(path.with_name, names) if not p.exists())
