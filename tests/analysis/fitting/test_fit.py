import csv
import json

import numpy as np
import pandas as pd
import pytest
from refusals import refused

from pdpsych.analysis import Fit, fit, open_analysis, read_trials
from pdpsych.analysis.fitting.fit import SCHEMA, fit_table
from pdpsych.analysis.fitting.integration import solve


@pytest.fixture
def study(write_study):
    return write_study(trials=60)


def test_thresholds_of_a_study(study):
    fitted = fit(study)
    table = fitted.thresholds
    assert len(table) == 24
    assert set(table["trials"]) == {60}
    # Sees like LGN: v of a principal pair has a higher threshold than u, by its log ratio.
    logs = table.set_index(["participant", "image", "pair", "distortion"])["log_threshold"]
    for image, ratio in zip(("camel", "einstein", "parrot"), (1.5, 1.3, 1.7), strict=True):
        difference = [logs[p, image, "principal", 2] - logs[p, image, "principal", 1] for p in "12"
                      for p in (f"0{p}",)]  # fmt: skip
        assert np.mean(difference) == pytest.approx(ratio, abs=0.7)
    assert (table["low"] < table["threshold"]).all()
    assert (table["threshold"] < table["high"]).all()
    np.testing.assert_allclose(np.exp(table["log_threshold"]), table["threshold"])
    assert fitted.participants["lapse"].between(0, 0.08).all()
    assert fitted.excluded.query("reason == 'practice'")["count"].tolist() == [3, 3]


def test_samples_have_the_moments_of_the_table(write_study):
    fitted = fit(write_study(trials=40, samples=20_000))
    assert fitted.samples.shape == (20_000, 24)
    np.testing.assert_allclose(
        np.median(fitted.samples, axis=0), fitted.thresholds["log_threshold"], atol=0.02
    )
    np.testing.assert_allclose(fitted.samples.std(axis=0), fitted.thresholds["sd"], rtol=0.05)
    inside = (np.exp(fitted.samples) > fitted.thresholds["low"].to_numpy()) & (
        np.exp(fitted.samples) < fitted.thresholds["high"].to_numpy()
    )
    np.testing.assert_allclose(inside.mean(axis=0), 0.95, atol=0.01)


def test_json_reads_back_to_the_same_fit_and_samples(study, tmp_path):
    fitted = fit(study)
    again = Fit.from_json(fitted.to_json(tmp_path / "again.json"))
    pd.testing.assert_frame_equal(again.thresholds, fitted.thresholds)
    np.testing.assert_array_equal(again.samples, fitted.samples)
    assert again == fitted
    assert hash(again) == hash(fitted)


def test_results_are_written_with_a_data_dictionary(study):
    fit(study)
    folder = study / "analysis/results/main"
    assert sorted(path.name for path in folder.iterdir()) == [
        "bins.csv", "bins.json", "digests.json", "excluded.csv", "excluded.json", "fit.json",
        "goodness.csv", "goodness.json", "participants.csv", "participants.json",
        "thresholds.csv", "thresholds.json",
    ]  # fmt: skip
    described = json.loads((folder / "thresholds.json").read_text())
    with (folder / "thresholds.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(described) == list(rows[0])
    assert all(entry["units"] for entry in described.values())
    assert rows[0]["participant"] == "01"


def test_participants_tell_each_other_of_exponents_alone(study):
    together = fit(study)
    (study / "analysis/main.yaml").write_text(
        "experiment: ../experiments/early.yaml\nparticipants: ['02']\nsamples: 500\n"
    )
    alone = fit(study)
    one, other = (fitted.posteriors["02"] for fitted in (alone, together))
    expected = solve(one.observations, exponents=other.mode.prior.exponents)
    np.testing.assert_allclose(other.mean, expected.mean)
    # Of whose exponents more is known, thresholds are better known.
    assert other.moments(other.nodes.log_exponents)[1].sum() < (
        one.moments(one.nodes.log_exponents)[1].sum()
    )
    assert other.sd.mean() < one.sd.mean()


def changed(study, **columns):
    return fit_table(read_trials(study).table.assign(**columns), open_analysis(study))


def test_thresholds_outside_the_amplitudes_shown_are_flagged(study):
    fitted = changed(study, correct=True)
    assert fitted.thresholds["outside_range"].all()
    assert "12 of 12 thresholds outside" in fitted.participants["flags"][0]


def test_answers_at_chance_are_flagged(study):
    rng = np.random.default_rng(0)
    fitted = changed(study, correct=lambda t: rng.random(len(t)) < 0.5)
    assert fitted.participants["flags"].str.contains("not better than chance").all()


def test_a_good_participant_has_no_flags(study):
    assert fit(study).participants["flags"].tolist() == ["", ""]


def test_trials_without_signal_are_counted_and_leave_the_prior(study):
    fitted = changed(study, amplitude=0.0)
    assert np.isfinite(fitted.thresholds["log_threshold"]).all()
    assert (fitted.thresholds["sd"] > 1).all()
    assert fitted.thresholds["outside_range"].all()
    assert (fitted.thresholds["bound"] == "unknown").all()
    assert fitted.thresholds[["trials_low", "trials_high"]].isna().all(axis=None)
    assert "12 of 12 thresholds only bounded by trials" in fitted.participants["flags"][0]


def test_bounds_are_about_the_trials_not_about_how_alike_conditions_are(study):
    assert (fit(study).thresholds["bound"] == "exact").all()
    # One condition without signal among others that are well measured and much alike.
    fitted = changed(
        study,
        amplitude=lambda t: t["amplitude"].where(
            (t["image"] != "camel") | (t["distortion"] == 1), 0
        ),
    )
    unmeasured = fitted.thresholds[fitted.thresholds["bound"] != "exact"]
    blank = (unmeasured["image"] == "camel") & (unmeasured["distortion"] == 2)
    assert blank.sum() == 4
    # Without those, what they shared says less of others.
    assert len(unmeasured) <= 6


def only(study, keep):
    """Fit the trials for which ``keep`` of the table is true."""
    table = read_trials(study).table
    return fit_table(table[keep(table)], open_analysis(study))


@pytest.mark.parametrize(
    "keep",
    [
        lambda t: (t["participant"] == "01") | (t.groupby("participant").cumcount() == 0),
        lambda t: (t["image"] != "camel") | (t["participant"] == "01"),
        lambda t: (t["image"] == "camel") & (t["distortion"] == 1) & (t["pair"] == "random"),
    ],
    ids=["a participant with one trial", "conditions without trials", "one condition"],
)
def test_few_trials_are_fitted_and_written(study, keep, tmp_path):
    fitted = only(study, keep)
    assert np.isfinite(fitted.thresholds["sd"]).all()
    again = Fit.from_json(fitted.put_into(tmp_path)[0])
    pd.testing.assert_frame_equal(again.participants, fitted.participants)
    pd.testing.assert_frame_equal(again.goodness, fitted.goodness)
    pd.testing.assert_frame_equal(again.bins, fitted.bins)


@pytest.mark.parametrize(
    "columns",
    [{"correct": True}, {"correct": False}, {"amplitude": 1.0}, {"amplitude": 1.0, "correct": True},
     {"amplitude": 0.0}, {"response": 1}],
    ids=["all correct", "all wrong", "one amplitude", "one amplitude, all correct", "nothing shown",
         "one key"],
)  # fmt: skip
def test_trials_that_say_little_are_fitted_and_written(study, columns, tmp_path):
    fitted = changed(study, **columns)
    assert np.isfinite(fitted.thresholds["sd"]).all()
    Fit.from_json(fitted.put_into(tmp_path)[0])
    assert (fitted.participants["flags"] != "").all() or columns == {"amplitude": 1.0}


def test_what_was_left_out_and_said_of_the_logs_is_in_the_print(write_study):
    study = write_study(participants=("01",), trials=20)
    path = study / "experiments/data/early/sub-01_ses-01.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:200]))
    text = fit(study).describe()
    assert "left out: 3 practice" in text
    assert "unfinished: 199 of 243 planned trials, which are used" in text


def test_bootstrap_adds_an_interval_about_as_wide(write_study):
    study = write_study(participants=("01",), trials=40, bootstrap=200)
    table = fit(study).thresholds
    assert (table["bootstrap_low"] < table["threshold"]).all()
    wide = np.log(table["bootstrap_high"] / table["bootstrap_low"])
    ratio = wide / np.log(table["high"] / table["low"])
    assert ratio.between(0.6, 1.7).all()
    assert ratio.mean() == pytest.approx(1.1, abs=0.2)


def test_a_fit_that_is_not_written_leaves_the_results_alone(study):
    results = study / "analysis/results"
    fitted = fit(study, write=False)
    assert not results.exists()
    assert fit(study) == fitted
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    fit(study, write=False)
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before


def test_curves_are_those_of_the_thresholds(study):
    fitted = fit(study, write=False)
    row = fitted.thresholds.iloc[14]
    curves = fitted.curves(row[["participant", "image", "pair", "distortion"]].tolist())
    assert np.log(curves["threshold"]).mean() == pytest.approx(row["log_threshold"], abs=0.05)
    person = fitted.participants.set_index("participant").loc[row["participant"]]
    assert curves["exponent"].median() == pytest.approx(row["exponent"], rel=0.1)
    assert curves["lapse"].median() == pytest.approx(person["lapse"], rel=0.25)


@pytest.mark.parametrize(
    "content",
    ["{", f'{{"schema_version": {SCHEMA.version}, "posteriors": {{"01": []}}}}'],
    ids=["no JSON", "no posterior"],
)
def test_a_file_that_is_no_fit_is_refused(tmp_path, content):
    path = tmp_path / "fit.json"
    path.write_text(content)
    with refused(file=path, remedy="fit again"):
        Fit.from_json(path)


def test_a_fit_of_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "fit.json"
    path.write_text('{"schema_version": 99}')
    with refused(file=path, field="schema_version", value=99):
        Fit.from_json(path)
