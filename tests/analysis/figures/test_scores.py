import matplotlib.colors
import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis import plot_scores, read_trials, score
from pdpsych.analysis.figures.ratios import log_ratio_panels


@pytest.fixture(scope="module")
def study(write_study):
    return write_study(trials=30, participants=("01",))


@pytest.fixture(scope="module")
def scored(study):
    return score(study)


def dots(ax):
    return [line.get_xdata() for line in ax.lines if line.get_marker() == "o"]


def test_scores_are_in_the_order_of_the_ranking(scored):
    ax = plot_scores(scored.ranking, scored.ceiling)
    table = scored.ranking.query("kind == 'principal'")
    assert [label.get_text() for label in ax.get_yticklabels()] == table["model"].tolist()
    np.testing.assert_allclose(dots(ax)[0], table["score"])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    # One participant alone has no noise ceiling.
    assert "noise ceiling" not in labels


def ranked(**columns):
    table = pd.DataFrame({"kind": "principal", "model": ["A", "B"], "took_part": True})
    table = table.assign(score=[0.3, 1.2], low=[0.2, 1.0], high=[0.4, np.nan])
    return table.assign(individual=[0.4, 1.3], **{"bounds": 0, **columns})


def test_a_score_that_is_a_bound_has_an_arrow_to_the_right():
    (arrow,) = plot_scores(ranked(bounds=[0, 2])).texts
    assert arrow.xy == (1.2, 1.0)
    assert arrow.xyann[0] > 0
    assert not plot_scores(ranked(bounds=[0, 0])).texts


def test_a_ceiling_that_is_not_determined_is_said_so_and_does_not_stretch_the_figure():
    ends = {"everyone": 0.5, "everyone_low": 0.01, "everyone_high": 30.0}
    ends |= {"others": 0.7, "others_low": 0.01, "others_high": 50.0}
    limits = pd.DataFrame([{"kind": "principal", "determined": False, **ends}])
    ax = plot_scores(ranked(), limits)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "noise ceiling: not determined" in labels
    assert ax.get_xlim()[1] < 2
    sure = limits.assign(
        determined=True, everyone_low=0.3, everyone_high=0.8, others_low=0.4, others_high=1.0
    )
    labels = [text.get_text() for text in plot_scores(ranked(), sure).get_legend().get_texts()]
    assert "its 95 % interval" in labels


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
