import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis.figures.bounds import draw_intervals, joint, known_thresholds, opposite
from pdpsych.common.drawing import new_axes


@pytest.mark.parametrize(
    ("bounds", "mean"),
    [
        (["exact", "exact"], "exact"),
        (["exact", "at least"], "at least"),
        (["at most", "at most"], "at most"),
        (["at most", "at least"], "unknown"),
        (["exact", "unknown"], "unknown"),
    ],
)
def test_a_mean_is_a_bound_where_one_of_its_parts_is(bounds, mean):
    assert joint(pd.Series(bounds)) == mean
    turned = opposite(pd.Series(bounds))
    assert joint(turned) == opposite(pd.Series([mean]))[0]
    assert opposite(turned).tolist() == bounds


def test_a_threshold_that_is_a_bound_is_shown_as_that_bound():
    table = pd.DataFrame({"threshold": [1.0, 1, 1, 1], "low": 0.5, "high": 2.0})
    table["bound"] = ["exact", "at least", "at most", "unknown"]
    found = known_thresholds(table.assign(trials_low=0.7, trials_high=1.4))
    np.testing.assert_allclose(found["value"], [1.0, 0.7, 1.4, 1.0])
    assert found["low"].notna().tolist() == [True, False, False, False]


def test_arrows_begin_where_intervals_end_and_point_to_where_there_is_no_end():
    table = pd.DataFrame({"value": [1.0, 2.0, 3.0, np.nan], "low": [0.5, 1.5, np.nan, np.nan]})
    table = table.assign(high=[1.5, np.nan, np.nan, np.nan])
    table["bound"] = ["exact", "at least", "unknown", "unknown"]
    ax = new_axes(3, 3)
    draw_intervals(ax, table, [5, 6, 7, 8], colour="black")
    arrows = sorted((*text.xy, text.xyann[0] > 0) for text in ax.texts)
    assert arrows == [(2.0, 6.0, True), (3.0, 7.0, False), (3.0, 7.0, True)]
    lines = ax.collections[0].get_segments()
    np.testing.assert_allclose([line[:, 0] for line in lines[:3]], [[0.5, 1.5], [1.5, 2], [3, 3]])
