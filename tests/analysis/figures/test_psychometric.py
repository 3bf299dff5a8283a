import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis import fit, plot_psychometric, read_trials
from pdpsych.analysis.figures.psychometric import psychometric_panels

WHERE = {"participant": "01", "image": "camel", "pair": "principal", "distortion": 1}
CURVES = pd.DataFrame({"threshold": [0.9, 1.1], "exponent": 1.0, "lapse": 0.0})


@pytest.fixture(scope="module")
def study(write_study):
    return write_study(trials=30, participants=("01",))


def test_psychometric_curve_passes_d_prime_1_at_the_threshold(study):
    fitted = fit(study)
    table = read_trials(study).table
    row = fitted.thresholds.iloc[0]
    condition = (row["participant"], row["image"], row["pair"], row["distortion"])
    ax = fitted.plot_condition(table, condition, dimension=256)
    curve = next(line for line in ax.lines if len(line.get_xdata()) == 200)
    at_threshold = np.interp(row["threshold"] / 16, curve.get_xdata(), curve.get_ydata())
    lapse = fitted.participants["lapse"][0]
    assert at_threshold == pytest.approx(0.5 + (0.5 - lapse) * 0.5205, abs=0.02)
    assert ax.get_xscale() == "log"
    assert "RMS contrast" in ax.get_xlabel()


def test_bins_hold_all_trials_above_zero(study):
    fitted = fit(study)
    table = read_trials(study).table
    ax = fitted.plot_condition(table, ("01", "camel", "principal", 1), dimension=1)
    bins = ax.containers[0].lines[0].get_ydata()
    rows = table.query("image == 'camel' and pair == 'principal' and distortion == 1")
    # 30 trials in 3 bins of 10.
    assert len(bins) == 3
    assert bins.mean() == pytest.approx(rows["correct"].mean())


def test_a_condition_without_signal_still_draws(study):
    table = read_trials(study).table.assign(amplitude=-1.0)
    ax = fit(study).plot_condition(table, ("01", "camel", "principal", 1), dimension=1)
    assert not ax.containers


def drawn(correct, signs=None, **threshold):
    """Draw answers at amplitudes from 0.5 to 2."""
    amplitudes = np.geomspace(0.5, 2, len(correct))
    trials = pd.DataFrame({"amplitude": amplitudes, "correct": correct, **WHERE})
    trials["sign"] = 1 if signs is None else signs
    table = pd.DataFrame([WHERE | threshold]) if threshold else None
    condition = tuple(WHERE.values())
    return plot_psychometric(trials, CURVES, condition, dimension=1, thresholds=table)


def test_the_axis_begins_at_chance_or_at_the_lowest_mark():
    assert drawn(np.ones(40, bool)).get_ylim() == pytest.approx((0.47, 1.03))
    assert drawn(np.arange(40) >= 10).get_ylim() == pytest.approx((-0.03, 1.03))


def test_signs_are_drawn_apart_only_where_answers_differ():
    signs = np.tile([1, -1], 60)
    alike = drawn(np.arange(120) % 3 > 0, signs)
    assert len(alike.containers) == 1
    assert "sign" not in alike.containers[0].get_label()
    differ = drawn((signs > 0) | (np.arange(120) % 4 == 1), signs)
    assert [bars.get_label() for bars in differ.containers] == ["sign +", "sign \N{MINUS SIGN}"]
    plus, minus = (bars.lines[0].get_ydata() for bars in differ.containers)
    assert min(plus) == 1
    assert max(minus) < 0.7


def test_a_threshold_has_its_interval_and_a_bound_an_arrow():
    ends = {"threshold": 1.0, "low": 0.8, "high": 1.3, "trials_low": 1.6, "trials_high": np.nan}
    exact = drawn(np.ones(40, bool), bound="exact", **ends)
    (line,) = exact.collections[-1].get_segments()
    np.testing.assert_allclose(line, [[0.8, 0.7602], [1.3, 0.7602]], atol=1e-4)
    assert not exact.texts
    (arrow,) = drawn(np.ones(40, bool), bound="at least", **ends).texts
    assert arrow.xy[0] == pytest.approx(1.6)
    assert arrow.xyann[0] > 0
    assert not drawn(np.ones(40, bool), bound="unknown", **ends).texts


def test_panels_have_one_scale_and_none_is_empty():
    def draw(condition, ax):
        ax.set_ylim(0.47 if condition[3] == 1 else 0.2, 1.03)
        ax.plot([0], [1])

    figure = psychometric_panels([("01", "camel", "principal", n) for n in (1, 2) * 3], draw)
    shown = [ax for ax in figure.axes if ax.axison]
    assert len(shown) == 6
    assert {ax.get_ylim()[0] for ax in shown} == {0.2}
