"""Levels chosen while measuring: where the slope is known least, and half as many readings."""

from __future__ import annotations

import numpy as np
import pytest

from pdpsych.displays.accuracy.next_level import next_level
from pdpsych.displays.fitting.curve_fit import fit_curve
from pdpsych.displays.measurements import Measurements, Reading

FINE = np.linspace(0.1, 0.98, 200)


def s_shaped(level):
    low, high = (1 / (1 + np.exp(-8 * (x - 0.5))) for x in (0, 1))
    return 0.3 + 120 * (1 / (1 + np.exp(-8 * (level - 0.5))) - low) / (high - low)


def read(curve, level, rng):
    true = float(curve(level / 255))
    return max(true + rng.normal() * np.hypot(0.005, 0.003 * true), 0.0)


def adaptively(curve, seed, first, count):
    """Read evenly spaced levels, then as many more as there are to be."""
    rng = np.random.default_rng(seed)
    levels = np.round(np.linspace(0, 255, first)).astype(int).tolist()
    readings = [Reading(i, "", "grey", x, read(curve, x, rng)) for i, x in enumerate(levels)]
    while len(readings) < count:
        level = next_level(Measurements(tuple(readings), 255, ""), "grey")
        readings.append(Reading(len(readings), "", "grey", level, read(curve, level, rng)))
    return Measurements(tuple(readings), 255, "")


def slope_error(fit, curve):
    step = 1e-3
    slopes = [f(FINE + step) - f(FINE - step) for f in (fit.candela, curve)]
    return np.sqrt(np.mean((slopes[0] / slopes[1] - 1) ** 2))


def test_half_the_readings_of_an_s_shaped_curve_leave_no_more_error(measure):
    half, before = [], []
    for seed in range(8):
        chosen = adaptively(s_shaped, seed, 8, 25)
        half.append(slope_error(fit_curve(chosen.means("grey"), "smooth"), s_shaped))
        spaced = measure({"grey": s_shaped}, levels=17, repeats=3, seed=seed)
        before.append(slope_error(fit_curve(spaced.means("grey"), "pchip"), s_shaped))
    assert np.sqrt(np.mean(np.square(half))) < np.sqrt(np.mean(np.square(before)))


def test_readings_go_where_the_slope_is_known_least(measure):
    chosen = [r.level for r in adaptively(s_shaped, 0, 8, 24).readings[8:]]
    # Towards white an S rises little, and the noise of a reading is largest.
    assert np.mean(np.array(chosen) > 192) > 0.4
    assert all(level > 10 for level in chosen)


def test_levels_are_read_again_and_show_the_noise():
    readings = adaptively(s_shaped, 1, 8, 30)
    assert len({r.level for r in readings.readings}) < 25


def test_the_same_readings_choose_the_same_level(measure, lcd_curve):
    readings = measure({"grey": lcd_curve, "red": s_shaped}, levels=9, repeats=1)
    assert next_level(readings, "red") == next_level(readings, "red")
    assert next_level(readings, "red") != next_level(readings, "grey")


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_a_display_that_does_not_change_has_a_next_level(value):
    readings = tuple(Reading(i, "", "grey", x, value) for i, x in enumerate((0, 60, 128, 190, 255)))
    assert 0 <= next_level(Measurements(readings, 255, ""), "grey") <= 255
