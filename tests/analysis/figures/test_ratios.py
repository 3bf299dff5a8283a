from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis import plot_images, plot_log_ratios, score
from pdpsych.analysis.figures.ratios import image_panels, log_ratio_panels


@pytest.fixture(scope="module")
def study(write_study):
    return write_study(trials=30, participants=("01",))


@pytest.fixture(scope="module")
def scored(study):
    return score(study)


def dots(ax):
    return [line.get_xdata() for line in ax.lines if line.get_marker() == "o"]


def test_log_ratios_have_a_row_for_each_model_and_the_human(scored):
    ax = plot_log_ratios(scored.scores, scored.human)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["LN", "LG", "LGN", "Human"]
    np.testing.assert_allclose(dots(ax)[2], [1.5, 1.3, 1.7])
    human = scored.human.query("participant == 'all' and kind == 'principal'")
    np.testing.assert_allclose(dots(ax)[3], human["log_ratio"])
    assert "nat" in ax.get_xlabel()


def test_turning_a_pair_does_not_change_the_picture(scored):
    given = scored.scores, scored.human
    swapped = (_swapped(table, "parrot") for table in given)
    for one, other in zip(
        dots(plot_log_ratios(*given)), dots(plot_log_ratios(*swapped)), strict=True
    ):
        np.testing.assert_allclose(other, one)


def _swapped(table, image):
    there = table["image"] == image
    turned = table.assign(log_ratio=-table["log_ratio"], low=-table["high"], high=-table["low"])
    return table.where(~there, turned)


def test_kinds_stand_side_by_side_on_one_axis(scored):
    axes = log_ratio_panels(scored.scores, scored.human).axes
    assert [ax.get_title() for ax in axes] == ["principal distortions", "random distortions"]
    assert axes[0].get_xlim() == axes[1].get_xlim()


def test_pairs_of_one_question_are_drawn_apart_and_random_ones_together(scored):
    def twice(table):
        again = table.assign(
            pair=table["pair"] + "-2",
            log_ratio=np.where(table["kind"] == "principal", -0.5, 1) * table["log_ratio"],
        )
        return pd.concat([table, again], ignore_index=True)

    axes = log_ratio_panels(twice(scored.scores), twice(scored.human)).axes
    titles = [f"{pair} distortions" for pair in ("principal", "principal-2", "random")]
    assert [ax.get_title() for ax in axes] == titles
    first = dots(log_ratio_panels(scored.scores, scored.human).axes[0])
    for one, other in zip(first, dots(axes[0]), strict=True):
        np.testing.assert_allclose(other, one)
    np.testing.assert_allclose(dots(axes[1])[2], [-0.75, -0.65, -0.85])


def test_many_panels_are_in_rows_each_column_with_an_axis(scored):
    names = ["principal", *(f"principal-{n}" for n in range(2, 6))]
    scores, human = (
        pd.concat(
            [table[table["kind"] == "principal"].assign(pair=name) for name in names],
            ignore_index=True,
        )
        for table in (scored.scores, scored.human)
    )
    figure = log_ratio_panels(scores, human)
    figure.draw_without_rendering()
    drawn = [ax for ax in figure.axes if ax.axison]
    assert len(drawn) == len(names)
    labelled = [any(t.get_visible() for t in ax.get_xticklabels()) for ax in drawn]
    assert labelled == [False, False, True, True, True]


def arrows(ax):
    """Return where arrows begin, and whether to the right."""
    return sorted((float(text.xy[0]), text.xyann[0] > 0) for text in ax.texts)


def made(ratios, bounds=None):
    """Return tables of a model that has people's ratios turned round, of some images."""
    pairs = pd.DataFrame({"image": [f"i{n}" for n in range(len(ratios))]})
    pairs = pairs.assign(pair="principal", kind="principal", log_ratio=ratios)
    bound = np.array(bounds or ["exact"] * len(ratios))
    human = pairs.assign(participant="all", low=pairs["log_ratio"] - 1, bound=bound)
    human["high"] = (human["log_ratio"] + 1).where(bound == "exact")
    models = [pairs.assign(model="same"), pairs.assign(model="turned", log_ratio=-np.array(ratios))]
    return pd.concat(models, ignore_index=True), human


def test_a_human_ratio_that_is_a_bound_has_an_arrow():
    scores, human = made([3.0, 2.0, 1.0], ["exact", "at least", "exact"])
    assert arrows(plot_log_ratios(scores, human)) == [(2.0, True)]


def test_turning_a_pair_turns_its_bound():
    # The first pair is as it is; the second has its models the other way round.
    scores, human = made([2.0, -1.0], ["exact", "at least"])
    assert arrows(plot_log_ratios(scores, human)) == [(1.0, False)]


@pytest.mark.parametrize("number", [3, 48])
def test_each_image_is_a_line_through_all_its_ratios(number):
    scores, human = made(list(np.linspace(0.5, 2.0, number)))
    ax = plot_images(scores, human)
    lines, intervals = (c.get_segments() for c in ax.collections[:2])
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [f"i{n}" for n in range(number)]
    for place, ratio in enumerate(np.linspace(0.5, 2.0, number)):
        np.testing.assert_allclose(lines[place], [[-ratio, place], [ratio, place]])
        np.testing.assert_allclose(intervals[place][:, 0], [ratio - 1, ratio + 1])
    marks = {line.get_label(): line.get_xdata() for line in ax.lines}
    np.testing.assert_allclose(marks["turned"], -np.asarray(marks["Human"]))
    # Names of images do not overlap.
    ax.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))


def test_models_that_are_not_told_apart_are_grey():
    scores, human = made([1.0, 2.0])
    ax = plot_images(scores, human, models=["turned"])
    labels = [label for label in ax.get_legend_handles_labels()[1]]
    assert labels == ["Human", "turned"]


def test_an_image_of_which_no_human_ratio_is_known_is_left_out():
    scores, human = made([1.0, np.nan, 2.0])
    ax = plot_images(scores.fillna(0.0), human)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["i0", "i2"]


def test_what_a_model_is_only_bounded_at_has_an_arrow():
    scores, human = made([1.0, 2.0])
    scores = scores.assign(log_ratio_bound=["exact", "at most", "exact", "unknown"])
    scores.loc[3, "log_ratio"] = np.nan
    assert arrows(plot_images(scores, human)) == [(2.0, False)]


def test_pairs_of_a_kind_have_a_panel_each():
    scores, human = made([1.0, 2.0])
    twice = [pd.concat([t, t.assign(pair="principal-2")]) for t in (scores, human)]
    figure = image_panels(*twice, ["same", "turned"], "principal")
    assert [ax.get_title() for ax in figure.axes] == [
        "principal distortions",
        "principal-2 distortions",
    ]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["Human", "same", "turned"]
