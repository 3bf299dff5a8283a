import numpy as np
import pytest

from pdpsych.analysis import fit, plot_threshold_map


@pytest.fixture(scope="module")
def study(write_study):
    return write_study(trials=40)


@pytest.fixture(scope="module")
def fitted(study):
    return fit(study)


def test_the_map_holds_all_thresholds_in_rms_contrast(fitted):
    images = fitted.thresholds["image"].unique()
    table = fitted.thresholds.assign(bound="exact")
    ax = plot_threshold_map(table, dict.fromkeys(images, 256))
    values = np.ma.filled(ax.images[0].get_array(), np.nan)
    assert values.shape == (2, 12)
    np.testing.assert_allclose(
        np.sort(values.ravel()), np.sort(fitted.thresholds["threshold"]) / 16
    )


@pytest.mark.parametrize(
    ("bound", "marker"), [("at least", "^"), ("at most", "v"), ("unknown", "x")]
)
def test_bounds_are_marked_by_the_side_they_are_on(fitted, bound, marker):
    table = fitted.thresholds.assign(bound="exact", outside_range=True)
    table.loc[14, "bound"] = bound
    ax = plot_threshold_map(table, dict.fromkeys(table["image"].unique(), 256))
    marks = {line.get_marker(): line.get_xydata().tolist() for line in ax.lines}
    assert marks[marker] == [[2, 1]]
    assert [2, 1] not in marks["."]
    assert len(marks["."]) == len(table) - 1


def test_of_a_threshold_that_is_a_bound_the_map_has_the_bound(fitted):
    table = fitted.thresholds.assign(bound="exact")
    table.loc[14, ["bound", "trials_low"]] = ["at least", 8.0]
    ax = plot_threshold_map(table, dict.fromkeys(table["image"].unique(), 256))
    assert ax.images[0].get_array()[1, 2] == pytest.approx(0.5)


def test_what_trials_say_nothing_of_does_not_set_the_scale(fitted):
    table = fitted.thresholds.assign(bound="exact")
    table.loc[3, ["threshold", "bound"]] = [1e6, "unknown"]
    ax = plot_threshold_map(table, dict.fromkeys(table["image"].unique(), 256))
    most = table["threshold"].drop(3).max() / 16
    assert ax.images[0].norm.vmax == pytest.approx(most)
