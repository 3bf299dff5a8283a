"""What was measured elsewhere, from the table to the report."""

import numpy as np
import pandas as pd
import pytest
import small_study
from elsewhere_tables import constant_stimuli, true_log_thresholds

from pdpsych import analysis
from pdpsych.analysis.reporting.markup import Gallery
from pdpsych.analysis.reporting.report import report_texts
from pdpsych.studies import check, status


def errors(fitted):
    """Errors of log thresholds by the truth, in standard deviations."""
    truth = true_log_thresholds()
    table = fitted.thresholds
    keys = zip(table["image"], table["pair"], table["distortion"], strict=True)
    return (table["log_threshold"] - [truth[key] for key in keys]) / table["sd"]


def by_trials(fitted):
    """A table of thresholds that hold what the trials of each condition say, and no prior."""
    drawn = np.concatenate([fitted.draws_by_trials(name) for name in fitted.posteriors], axis=1)
    return fitted.thresholds[["participant", "image", "pair", "distortion", "bound"]].assign(
        log_threshold=drawn.mean(axis=0), sd=drawn.std(axis=0)
    )


@pytest.fixture(scope="module")
def of_three(elsewhere):
    return elsewhere(trials=constant_stimuli("3afc", 2, 30, seed=1), alternatives=3)


@pytest.fixture(scope="module")
def fitted(of_three):
    return analysis.fit(of_three)


def test_thresholds_of_three_alternatives_come_back_unbiased(fitted):
    off = errors(fitted)
    assert len(off) == 24
    # Twenty-four errors of sd 1: three standard errors of their mean, and of their spread.
    assert abs(off.mean()) < 0.6
    assert 0.6 < off.std() < 1.4
    assert fitted.participants["converged"].all()
    assert (fitted.participants["flags"] == "").all()
    assert fitted.participants["first_share"].isna().all()
    # As two alternatives, chance would be half and thresholds far off.
    assert fitted.posterior("01").observations.link.name == "3afc"


def test_a_fit_reads_back(fitted, tmp_path):
    assert analysis.Fit.from_json(fitted.to_json(tmp_path / "fit.json")) == fitted


def test_scores_and_report_say_the_source(of_three, fitted):
    scores = analysis.score(of_three, fit=fitted)
    assert scores.closest == ""
    assert scores.deciding["model"].iloc[0] == "LGN"
    opened = analysis.open_analysis(of_three)
    # Saving pictures takes long; a report of thresholds, below, saves some.
    page, methods = report_texts(opened, fitted, scores, Gallery(None))
    assert "Measured elsewhere: trials of trials.csv" in page
    assert "three-alternative forced choice" in page
    assert "three-alternative" in methods
    assert "Hacker" in methods
    assert "hacker1979" in methods
    assert "preference c" not in methods
    assert "(learning)" not in methods
    assert "5040 trials were analysed" in methods
    assert 'alt="Proportion correct against RMS contrast' in page
    assert 'alt="Residuals against' in page


def test_status_knows_the_results_and_sees_a_change(of_three, fitted):
    scores = analysis.score(of_three, fit=fitted)
    assert scores.source["measured"]["task"] == "3afc"
    study = of_three.parents[1]
    assert not status(study).state.outdated
    assert not check(of_three).problems
    table = of_three.parent / "trials.csv"
    text = table.read_text()
    try:
        table.write_text(text.replace("\n", "\r\n"), newline="")
        assert not status(study).state.outdated
        lines = text.splitlines()
        cells = lines[1].split(",")
        cells[-2] = str(int(cells[-2]) - 1)
        table.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")
        assert "answers changed" in "; ".join(status(study).state.outdated)
    finally:
        table.write_text(text)


def test_oddity_comes_back_unbiased(elsewhere):
    path = elsewhere(trials=constant_stimuli("oddity", 1, 60, seed=3), task="oddity")
    fitted = analysis.fit(path, write=False)
    off = errors(fitted)
    assert abs(off.mean()) < 0.85
    assert 0.5 < off.std() < 1.5


def test_scores_of_thresholds_are_those_of_the_fit(of_three, fitted, elsewhere):
    direct = analysis.score(of_three, fit=fitted, write=False)
    again = analysis.score(elsewhere(thresholds=by_trials(fitted)), write=False)
    assert list(again.ranking["model"]) == list(direct.ranking["model"])
    for name in ("score", "raw_score", "median"):
        np.testing.assert_allclose(again.ranking[name], direct.ranking[name], atol=0.02)
    # Of random distortions, of which models see alike, sides are noise.
    ours, theirs = (s.sides[s.sides["kind"] == "principal"] for s in (again, direct))
    np.testing.assert_allclose(ours[["side", "low"]], theirs[["side", "low"]], atol=0.05)
    # As the fit wrote them, with the prior that conditions share.
    own = analysis.score(elsewhere(thresholds=fitted.thresholds), write=False)
    np.testing.assert_allclose(own.ranking["score"], direct.ranking["score"], atol=0.15)


def test_bounds_stay_bounds(elsewhere):
    rows = [("01", *key, value, 0.1, "exact") for key, value in true_log_thresholds().items()]
    names = ["participant", "image", "pair", "distortion", "log_threshold", "sd", "bound"]
    table = pd.DataFrame(rows, columns=names)
    table.loc[1, ["log_threshold", "sd", "bound"]] = [0.2, np.nan, "at least"]
    table.loc[5, ["log_threshold", "sd", "bound"]] = [np.nan, np.nan, "unknown"]
    path = elsewhere(thresholds=table)
    fitted = analysis.fit(path)
    assert "measured elsewhere, 2 bounds among them" in fitted.describe()
    scores = analysis.score(path, fit=fitted)
    own = scores.human[scores.human["participant"] == "01"].set_index(["image", "pair"])
    assert own.loc[("camel", "principal"), "bound"] == "at least"
    # As with trials: the end of the ratio is nearer than the ends of both thresholds.
    near = 0.2 + 0.75 - (np.sqrt(2) - 1) * 1.96 * 0.1
    assert own.loc[("camel", "principal"), "log_ratio"] == pytest.approx(near, abs=0.01)
    assert own.loc[("einstein", "principal"), "bound"] == "unknown"
    page = analysis.report(path, fit=fitted, scores=scores).read_text(encoding="utf-8")
    assert "Measured elsewhere: thresholds of thresholds.csv" in page
    assert "<h2>Participants</h2>" not in page
    assert "<h2>Stimuli</h2>" in page
    assert not status(path.parents[1]).state.outdated


def test_ratios_take_the_place_of_a_set(elsewhere, of_three, fitted):
    rows = [
        (image, "principal", model, values[k])
        for model, values in small_study.RATIOS.items()
        for k, image in enumerate(small_study.IMAGES)
    ]
    ratios = pd.DataFrame(rows, columns=["image", "pair", "model", "log_ratio"])
    path = elsewhere(thresholds=by_trials(fitted).query("pair == 'principal'"), ratios=ratios)
    scores = analysis.score(path)
    direct = analysis.score(of_three, fit=fitted, write=False).ranking
    np.testing.assert_allclose(
        scores.ranking["score"], direct[direct["kind"] == "principal"]["score"], atol=0.02
    )
    opened = analysis.open_analysis(path)
    page, _ = report_texts(opened, analysis.fit(opened, write=False), scores, Gallery(None))
    assert "<h2>Stimuli</h2>" not in page
    assert "Thresholds in model units" in page
    assert not status(path.parents[1]).state.outdated
    ratios.assign(log_ratio=ratios["log_ratio"] + 0.1).to_csv(path.parent / "ratios.csv")
    assert "the ratios changed" in "; ".join(status(path.parents[1]).state.outdated)


def test_trials_against_ratios_are_drawn_in_model_units(fitted, of_three):
    trials = analysis.read_trials(of_three).table
    ax = fitted.plot_condition(trials, ("01", "camel", "principal", 1), dimension=None)
    assert ax.get_xlabel() == "amplitude α [model units]"
    # Chance of three, where the curve begins.
    assert ax.get_lines()[-1].get_ydata()[0] == pytest.approx(1 / 3)


def test_single_trials_with_an_order_tell_of_learning(elsewhere):
    rng = np.random.default_rng(9)
    truth = true_log_thresholds()
    conditions = list(truth)
    order = np.arange(1200)
    which = order % len(conditions)
    threshold = np.array([truth[conditions[c]] for c in which]) + 0.8 * (0.5 - order / 1200)
    amplitude = np.exp(threshold + rng.uniform(-0.7, 1.3, 1200))
    link = analysis.Analysis(trials="x", set="y").link
    correct = rng.random(1200) < link.correct(amplitude / np.exp(threshold))
    table = pd.DataFrame([conditions[c] for c in which], columns=["image", "pair", "distortion"])
    table = table.assign(subject="s1", contrast=amplitude, correct=correct, order=order)
    table = table.sample(frac=1, random_state=1)
    path = elsewhere(trials=table, columns={"participant": "subject", "amplitude": "contrast"})
    row = analysis.fit(path, write=False).participants.iloc[0]
    assert row["participant"] == "s1"
    assert row["learning_low"] < -0.8 < row["learning_high"] < 0
