import numpy as np
import pytest

from pdpsych.analysis import fit, score
from pdpsych.analysis.figures.comparisons import plot_differences, plot_threshold_map
from pdpsych.analysis.figures.scores import save_figure


@pytest.fixture(scope="module")
def study(write_study):
    return write_study(trials=40)


@pytest.fixture(scope="module")
def fitted(study):
    return fit(study)


@pytest.fixture(scope="module")
def scored(study, fitted):
    return score(study, fitted)


def test_every_pair_of_models_has_a_cell(scored):
    ax = plot_differences(scored)
    rows = scored.differences.query("kind == 'principal'")
    assert sorted(text.get_text() for text in ax.texts) == sorted(
        f"{value:.2f}" for value in rows["difference"]
    )
    assert len(ax.patches) == rows["separated"].sum()
    ranked = scored.ranking.query("kind == 'principal'")["model"].tolist()
    assert [label.get_text() for label in ax.get_xticklabels()] == ranked[:-1]
    assert [label.get_text() for label in ax.get_yticklabels()] == ranked[1:]
    values = np.ma.filled(ax.images[0].get_array(), np.nan)
    worst = rows.query("model == @ranked[0] and other == @ranked[-1]")["difference"].iloc[0]
    assert values[-1, 0] == pytest.approx(worst)
    assert np.isnan(values[0, 1])


def test_the_map_holds_all_thresholds_in_rms_contrast(fitted):
    images = fitted.thresholds["image"].unique()
    ax = plot_threshold_map(fitted, dict.fromkeys(images, 256))
    values = np.ma.filled(ax.images[0].get_array(), np.nan)
    assert values.shape == (2, 12)
    np.testing.assert_allclose(
        np.sort(values.ravel()), np.sort(fitted.thresholds["threshold"]) / 16
    )


def test_what_trials_do_not_determine_is_crossed_out(fitted):
    row = fitted.thresholds.index[14]
    table = fitted.thresholds.assign(measured=fitted.thresholds.index != row)
    changed = fitted.__class__(**(vars_of(fitted) | {"thresholds": table}))
    images = table["image"].unique()
    ax = plot_threshold_map(changed, dict.fromkeys(images, 256))
    crosses = next(line for line in ax.lines if line.get_marker() == "x")
    np.testing.assert_array_equal(crosses.get_xydata(), [[2, 1]])


def test_what_trials_do_not_determine_does_not_set_the_scale(fitted):
    table = fitted.thresholds.copy()
    table.loc[3, ["threshold", "measured"]] = [1e6, False]
    changed = fitted.__class__(**(vars_of(fitted) | {"thresholds": table}))
    ax = plot_threshold_map(changed, dict.fromkeys(table["image"].unique(), 256))
    most = table["threshold"][table["measured"].astype(bool)].max() / 16
    assert ax.images[0].norm.vmax == pytest.approx(most)


def vars_of(fitted):
    return {name: getattr(fitted, name) for name in fitted.__dataclass_fields__}


def test_a_figure_is_saved_for_screen_and_print(scored, tmp_path):
    paths = save_figure(plot_differences(scored).figure, tmp_path / "new" / "differences")
    assert [path.name for path in paths] == ["differences.png", "differences.pdf"]
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert paths[1].read_bytes().startswith(b"%PDF")
