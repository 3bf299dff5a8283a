from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis import plot_sides
from pdpsych.analysis.turned import against

SIDES = pd.DataFrame(
    {"kind": "principal", "model": ["A", "C", "B"], "other": ["B", "A", "C"]}
).assign(side=[0.4, -0.9, 0.1], low=[-0.1, -1.2, -1], high=[0.9, -0.6, 1.2])
SIDES = SIDES.assign(p_value=[0.1, 0.001, 0.9], separated=[False, True, False])


def test_all_rows_of_a_model_are_turned_towards_it():
    own = against(SIDES, "A")
    assert own[["model", "other"]].to_numpy().tolist() == [["A", "B"], ["A", "C"]]
    np.testing.assert_allclose(own[["side", "low", "high"]], [[0.4, -0.1, 0.9], [0.9, 0.6, 1.2]])


@pytest.mark.parametrize("model", "ABC")
def test_turning_twice_changes_nothing(model):
    for other in "ABC":
        if other != model:
            own = against(SIDES, model).query("other == @other")
            back = against(own, other)
            np.testing.assert_allclose(against(back, model)["side"], own["side"])


def test_the_statement_shows_each_other_model_framed_where_separated():
    ax = plot_sides(SIDES, "A")
    labels = ax.get_yticklabels()
    assert [label.get_text() for label in labels] == ["B", "C"]
    assert [label.get_weight() for label in labels] == ["normal", "bold"]
    assert [label.get_bbox_patch() is not None for label in labels] == [False, True]
    ticks = [label.get_text().replace("\n", " ") for label in ax.get_xticklabels()]
    assert ticks == ["at the other model", "half-way", "at A"]
    np.testing.assert_allclose(ax.lines[-1].get_xdata(), [0.4, 0.9])


def test_an_interval_beyond_the_axis_ends_in_an_arrow():
    ax = plot_sides(SIDES.assign(low=[-3.0, -5, -1], side=[0.4, -4.0, 0.1], high=[0.9, -3, 1]), "A")
    starts = sorted((text.xy[0], text.xyann[0] > 0) for text in ax.texts)
    assert starts == [(-1.75, False), (1.75, True)]
    # A dot beyond is not drawn at the end, where it would be read as there.
    np.testing.assert_allclose(ax.lines[-1].get_xdata(), [0.4])


def test_long_names_do_not_run_into_each_other():
    name = "resnet50 of Stylized ImageNet layer3"
    ax = plot_sides(SIDES.replace("A", name), name)
    ax.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))
