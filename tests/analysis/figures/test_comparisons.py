import numpy as np
import pytest

from pdpsych.analysis import fit, plot_differences, plot_threshold_map, score


@pytest.fixture(scope="module")
def study(write_study):
    return write_study(trials=40)


@pytest.fixture(scope="module")
def fitted(study):
    return fit(study)


@pytest.fixture(scope="module")
def scored(study, fitted):
    return score(study, fit=fitted)


def test_every_pair_of_models_has_a_cell(scored):
    ax = plot_differences(scored.sides)
    rows = scored.sides.query("kind == 'principal'")
    assert sorted(text.get_text() for text in ax.texts) == sorted(
        f"{value:.2f}" for value in rows["side"]
    )
    assert len(ax.patches) == rows["separated"].sum()
    ranked = scored.ranking.query("kind == 'principal'")["model"].tolist()
    assert [label.get_text() for label in ax.get_xticklabels()] == ranked[:-1]
    assert [label.get_text() for label in ax.get_yticklabels()] == ranked[1:]
    values = np.ma.filled(ax.images[0].get_array(), np.nan)
    worst = rows.query("model == @ranked[0] and other == @ranked[-1]")["side"].iloc[0]
    assert values[-1, 0] == pytest.approx(worst)
    assert np.isnan(values[0, 1])


def test_the_map_holds_all_thresholds_in_rms_contrast(fitted):
    images = fitted.thresholds["image"].unique()
    ax = plot_threshold_map(fitted.thresholds, dict.fromkeys(images, 256))
    values = np.ma.filled(ax.images[0].get_array(), np.nan)
    assert values.shape == (2, 12)
    np.testing.assert_allclose(
        np.sort(values.ravel()), np.sort(fitted.thresholds["threshold"]) / 16
    )


def test_what_trials_do_not_determine_is_crossed_out(fitted):
    row = fitted.thresholds.index[14]
    table = fitted.thresholds.assign(
        bound=np.where(fitted.thresholds.index == row, "at least", "exact")
    )
    ax = plot_threshold_map(table, dict.fromkeys(table["image"].unique(), 256))
    crosses = next(line for line in ax.lines if line.get_marker() == "x")
    np.testing.assert_array_equal(crosses.get_xydata(), [[2, 1]])


def test_what_trials_do_not_determine_does_not_set_the_scale(fitted):
    table = fitted.thresholds.copy()
    table.loc[3, ["threshold", "bound"]] = [1e6, "at least"]
    ax = plot_threshold_map(table, dict.fromkeys(table["image"].unique(), 256))
    most = table["threshold"][table["bound"] == "exact"].max() / 16
    assert ax.images[0].norm.vmax == pytest.approx(most)
