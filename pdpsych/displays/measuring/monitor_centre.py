"""Displays from and for PsychoPy's monitor centre."""

from __future__ import annotations

import datetime
import time
from pathlib import Path
from typing import Any

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.common.section import load
from pdpsych.displays.display import Display
from pdpsych.displays.display_file import write_display
from pdpsych.displays.fitting.curve_fit import CurveFit, Model, fit_curve
from pdpsych.displays.measured_curve import MeasuredCurve
from pdpsych.displays.measurements import CHANNELS, Measurements, Reading

# The monitor centre's levels are those of 8 bits.
_TOP = 255
_EQUATIONS: dict[Model, int] = {"power-1": 1, "power-2": 2, "power-4": 4}


def import_monitor(monitor: str, out: str | Path) -> Display:
    """Make a display of the newest calibration of a monitor in PsychoPy's monitor centre.

    Takes its size, distance, date and measured luminances; a curve is fitted to these anew.

    Parameters
    ----------
    monitor
        Its name there.
    out
        The display's file, NAME.yaml; the measurements are written to NAME.csv beside it.

    Raises
    ------
    InputError
        If PsychoPy is not installed, has no such monitor, or no luminances of it.

    Examples
    --------
    With a monitor that was measured there:

    >>> from pdpsych import displays
    >>> displays.import_monitor("labMonitor", "displays/lab.yaml")  # doctest: +SKIP
    """
    monitors = _monitors()
    known = sorted(monitors.getAllMonitors())
    if monitor not in known:
        raise InputError(
            "PsychoPy's monitor centre has no such monitor",
            field="monitor",
            value=monitor,
            allowed=known,
        )
    found = monitors.Monitor(monitor, autoLog=False)
    label = f"monitor {monitor}, calibration {found.currentCalibName}"
    size = [int(pixels) or None for pixels in found.getSizePix() or (0, 0)]
    return write_display(
        out,
        Measurements(_readings(found, label), _TOP, label),
        instrument=f"PsychoPy's monitor centre, {label}",
        date=_date(found.getCalibDate()),
        width_px=size[0],
        height_px=size[1],
        width_cm=found.getWidth() or None,
        distance_cm=found.getDistance() or None,
    )


def export_monitor(display: str | Path | Display, *, monitor: str | None = None) -> str:
    """Add a display to PsychoPy's monitor centre, as a new calibration of a monitor.

    Parameters
    ----------
    display
        A display, or its file.
    monitor
        Name of the monitor; by default the display's.

    Returns
    -------
    str
        What was written, for the user.

    Notes
    -----
    PsychoPy has no interpolated curve: for a display with one, the nearest law of its equation
    4 is written. Frames that pdpsych shows do not depend on the monitor centre.

    Raises
    ------
    InputError
        If PsychoPy is not installed, or the curve is sRGB, which it cannot represent.

    Examples
    --------
    >>> from pdpsych import displays
    >>> displays.export_monitor("displays/lab.yaml", monitor="lab")  # doctest: +SKIP
    """
    display = load(display, Display)
    if display.curve == "srgb":
        raise InputError(
            "PsychoPy's monitor centre cannot represent srgb",
            file=display.label,
            field="curve",
            remedy="measure the display, or write the exponent nearest to it, 2.2",
        )
    name = monitor or display.stem
    monitors = _monitors()
    known = name in monitors.getAllMonitors()
    there = monitors.Monitor(name, autoLog=False)
    if known:
        # A new monitor has an empty calibration already. The newest is the last by name.
        there.newCalib(time.strftime("%Y_%m_%d %H:%M:%S"))
    if display.width_px and display.height_px:
        there.setSizePix([display.width_px, display.height_px])
    there.setWidth(display.width_cm)
    there.setDistance(display.distance_cm)
    law = _set_curve(there, display)
    there.save()
    return f"monitor {name}, calibration {there.currentCalibName}: {law}"


def _monitors() -> Any:
    try:
        from psychopy import logging, monitors
    except ImportError as error:
        raise InputError(
            f"the monitor centre needs PsychoPy, which cannot be imported ({error})",
            remedy="pip install 'pdpsych[lab]', with Python 3.10 to 3.12",
        ) from None
    logging.console.setLevel(logging.ERROR)
    return monitors


def _readings(monitor: Any, label: str) -> tuple[Reading, ...]:
    if monitor.getLumsPre() is None or monitor.getLevelsPre() is None:
        raise InputError(
            "PsychoPy holds no measured luminances of it",
            file=label,
            remedy="measure the display, or write the gamma you trust as its curve, for example "
            "curve: 2.2",
        )
    luminances = np.atleast_2d(np.asarray(monitor.getLumsPre(), dtype=float))
    levels = np.round(np.asarray(monitor.getLevelsPre(), dtype=float)).astype(int)
    pairs = [
        (channel, int(level), float(value))
        for channel, row in zip(CHANNELS, luminances, strict=False)
        for level, value in zip(levels, row, strict=True)
    ]
    return tuple(Reading(i, "", *pair) for i, pair in enumerate(pairs, start=1))


def _date(stored: Any) -> datetime.date | None:
    if isinstance(stored, time.struct_time):
        stored = time.mktime(stored)
    return datetime.date.fromtimestamp(stored) if stored else None


def _set_curve(monitor: Any, display: Display) -> str:
    if not isinstance(display.curve, MeasuredCurve) or display.measurements is None:
        grid = np.array([[0.0, 1.0, display.curve]] * len(CHANNELS))
        monitor.setGammaGrid(grid)
        return f"gamma {display.curve:g}, as stated"
    measured, curve = display.measurements, display.curve
    model = curve.model if curve.model in _EQUATIONS else "power-4"
    fits = {c: fit_curve(measured.means(c), model) for c in measured.channels}
    # A channel that was not measured gets the curve of the first that was.
    first = next(iter(fits.values()))
    monitor.setGammaGrid(np.array([_row(fits.get(c, first)) for c in CHANNELS]))
    monitor.setLineariseMethod(_EQUATIONS[model])
    if curve.date:
        monitor.setCalibDate(time.mktime(curve.date.timetuple()))
    monitor.setNotes(" ".join(str(x) for x in (curve.instrument, curve.date) if x))
    means = [measured.means(c) for c in measured.channels]
    same = all(np.array_equal(m.level, means[0].level) for m in means)
    if same and measured.channels in (CHANNELS, CHANNELS[:1]):
        monitor.setLevelsPre(np.round(means[0].level * _TOP))
        monitor.setLumsPre(np.array([m.luminance for m in means]))
    instead = " (the nearest to the curve)" if model != curve.model else ""
    return f"PsychoPy's gamma equation {_EQUATIONS[model]}{instead}"


def _row(found: CurveFit) -> list[float]:
    """Return min, max, gamma, a, b and k, of which equations 1 and 2 need the first three."""
    names = ("a", "b", "k") if found.model == "power-4" else ()
    rest = [found.parameters[name] for name in names] or [np.nan] * 3
    return [found.black, found.white, found.parameters["gamma"], *rest]
