"""What is not known of a curve: true gains lie where it says, and more readings narrow it."""

from __future__ import annotations

import numpy as np
import pytest

from pdpsych.displays import compare
from pdpsych.displays.accuracy.doubts import comparison_doubts, proposed_levels
from pdpsych.displays.accuracy.slope_error import CELLS, SlopeError, cells_of

WORST = 1.96


def power(level):
    return 0.3 + 120 * level**2.2


def s_shaped(level):
    low, high = (1 / (1 + np.exp(-8 * (x - 0.5))) for x in (0, 1))
    return 0.3 + 120 * (1 / (1 + np.exp(-8 * (level - 0.5))) - low) / (high - low)


def pieces(level):
    return 0.3 + 120 * np.interp(level, [0, 0.37, 0.55, 1], [0, 0.4, 0.53, 1]) ** 2.2


def error_of(measurements, channel="grey"):
    return SlopeError.of(measurements.means(channel), compare(measurements).chosen)


def true_gain(curve, fit, levels, energy):
    step = 1e-4
    true = (curve(levels + step) - curve(levels - step)) / (curve(1.0) - curve(0.0))
    return energy @ (
        true / (fit.curve.luminance(levels + step) - fit.curve.luminance(levels - step))
    )


@pytest.mark.parametrize("curve", [power, s_shaped, pieces])
def test_true_gains_lie_in_the_intervals(measure, curve):
    rng = np.random.default_rng(0)
    inside, scores = [], []
    for seed in range(6):
        known = error_of(measure({"grey": curve}, seed=seed))
        for _ in range(5):
            levels = np.clip(rng.uniform(0.3, 0.8) + 0.06 * rng.standard_normal(300), 0.05, 0.98)
            energy = rng.standard_normal(300) ** 2
            energy /= energy.sum()
            off = true_gain(curve, known.fit, levels, energy) - 1
            sd = known.sd(cells_of(levels, energy), "linear")
            scores.append(off / sd)
            inside.append(abs(off) <= WORST * sd)
    assert np.mean(inside) >= 0.9
    # And are not so wide that they say nothing.
    assert np.sqrt(np.mean(np.square(scores))) > 0.25


def test_the_part_of_noise_is_that_of_readings_again(measure):
    known = error_of(measure({"grey": power}, relative=0.01))
    assert known.fit.model != "pchip"
    weights = cells_of(np.full(5, 0.5), np.full(5, 0.2))
    gains = []
    for seed in range(40):
        again = SlopeError.of(
            measure({"grey": power}, relative=0.01, seed=seed).means("grey"), known.fit.model
        )
        gains.append(true_gain(power, again.fit, np.array([0.5]), np.array([1.0])))
    # Left-out levels of readings without a bend may add to it by chance.
    assert np.std(gains) == pytest.approx(np.linalg.norm(known._noise("linear") @ weights), rel=0.4)


def test_more_levels_and_more_readings_narrow_it(measure, lcd_curve):
    weights = np.full(CELLS, 1 / CELLS)
    weights[: CELLS // 4] = 0
    few, many, often = (
        error_of(measure({"grey": lcd_curve}, levels=n, repeats=r)).sd(weights, "linear")
        for n, r in ((9, 3), (33, 3), (33, 27))
    )
    assert often < many < few


def test_what_distortions_share_leaves_their_ratio_known(measure, lcd_curve):
    known = error_of(measure({"grey": lcd_curve}))
    rng = np.random.default_rng(0)
    levels = rng.uniform(0.4, 0.7, 2000)
    u, v = (cells_of(levels, energy / energy.sum()) for energy in rng.chisquare(1, (2, 2000)))
    assert known.sd(u - u, "srgb") == 0
    assert known.sd(u - v, "srgb") < known.sd(u, "srgb")


def test_levels_are_added_where_the_curve_bends(measure):
    def bent(level):
        # All of the bend lies between two of 9 levels, 128 and 159.
        return 0.3 + 120 * np.interp(level, [0, 0.52, 0.6, 1], [0, 0.35, 0.6, 1])

    measurements = measure({"grey": bent, "red": power}, levels=9)
    comparison = compare(measurements)
    [told] = comparison_doubts(comparison)
    assert told.startswith("warning: grey: left-out levels are missed by ")
    known = SlopeError.of(measurements.means("grey"), comparison.chosen)
    levels = proposed_levels(known, 255)
    assert f"measure {', '.join(map(str, levels))} too, or 17 levels" in told
    assert any(127 < level < 160 for level in levels)
    assert proposed_levels(known, 8) == []


def test_nothing_is_doubted_of_a_curve_that_is_followed(measure, lcd_curve):
    assert comparison_doubts(compare(measure({"grey": power}))) == []
    assert comparison_doubts(compare(measure({"grey": lcd_curve}, levels=33, relative=0.01))) == []


def test_black_and_constant_images_have_an_error(measure):
    known = error_of(measure({"grey": power}))
    for level in (0.0, 1.0):
        weights = cells_of(np.array([level]), np.array([1.0]))
        assert weights.sum() == 1
        assert np.isfinite(known.sd(weights, "srgb"))
    assert np.isfinite(known.by_level).all()
