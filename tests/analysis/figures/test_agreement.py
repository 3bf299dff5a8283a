import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis import plot_agreement
from pdpsych.analysis.figures.agreement import agreement_panels


@pytest.fixture
def tables():
    pairs = pd.DataFrame({"image": list("abc"), "pair": "principal", "kind": "principal"})
    human = pairs.assign(participant="all", log_ratio=[0.0, 1.0, 2.0], low=-1.0, high=3.0)
    human = human.assign(bound=["exact", "exact", "at least"])
    human.loc[2, "high"] = np.nan
    models = [
        pairs.assign(model=name, log_ratio=np.array([0.1, 1.1, 5.0]) * scale, low=7.0, high=9.0)
        for name, scale in (("A", 1), ("B", -1), ("C", 0.5), ("D", 2))
    ]
    scores = pd.concat(models, ignore_index=True)
    return scores.assign(bound="at least", log_ratio_bound=["exact", "at most", "exact"] * 4), human


def test_a_dot_is_an_image_at_the_ratios_of_both(tables):
    ax = plot_agreement(*tables, "A")
    np.testing.assert_allclose(ax.lines[-1].get_xydata(), [[0, 0.1], [1, 1.1], [2, 5.0]])
    human = ax.collections[0].get_segments()
    np.testing.assert_allclose(human[0], [[-1, 0.1], [3, 0.1]])
    arrows = sorted((*text.xy, *text.xyann) for text in ax.texts)
    assert arrows == [(1.0, 1.1, 0.0, -16.0), (2.0, 5.0, 16.0, 0.0)]


def test_images_are_matched_by_name_whatever_their_order(tables):
    scores, human = tables
    ax = plot_agreement(scores, human.iloc[::-1], "A")
    np.testing.assert_allclose(ax.lines[-1].get_xydata(), [[0, 0.1], [1, 1.1], [2, 5.0]])


def test_what_is_not_known_of_a_model_is_left_out(tables):
    scores, human = tables
    scores.loc[0, "log_ratio"] = np.nan
    ax = plot_agreement(scores, human, "A")
    assert len(ax.lines[-1].get_xdata()) == 2
    assert len(ax.collections[0].get_segments()) == 2


def test_panels_have_the_same_scale_on_both_axes(tables):
    figure = agreement_panels(*tables, ["B", "A", "C", "D"], "principal")
    assert [ax.get_title() for ax in figure.axes] == ["B", "A", "C", "D"]
    limits = {ax.get_xlim() for ax in figure.axes} | {ax.get_ylim() for ax in figure.axes}
    assert len(limits) == 1
    low, high = limits.pop()
    assert low < -5
    assert high > 10
