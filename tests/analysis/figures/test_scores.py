import matplotlib.colors
import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis import fit, plot_log_ratios, plot_scores, read_trials, score
from pdpsych.analysis.figures.scores import log_ratio_panels


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


def test_scores_are_in_the_order_of_the_ranking(scored):
    ax = plot_scores(scored.ranking, scored.ceiling)
    table = scored.ranking.query("kind == 'principal'")
    assert [label.get_text() for label in ax.get_yticklabels()] == table["model"].tolist()
    np.testing.assert_allclose(dots(ax)[0], table["score"])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert f"a perfect model: {table['expected_perfect'].iloc[0]:.2f}" in labels
    # One participant alone has no noise ceiling.
    assert "noise ceiling" not in labels


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


def test_stimuli_show_base_distortions_and_distorted_images(study):
    opened = read_trials(study).stimulus_set
    ax = opened.plot("camel", "principal", rms=0.02)
    pictures = [image.get_array() for image in ax.images]
    assert len(pictures) == 5
    base = opened["camel"].base[0]
    np.testing.assert_allclose(pictures[0][..., 0], base, atol=1e-6)
    expected = base + 0.02 * 16 * opened["camel"]["principal"].u[0]
    np.testing.assert_allclose(pictures[3][..., 1], np.clip(expected, 0, 1), atol=1e-6)
    assert "RMS contrast 0.02" in ax.texts[3].get_text()
    assert "±" in ax.texts[1].get_text()


def test_figures_do_not_use_pyplot(scored):
    import matplotlib.pyplot as plt

    scored.plot()
    log_ratio_panels(scored.scores, scored.human)
    assert plt.get_fignums() == []


def test_colours_differ_in_lightness():
    from pdpsych.common import drawing

    colours = [drawing.BLUE, drawing.ORANGE, drawing.BLACK]
    rgb = [np.array(matplotlib.colors.to_rgb(colour)) for colour in colours]
    light = sorted(float(c @ [0.2126, 0.7152, 0.0722]) for c in rgb)
    assert min(np.diff(light)) > 0.05
