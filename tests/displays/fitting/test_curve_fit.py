from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdpsych.displays.fitting.curve_fit import MODELS, fit_curve
from pdpsych.displays.fitting.validation import compare, cross_validate, leave_one_out
from pdpsych.displays.measurements import CHANNELS, LevelMeans

FINE = np.linspace(0, 1, 257)


def errors(found, true):
    """Largest error as a share of the range, and rms error of the slope over the rms slope."""
    wanted = true(FINE)
    luminance = found.candela(FINE)
    slope, wanted_slope = np.diff(luminance), np.diff(wanted)
    largest = np.abs(luminance - wanted).max() / np.ptp(wanted)
    return largest, np.sqrt(np.mean((slope - wanted_slope) ** 2) / np.mean(wanted_slope**2))


LAWS = {
    "power-1": lambda x: 0.4 + (100 ** (1 / 2.2) * x) ** 2.2,
    "power-2": lambda x: (0.4 ** (1 / 2.2) + (100 ** (1 / 2.2) - 0.4 ** (1 / 2.2)) * x) ** 2.2,
    "power-4": lambda x: 0.3 + (0.3 + 8 * x) ** 2.2,
}


@pytest.mark.parametrize("model", LAWS)
def test_exact_measurements_give_the_law_back(measure, model):
    measured = measure({"grey": LAWS[model]}, repeats=1, relative=0, floor=0)
    found = fit_curve(measured.means("grey"), model)
    assert errors(found, LAWS[model])[0] < 1e-5
    assert found.parameters["gamma"] == pytest.approx(2.2, abs=2e-3)
    p = {"k": 0.0, **found.parameters}
    equation = {
        "power-1": p["a"] + (p["b"] * FINE) ** p["gamma"],
        "power-2": (p["a"] + p["b"] * FINE) ** p["gamma"],
        "power-4": p["a"] + (p["b"] + p["k"] * FINE) ** p["gamma"],
    }[model]
    np.testing.assert_allclose(found.candela(FINE), equation, rtol=1e-6)


@pytest.mark.parametrize("model", LAWS)
@pytest.mark.parametrize("seed", range(3))
def test_gamma_is_recovered_from_noisy_measurements(measure, model, seed):
    """Three readings at each of 17 levels with 0.3 % of noise: 0.4 % of range, 1 % of slope."""
    measured = measure({"grey": LAWS[model]}, seed=seed)
    means = measured.means("grey")
    found = fit_curve(means, model)
    largest, slope = errors(found, LAWS[model])
    assert largest < 0.004
    assert slope < 0.01
    assert found.parameters["gamma"] == pytest.approx(2.2, abs=0.03)
    assert abs(found.black - LAWS[model](0)) < 0.02
    interpolated = errors(fit_curve(means, "pchip"), LAWS[model])
    assert interpolated[0] < 0.01
    assert interpolated[1] < 0.03


@pytest.mark.parametrize("model", ["power-1", "power-4"])
@pytest.mark.parametrize("seed", range(3))
def test_cross_validation_finds_the_law(measure, model, seed):
    chosen = compare(measure({"grey": LAWS[model]}, seed=seed)).chosen
    true = {
        m: errors(
            fit_curve(measure({"grey": LAWS[model]}, seed=seed).means("grey"), m), LAWS[model]
        )
        for m in MODELS
    }
    assert chosen != "pchip"
    assert true[chosen][0] < 0.004


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_smooth_curve_wins_where_it_is_no_power_law(measure, lcd_curve, repeats):
    measured = measure({"grey": lcd_curve}, repeats=repeats)
    comparison = compare(measured)
    assert comparison.chosen == comparison.best == "smooth"
    slopes = {v.model: v.slope for v in comparison.validations}
    true = {m: errors(fit_curve(measured.means("grey"), m), lcd_curve) for m in MODELS}
    for free in ("smooth", "pchip"):
        for power in MODELS[:3]:
            assert true[free][0] < true[power][0] / 4
            assert true[free][1] < true[power][1] / 4
            assert slopes[free] < slopes[power] / 4
        assert true[free][0] < 0.008
        assert true[free][1] < 0.04
    assert true["smooth"][1] < true["pchip"][1] / 1.2
    # What is reported of the slope is about what is true of it.
    assert slopes["power-1"] == pytest.approx(true["power-1"][1], rel=0.25)


def test_interpolation_wins_where_a_curve_bends_suddenly(measure):
    def bent(level):
        return (
            0.3 + 120 * np.interp(level, [0, 0.19, 0.5, 0.75, 1], [0, 0.15, 0.55, 0.75, 1]) ** 2.2
        )

    chosen = [compare(measure({"grey": bent}, seed=seed)).chosen for seed in range(3)]
    assert chosen == ["pchip"] * 3


def test_a_wrong_law_is_wrong_everywhere_by_the_same_share(measure):
    """Exact readings near black do not bend it at white: less than weighting by noise alone."""

    def srgb(x):
        return 0.2 + 100 * np.where(x < 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)

    assert errors(fit_curve(measure({"grey": srgb}).means("grey"), "power-1"), srgb)[0] < 0.01


@given(st.integers(0, 10**6), st.floats(0, 0.05), st.integers(5, 20))
@settings(max_examples=40)
def test_any_noise_gives_a_rising_curve(seed, noise, count):
    rng = np.random.default_rng(seed)
    level = np.linspace(0, 1, count)
    luminance = np.abs(0.1 + 100 * level**2 + 100 * noise * rng.normal(size=count))
    luminance[0], luminance[-1] = 0.1, 100
    means = LevelMeans(level, luminance, np.full(count, 1.0))
    for model in MODELS:
        seen = fit_curve(means, model).curve.luminance(FINE)
        assert (np.diff(seen) >= 0).all()
        assert (seen[0], seen[-1]) == pytest.approx((0, 1), abs=1e-9)


def test_interpolation_goes_through_means_that_rise(measure, lcd_curve):
    means = measure({"grey": lcd_curve}).means("grey")
    found = fit_curve(means, "pchip").candela(means.level)
    np.testing.assert_allclose(found, means.luminance, rtol=1e-4, atol=1e-4)


def test_levels_that_noise_put_in_the_wrong_order_share_their_mean():
    level = np.linspace(0, 1, 6)
    means = LevelMeans(level, np.array([1.0, 4, 9, 8, 30, 60]), np.ones(6))
    found = fit_curve(means, "pchip")
    assert found.candela(np.array([0.5]))[0] == pytest.approx(8.5, rel=1e-3)


def test_leaving_out_by_hand(measure):
    means = measure({"grey": LAWS["power-1"]}, levels=6).means("grey")
    out = leave_one_out(means, "power-1")
    np.testing.assert_allclose(out.level, means.level[1:-1])
    without = fit_curve(LevelMeans(*(np.delete(x, 2) for x in means)), "power-1")
    predicted = without.candela(means.level)
    assert out.error[1] == pytest.approx(predicted[2] - means.luminance[2])
    slope = (means.luminance[3] - means.luminance[2]) / 0.2
    assert out.slope[1, 1] == pytest.approx(slope)
    assert out.slope_error[1, 1] == pytest.approx((predicted[3] - predicted[2]) / 0.2 - slope)
    v = cross_validate(means, "power-1", "grey")
    assert v.cross_validated == pytest.approx(np.sqrt(np.mean((out.error / out.sd) ** 2)))


def test_channels_have_curves_of_their_own(measure):
    gammas = dict(zip(CHANNELS, (2.2, 1.8, 2.2, 2.6), strict=True))
    measured = measure({c: lambda x, g=g: 0.2 + 50 * x**g for c, g in gammas.items()})
    for channel, gamma in gammas.items():
        found = fit_curve(measured.means(channel), "power-1").parameters["gamma"]
        assert found == pytest.approx(gamma, abs=0.02)


def test_fitting_all_channels_takes_little_time(measure, lcd_curve):
    means = [measure({"grey": lcd_curve}, seed=s).means("grey") for s in range(4)]
    for model in MODELS:
        started = time.process_time()
        for m in means:
            fit_curve(m, model)
        assert time.process_time() - started < 0.2, model
