"""A smooth curve averages noise where it is large and follows readings where it is small."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdpsych.displays.fitting.curve_fit import fit_curve
from pdpsych.displays.fitting.smoothing import Smooth, splines_at
from pdpsych.displays.measurements import LevelMeans

FINE = np.linspace(0.1, 0.95, 200)


def slope_error(found, true):
    """Relative error of the slope, root mean square over levels."""
    step = 1e-3
    slopes = [(f(FINE + step) - f(FINE - step)) for f in (found, true)]
    return np.sqrt(np.mean((slopes[0] / slopes[1] - 1) ** 2))


@pytest.mark.parametrize("levels", [52, 256])
def test_the_slope_of_a_densely_measured_curve_is_not_its_noise(measure, lcd_curve, levels):
    means = measure({"grey": lcd_curve}, levels=levels, repeats=1).means("grey")
    smooth, through = (
        slope_error(fit_curve(means, m).candela, lcd_curve) for m in ("smooth", "pchip")
    )
    assert smooth < 0.015
    assert through > 3 * smooth


def test_exact_readings_are_followed(measure, lcd_curve):
    means = measure({"grey": lcd_curve}, relative=1e-6, floor=1e-6).means("grey")
    np.testing.assert_allclose(Smooth.of(means).luminance(means.level), means.luminance, atol=1e-3)


def test_black_that_was_read_exactly_stays_where_the_curve_is_flat(measure):
    def flat(level):
        return 0.3 + 120 * level**2.6

    means = measure({"grey": flat}, levels=9, relative=0.003, floor=0.001).means("grey")
    assert Smooth.of(means).luminance(np.zeros(1))[0] == pytest.approx(0.3, abs=0.004)


def test_a_parabola_that_is_flat_at_black_keeps_its_ends():
    level = np.linspace(0, 1, 9)
    found = Smooth.of(LevelMeans(level, 0.4 + 80 * level**2, np.hypot(0.01, 0.4 * level**2)))
    np.testing.assert_allclose(found.luminance(np.array([0.0, 1.0])), [0.4, 80.4], atol=1e-3)


def test_parabolas_are_what_smoothness_leaves_free():
    level = np.linspace(0, 1, 9)
    means = LevelMeans(level, 1 + 20 * level + 70 * level**2, np.full(9, 5.0))
    found = Smooth.of(means)
    np.testing.assert_allclose(found.luminance(level), means.luminance, atol=1e-6)


def test_what_is_not_known_is_that_of_a_regression_where_only_a_parabola_is_left(measure):
    level = np.linspace(0, 1, 9)
    sd = np.linspace(1, 3, 9)
    found = Smooth.of(LevelMeans(level, 1 + 20 * level + 70 * level**2, sd))
    at = np.array([0.0, 0.3, 1.0])
    powers = level[:, None] ** np.arange(3)
    covariance = np.linalg.inv(powers.T @ (powers / sd[:, None] ** 2))
    wanted = (at[:, None] ** np.arange(3)) @ covariance @ (at[:, None] ** np.arange(3)).T
    spread = splines_at(at) @ found.spread
    np.testing.assert_allclose(spread @ spread.T, wanted, rtol=1e-2, atol=1e-3)


@given(st.integers(0, 10**6), st.floats(0, 0.3), st.integers(5, 40))
def test_any_readings_give_a_curve_that_rises(seed, noise, count):
    rng = np.random.default_rng(seed)
    level = np.sort(rng.choice(256, count, replace=False)) / 255
    luminance = np.abs(100 * level**2 + 100 * noise * rng.normal(size=count))
    found = Smooth.of(LevelMeans(level, luminance, np.full(count, 0.5)))
    seen = found.luminance(np.linspace(0, 1, 500))
    assert seen[0] >= 0
    assert (np.diff(seen) > 0).all()
