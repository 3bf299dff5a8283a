"""Displays from and for PsychoPy's monitor centre."""

from __future__ import annotations

import datetime
import time
from pathlib import Path
from typing import Any

import numpy as np

from pdpsych.common.errors import InputError, did_you_mean
from pdpsych.common.section import load
from pdpsych.displays.curve_fit import CurveFit, Model, fit
from pdpsych.displays.display import Display, MeasuredCurve
from pdpsych.displays.display_file import write
from pdpsych.displays.measurements import CHANNELS, Measurements, Reading

# The monitor centre's levels are those of 8 bits.
_TOP = 255
_EQUATIONS: dict[Model, int] = {"power-1": 1, "power-2": 2, "power-4": 4}


def import_monitor(name: str, out: str | Path) -> Display:
    """Make a display of the newest calibration of a monitor in PsychoPy's monitor centre.

    Takes its size, distance, date and measured luminances; a curve is fitted to these anew.

    Raises
    ------
    InputError
        If PsychoPy is not installed, has no such monitor, or no luminances of it.
    """
    monitors = _monitors()
    known = sorted(monitors.getAllMonitors())
    if name not in known:
        raise InputError(f'--monitor: no monitor "{name}"; {did_you_mean(name, known)}')
    monitor = monitors.Monitor(name, autoLog=False)
    label = f"monitor {name}, calibration {monitor.currentCalibName}"
    size = [int(pixels) or None for pixels in monitor.getSizePix() or (0, 0)]
    return write(
        out,
        Measurements(_readings(monitor, label), _TOP, label),
        instrument=f"PsychoPy's monitor centre, {label}",
        date=_date(monitor.getCalibDate()),
        width_px=size[0],
        height_px=size[1],
        width_cm=monitor.getWidth() or None,
        distance_cm=monitor.getDistance() or None,
    )


def export_monitor(display: str | Path | Display, name: str | None = None) -> str:
    """Add a display to PsychoPy's monitor centre, as a new calibration of a monitor.

    Parameters
    ----------
    name
        Of the monitor; default: the display's name.

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
    """
    display = load(display, Display)
    if display.curve == "srgb":
        raise InputError(
            f"{display.label}: curve: PsychoPy's monitor centre cannot represent srgb; measure "
            "the display, or write the exponent nearest to it, 2.2"
        )
    name = name or display.stem
    monitors = _monitors()
    known = name in monitors.getAllMonitors()
    monitor = monitors.Monitor(name, autoLog=False)
    if known:
        # A new monitor has an empty calibration already. The newest is the last by name.
        monitor.newCalib(time.strftime("%Y_%m_%d %H:%M:%S"))
    if display.width_px and display.height_px:
        monitor.setSizePix([display.width_px, display.height_px])
    monitor.setWidth(display.width_cm)
    monitor.setDistance(display.distance_cm)
    law = _set_curve(monitor, display)
    monitor.save()
    return f"monitor {name}, calibration {monitor.currentCalibName}: {law}"


def _monitors() -> Any:
    try:
        from psychopy import logging, monitors
    except ImportError as error:
        raise InputError(
            f"the monitor centre needs PsychoPy, which cannot be imported ({error}): "
            "pip install 'pdpsych[lab]'"
        ) from None
    logging.console.setLevel(logging.ERROR)
    return monitors


def _readings(monitor: Any, label: str) -> tuple[Reading, ...]:
    if monitor.getLumsPre() is None or monitor.getLevelsPre() is None:
        raise InputError(
            f"{label}: PsychoPy holds no measured luminances of it; measure the display, or "
            "write the gamma you trust as its curve, for example curve: 2.2"
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
    model = "power-4" if curve.model == "pchip" else curve.model
    fits = {c: fit(measured.means(c), model) for c in measured.channels}
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
    instead = " (the nearest to the interpolated curve)" if model != curve.model else ""
    return f"PsychoPy's gamma equation {_EQUATIONS[model]}{instead}"


def _row(found: CurveFit) -> list[float]:
    """Return min, max, gamma, a, b and k, of which equations 1 and 2 need the first three."""
    names = ("a", "b", "k") if found.model == "power-4" else ()
    rest = [found.parameters[name] for name in names] or [np.nan] * 3
    return [found.black, found.white, found.parameters["gamma"], *rest]
