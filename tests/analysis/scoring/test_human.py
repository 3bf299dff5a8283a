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
    # Two people who differ by 1: half their distance is the standard error of their mean.
    assert rows.loc["all", "sd"] == pytest.approx(0.5, abs=0.06)
