"""Trials that can be, though nobody plans them: results are finite, and bounds where needed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis import Analysis
from pdpsych.analysis.fitting.fit import fit_table
from pdpsych.experiments.placement.psychometric import proportion_correct

ANALYSIS = Analysis(experiment=Path("none"), samples=300)
ENDS = ["trials_low", "trials_high"]


def trials(amplitude, correct, conditions=4, participant="01"):
    """Return a table in which each condition has the same amplitudes and answers, by turns."""
    count = len(amplitude)
    condition = np.tile(np.arange(conditions), count)
    correct = np.repeat(np.asarray(correct, dtype=bool), conditions)
    position = 1 + np.arange(condition.size) // 2 % 2
    return pd.DataFrame(
        {
            "participant": participant,
            "session": "01",
            "order": np.arange(condition.size),
            "image": [f"image-{c // 2}" for c in condition],
            "pair": "principal",
            "distortion": 1 + condition % 2,
            "amplitude": np.repeat(np.asarray(amplitude, dtype=float), conditions),
            "easy": False,
            "response": np.where(correct, position, 3 - position),
            "correct": correct,
            "response_time": np.nan,
            "sign": 1,
        }
    )


def drawn(rng, threshold, count, lapse=0.02):
    """Return amplitudes around a threshold, and answers to them."""
    amplitude = threshold * np.exp(rng.normal(0.3, 0.6, count))
    return amplitude, rng.random(count) < proportion_correct(amplitude, threshold, 1.0, lapse)


def finite(fitted):
    """Whether all that a fit says is a number, but for ends that bounds do not have."""
    thresholds = fitted.thresholds.drop(columns=ENDS).select_dtypes("number")
    tables = thresholds, fitted.participants.select_dtypes("number"), fitted.samples
    by_trials = [fitted.draws_by_trials(name) for name in fitted.posteriors]
    return all(np.isfinite(np.asarray(t, dtype=float)).all() for t in (*tables, *by_trials))


def check(fitted):
    """Expect finite results, in order."""
    rows = fitted.thresholds
    assert finite(fitted)
    assert (rows["threshold"] > 0).all()
    assert (rows["low"] <= rows["threshold"]).all()
    assert (rows["threshold"] <= rows["high"]).all()
    assert fitted.participants["lapse"].between(0, 0.5).all()
    return rows


@pytest.mark.parametrize(("correct", "bounds"), [(True, {"unknown"}), (False, {"at least"})])
def test_a_single_trial_says_next_to_nothing(correct, bounds):
    rows = check(fit_table(trials([0.02], [correct], conditions=1), ANALYSIS))
    # Right answers may be guessed; a wrong one where all is seen would be a lapse, which is rare.
    assert set(rows["bound"]) <= bounds | {"unknown"}
    assert rows["trials_high"].isna().all()
    assert rows["high"][0] > 3 * rows["low"][0]


def test_one_trial_of_each_condition_says_nothing_of_any():
    rows = check(fit_table(trials([0.02], [True]), ANALYSIS))
    assert set(rows["bound"]) == {"unknown"}


def test_all_right_bounds_thresholds_from_above():
    rows = check(fit_table(trials(np.geomspace(0.005, 0.05, 40), [True] * 40), ANALYSIS))
    assert set(rows["bound"]) == {"at most"}
    assert rows["trials_low"].isna().all()
    # Forty right answers in a row: some of these amplitudes were above the threshold.
    assert (rows["trials_high"] < 0.05).all()


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_answers_that_are_wrong_or_chance_bound_thresholds_from_below(share):
    right = np.arange(60) % 2 < 2 * share
    fitted = fit_table(trials(np.geomspace(0.005, 0.05, 60), right), ANALYSIS)
    rows = check(fitted)
    # Chance at all amplitudes may also be somebody who always guesses, whatever they see.
    assert "exact" not in set(rows["bound"])
    assert share or rows["trials_high"].isna().all()
    assert "chance" in fitted.participants["flags"][0]


def test_one_amplitude_only_at_a_likely_threshold():
    right = np.random.default_rng(0).permutation(100) < 76
    rows = check(fit_table(trials([0.02] * 100, right), ANALYSIS))
    # Of 100 answers at one amplitude 76 are right, as where it is the threshold.
    assert (rows["low"] < 0.02).all()
    # Or those who miss the others by lapses, which flags say.
    assert (rows["high"] > 0.02).any()


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_unit_of_amplitudes_does_not_matter(scale):
    rng = np.random.default_rng(1)
    amplitude, correct = drawn(rng, 1.0, 60)
    plain = fit_table(trials(amplitude, correct), ANALYSIS).thresholds
    rows = check(fit_table(trials(scale * amplitude, correct), ANALYSIS))
    for end in ("threshold", "low", "high", *ENDS):
        np.testing.assert_allclose(rows[end] / scale, plain[end], rtol=1e-3)
    assert rows["bound"].tolist() == plain["bound"].tolist()


def test_blank_trials_only_are_at_chance():
    right = np.arange(40) % 2 == 0
    fitted = fit_table(trials([0.0] * 40, right), ANALYSIS)
    rows = check(fitted)
    assert set(rows["bound"]) == {"unknown"}
    assert "chance" in fitted.participants["flags"][0]


def test_twenty_thousand_trials_of_a_condition_find_it_closely():
    rng = np.random.default_rng(2)
    amplitude, correct = drawn(rng, 0.02, 20_000)
    rows = check(fit_table(trials(amplitude, correct, conditions=1), ANALYSIS))
    assert rows["bound"].tolist() == ["exact"]
    assert rows["high"][0] < 1.15 * rows["low"][0]
    assert rows["low"][0] < 0.02 < rows["high"][0]


@pytest.mark.parametrize("thresholds", [(1e-4, 1e-2, 1.0), (1e-9, 1e-3, 1e3)])
def test_thresholds_far_apart_are_found_or_flagged(thresholds):
    rng = np.random.default_rng(3)
    tables = []
    for image, threshold in enumerate(thresholds):
        amplitude, correct = drawn(rng, threshold, 40)
        tables.append(trials(amplitude, correct, conditions=2).assign(image=f"image-{image}"))
    table = pd.concat(tables, ignore_index=True)
    fitted = fit_table(table.assign(order=rng.permutation(len(table))), ANALYSIS)
    off = np.abs(np.log(check(fitted)["threshold"] / np.repeat(thresholds, 2)))
    assert (off < 1).all() or "outside the amplitudes shown" in fitted.participants["flags"][0]


def test_somebody_without_any_signal_does_not_spoil_somebody_else():
    rng = np.random.default_rng(4)
    amplitude, correct = drawn(rng, 0.02, 40)
    good = trials(amplitude, correct)
    bad = trials(amplitude, rng.random(40) < 0.5, participant="02")
    both = fit_table(pd.concat([good, bad], ignore_index=True), ANALYSIS)
    alone = fit_table(good, ANALYSIS)
    pd.testing.assert_frame_equal(both.thresholds.iloc[:4], alone.thresholds)
    check(both)
