import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis import (
    fit,
    plot_dropped_frames,
    plot_residuals_by_order,
    plot_residuals_by_signal,
    plot_response_times,
    read_trials,
)
from pdpsych.analysis.figures.quality import quality_panels


@pytest.fixture(scope="module")
def study(write_study):
    return write_study(trials=30)


@pytest.fixture(scope="module")
def trials(study):
    return read_trials(study)


@pytest.fixture(scope="module")
def fitted(study):
    return fit(study, write=False)


def points(ax):
    return [container.lines[0].get_xydata().astype(float) for container in ax.containers]


def test_the_median_response_time_of_each_participant_is_marked(trials):
    slow = trials.table["participant"] == "02"
    ax = plot_response_times(trials.table.assign(response_time=np.where(slow, 2.0, 0.5)))
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [0.5, 2.0])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["01", "02"]


def test_without_response_times_it_says_so(trials):
    ax = plot_response_times(trials.table.assign(response_time=np.nan))
    assert ax.texts[0].get_text() == "no response times"


def test_what_is_expected_of_all_trials_is_what_was_answered(trials, fitted):
    table = fitted.with_expected(trials.table)
    assert len(table) == len(trials.table)
    by_person = table.groupby("participant")[["correct", "expected"]].mean()
    np.testing.assert_allclose(by_person["correct"], by_person["expected"], atol=0.03)


def test_residuals_by_signal_are_those_of_the_bins(fitted):
    drawn = np.concatenate(points(plot_residuals_by_signal(fitted.bins)))
    bins = fitted.bins
    np.testing.assert_allclose(
        drawn[:, 1], bins["proportion_correct"] - bins["expected_correct"], atol=1e-12
    )


def test_residuals_by_order_show_somebody_who_gets_better(trials, fitted):
    late = trials.table["order"] > trials.table["order"].max() / 2
    table = fitted.with_expected(trials.table.assign(correct=late))
    for line in points(plot_residuals_by_order(table)):
        assert len(line) == 10
        assert line[:4, 1].max() < 0 < line[-4:, 1].min()


def test_dropped_frames_are_counted_by_session():
    dropped = pd.Series([0, 2, 0, 1, 0, 0, 0, 0], index=["a"] * 4 + ["b"] * 4)
    ax = plot_dropped_frames(dropped)
    assert [bar.get_width() for bar in ax.patches] == [50, 0]


def test_panels_hold_all_three(fitted, trials):
    figure = quality_panels(fitted.with_expected(trials.table), fitted.bins)
    assert len(figure.axes) == 3
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["01", "02"]


def test_a_panel_that_would_be_empty_is_left_out(fitted, trials):
    untimed = fitted.with_expected(trials.table.assign(response_time=np.nan))
    figure = quality_panels(untimed, fitted.bins)
    assert [bool(ax.containers) for ax in figure.axes] == [True, True]
