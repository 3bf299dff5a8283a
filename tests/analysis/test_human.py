import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis.human import HumanRatios, human_ratios, ratio_table
from pdpsych.errors import InputError

PAIRS = pd.DataFrame({"image": ["a", "b"], "pair": ["p", "p"], "kind": ["principal"] * 2})


def ratios(samples):
    participants = [f"{number:02}" for number in range(samples.shape[1])]
    pairs = pd.DataFrame({"image": [f"i{k}" for k in range(samples.shape[2])]})
    return HumanRatios(pairs.assign(pair="p", kind="principal"), participants, samples)


def test_ratio_is_log_threshold_of_v_minus_that_of_u(make_fit):
    fitted = make_fit({("01", "a", "p", 1): (-1.0, 0.1), ("01", "a", "p", 2): (0.5, 0.2)})
    human = human_ratios(fitted, PAIRS)
    assert human.pairs["image"].tolist() == ["a"]
    assert human.samples.mean() == pytest.approx(1.5, abs=0.02)
    assert human.samples.std() == pytest.approx(np.hypot(0.1, 0.2), rel=0.05)


def test_a_pair_with_one_threshold_is_no_pair(make_fit):
    with pytest.raises(InputError, match="no pair has thresholds for both of its distortions"):
        human_ratios(make_fit({("01", "a", "p", 1): (0.0, 0.1)}), PAIRS)


def test_one_participant_is_pooled_as_is():
    samples = np.random.default_rng(0).normal(0, 0.2, (1000, 1, 3))
    pooled = ratios(samples).pool(np.random.default_rng(1))
    np.testing.assert_array_equal(pooled, samples[:, 0])


@pytest.mark.parametrize(("between", "noise"), [(0.0, 0.3), (0.5, 0.1), (0.3, 0.3)])
def test_pooled_variance_is_that_of_the_mean_over_participants(between, noise):
    # Mean over many pairs of the squared error of the pooled mean, against the variance claimed.
    rng = np.random.default_rng(3)
    people, pairs = 6, 400
    estimate = between * rng.standard_normal((people, pairs))
    estimate += noise * rng.standard_normal((people, pairs))
    samples = estimate + noise * rng.standard_normal((1500, people, pairs))
    pooled = ratios(samples).pool(rng)
    expected = (between**2 + noise**2) / people
    assert np.mean(pooled.mean(axis=0) ** 2) == pytest.approx(expected, rel=0.25)
    assert pooled.var(axis=0).mean() == pytest.approx(expected, rel=0.15)


def test_participants_are_drawn_whole():
    # All differences lie between participants and are the same in both pairs, so must the
    # uncertainty be.
    samples = np.random.default_rng(0).normal(0, 1e-3, (3000, 4, 2))
    samples += np.array([-1.0, -0.5, 0.5, 1.0])[:, None]
    pooled = ratios(samples).pool(np.random.default_rng(1))
    assert np.corrcoef(pooled.T)[0, 1] > 0.999


def test_a_missing_pair_of_one_participant_is_left_to_the_others():
    samples = np.random.default_rng(0).normal(0, 0.01, (2000, 3, 2))
    samples += np.array([1.0, 2.0, 3.0])[:, None]
    samples[:, 2, 1] = np.nan
    pooled = ratios(samples).pool(np.random.default_rng(1))
    np.testing.assert_allclose(pooled.mean(axis=0), [2.0, 1.5], atol=0.05)
    assert (pooled.std(axis=0) > 0.3).all()


def test_table_has_everybody_and_all_together(make_fit):
    fitted = make_fit(
        {
            ("01", "a", "p", 1): (0.0, 0.1),
            ("01", "a", "p", 2): (1.0, 0.1),
            ("02", "a", "p", 1): (0.0, 0.1),
            ("02", "a", "p", 2): (2.0, 0.1),
        }
    )
    human = human_ratios(fitted, PAIRS)
    table = ratio_table(human, human.pool(np.random.default_rng(0)), 0.95)
    rows = table.set_index("participant")
    assert rows.index.tolist() == ["01", "02", "all"]
    np.testing.assert_allclose(rows["log_ratio"], [1.0, 2.0, 1.5], atol=0.05)
    assert (rows["low"] < rows["log_ratio"]).all()
    assert (rows["log_ratio"] < rows["high"]).all()
    # Two people who differ by 1: half their distance is the standard error of their mean.
    assert rows.loc["all", "sd"] == pytest.approx(0.5, abs=0.06)
