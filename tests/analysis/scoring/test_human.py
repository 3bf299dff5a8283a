import numpy as np
import pandas as pd
import pytest
from refusals import refused

from pdpsych.analysis.scoring.human import human_ratios, ratio_table
from pdpsych.analysis.scoring.pooling import pool

PAIRS = pd.DataFrame({"image": ["a", "b"], "pair": ["p", "p"], "kind": ["principal"] * 2})


def test_ratio_is_log_threshold_of_v_minus_that_of_u(make_fit):
    fitted = make_fit({("01", "a", "p", 1): (-1.0, 0.1), ("01", "a", "p", 2): (0.5, 0.2)})
    human = human_ratios(fitted, PAIRS)
    assert human.pairs["image"].tolist() == ["a"]
    assert human.samples.mean() == pytest.approx(1.5, abs=0.02)
    assert human.samples.std() == pytest.approx(np.hypot(0.1, 0.2), rel=0.05)


def test_a_pair_with_one_threshold_is_no_pair(make_fit):
    with refused(file="made", remedy="run more sessions"):
        human_ratios(make_fit({("01", "a", "p", 1): (0.0, 0.1)}), PAIRS)


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
    table = ratio_table(human, pool(human.samples, np.random.default_rng(0)), 0.95)
    rows = table.set_index("participant")
    assert rows.index.tolist() == ["01", "02", "all"]
    np.testing.assert_allclose(rows["log_ratio"], [1.0, 2.0, 1.5], atol=0.05)
    assert (rows["low"] < rows["log_ratio"]).all()
    assert (rows["log_ratio"] < rows["high"]).all()
    # Two people who differ by 1: half their distance is the standard error of their mean, which
    # what is usual makes a little less.
    assert 0.35 < rows.loc["all", "sd"] < 0.5


@pytest.mark.parametrize(
    ("u", "v", "kind"),
    [
        ("exact", "at least", "at least"),
        ("at most", "exact", "at least"),
        ("at most", "at least", "at least"),
        ("at least", "exact", "at most"),
        ("exact", "at most", "at most"),
        ("at least", "at least", "unknown"),
        ("unknown", "exact", "unknown"),
    ],
)
def test_bounds_of_thresholds_are_those_of_the_ratio(make_fit, u, v, kind):
    given = {("01", "a", "p", 1): (-1.0, 0.1), ("01", "a", "p", 2): (0.5, 0.2)}
    fitted = make_fit(given | {("01", "b", "p", n): (0.0, 0.1) for n in (1, 2)})
    table = fitted.thresholds
    for row, bound in enumerate((u, v)):
        table.loc[row, "bound"] = bound
        if bound in ("at least", "unknown"):
            table.loc[row, "trials_high"] = np.nan
        if bound in ("at most", "unknown"):
            table.loc[row, "trials_low"] = np.nan
    human = human_ratios(fitted, PAIRS)
    everyone = pool(human.samples, np.random.default_rng(0), human.low, human.high)
    rows = ratio_table(human, everyone, 0.95)
    row = rows.query("participant == '01' and image == 'a'").iloc[0]
    assert row["bound"] == kind
    assert np.isnan(row["sd"])
    assert np.isnan(row["high"]) == (kind != "at most")
    assert np.isnan(row["low"]) == (kind != "at least")
    # Between what both ends give, and what one end and the other's middle give.
    reach = 1.96 * np.array([0.1, 0.2])
    if kind == "at least":
        assert row["log_ratio"] == row["low"]
        assert 1.5 - reach.sum() - 0.01 < row["low"] < 1.5 - reach.min() + 0.01
    if kind == "at most":
        assert row["log_ratio"] == row["high"]
        assert 1.5 + reach.min() - 0.01 < row["high"] < 1.5 + reach.sum() + 0.01
    exact = rows.query("participant == '01' and image == 'b'").iloc[0]
    assert exact["bound"] == "exact"
    assert exact["low"] < exact["log_ratio"] < exact["high"]
