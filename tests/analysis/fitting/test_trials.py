import json

import numpy as np
from refusals import refused

from pdpsych.analysis import read_trials

LOG = "experiments/data/early/sub-{}_ses-01.jsonl"


def change_header(study, participant, **fields):
    path = study / LOG.format(participant)
    first, rest = path.read_text().split("\n", 1)
    path.write_text(json.dumps(json.loads(first) | fields) + "\n" + rest)


def test_all_trials_in_one_table_practice_left_out_and_counted(write_study):
    trials = read_trials(write_study(trials=10))
    assert len(trials.table) == 2 * 12 * 10
    assert trials.excluded.to_dict("records") == [
        {"participant": p, "reason": reason, "count": count}
        for p in ("01", "02")
        for reason, count in (("practice", 3), ("in another log too", 0))
    ]
    assert list(trials.table.columns) == [
        "participant", "session", "order", "image", "pair", "distortion", "amplitude", "easy",
        "response", "correct", "response_time", "sign",
    ]  # fmt: skip
    assert trials.table["participant"].unique().tolist() == ["01", "02"]
    assert trials.table["correct"].dtype == bool


def test_amplitudes_are_those_realised_not_those_asked_for(write_study):
    study = write_study(participants=("01",), trials=10)
    lines = (study / LOG.format("01")).read_text().splitlines()[4:]
    realised = [json.loads(line)["realised"] for line in lines]
    np.testing.assert_array_equal(read_trials(study).table["amplitude"], realised)


def test_no_log_names_the_command(write_study):
    study = write_study(participants=())
    with refused(file="early", remedy="pdpsych run"):
        read_trials(study)


def test_log_of_another_set_is_refused(write_study):
    study = write_study(trials=4)
    change_header(study, "02", stimulus_set_sha256="f" * 64)
    log = LOG.format("02")
    with refused(file=log, field="stimulus_set_sha256", value="f" * 64, allowed="small"):
        read_trials(study)


def test_logs_with_other_settings_are_refused(write_study):
    study = write_study(trials=4)
    change_header(study, "02", config={"trials_per_condition": 4, "display": {"curve": 2.2}})
    log = LOG.format("02")
    with refused(file=log, field="config.display.curve", value=2.2, allowed="sub-01"):
        read_trials(study)


def test_seed_and_keys_may_differ(write_study):
    study = write_study(trials=4)
    same = {"trials_per_condition": 4, "display": {"curve": "srgb"}}
    change_header(study, "02", config=same | {"seed": 9, "keys": {"first": "a"}})
    assert read_trials(study).table["participant"].nunique() == 2


def test_an_excluded_participant_cannot_spoil_the_others(write_study):
    study = write_study(trials=4, exclude=["02"])
    change_header(study, "02", stimulus_set_sha256="f" * 64)
    assert read_trials(study).table["participant"].unique().tolist() == ["01"]


def test_nothing_but_practice_is_refused(write_study):
    study = write_study(participants=("01",), trials=4)
    path = study / LOG.format("01")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:4]))
    with refused(file="early", remedy="exclude less in") as told:
        read_trials(study)
    assert "left out: 3 practice" in told.value.problem


def test_a_cut_off_line_is_left_out_and_noted(write_study):
    study = write_study(participants=("01",), trials=4)
    path = study / LOG.format("01")
    path.write_text(path.read_text()[:-20])
    trials = read_trials(study)
    assert len(trials.table) == 12 * 4 - 1
    assert "cut off" in trials.notes[0]


def test_a_log_of_another_experiment_is_refused(write_study):
    study = write_study(trials=4)
    change_header(study, "02", experiment="late")
    with refused(file=LOG.format("02"), field="experiment", value="late", allowed="early"):
        read_trials(study)


def test_a_session_that_was_not_started_is_passed_over_with_a_note(write_study):
    study = write_study(trials=4)
    (study / LOG.format("07")).write_text("")
    trials = read_trials(study)
    assert trials.table["participant"].unique().tolist() == ["01", "02"]
    assert "sub-07_ses-01.jsonl: empty: the session was not started" in trials.notes[0]


def test_a_renamed_log_is_refused(write_study):
    study = write_study(trials=4)
    (study / LOG.format("02")).rename(study / LOG.format("03"))
    with refused(file=LOG.format("03")):
        read_trials(study)


def test_trials_of_a_copied_log_count_once(write_study):
    study = write_study(trials=4)
    (study / LOG.format("03")).write_text((study / LOG.format("02")).read_text())
    path = study / LOG.format("03")
    path.write_text(path.read_text().replace('"participant": "02"', '"participant": "03"'))
    trials = read_trials(study)
    assert len(trials.table) == 2 * 12 * 4
    assert trials.excluded.query("participant == '03'")["count"].tolist() == [3, 48]


def test_an_unfinished_session_is_used_and_said(write_study):
    study = write_study(trials=10)
    path = study / LOG.format("02")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:60]))
    trials = read_trials(study)
    assert (trials.table["participant"] == "02").sum() == 56
    said = "sub-02_ses-01.jsonl: unfinished: 59 of 123 planned trials, which are used"
    assert sum(said in note for note in trials.notes) == 1


def test_order_runs_over_sessions_as_they_were_run(write_study):
    study = write_study(participants=("01",), trials=4)
    text = (study / LOG.format("01")).read_text()
    (study / LOG.format("01").replace("ses-01", "ses-00")).write_text(
        text.replace('"session": "01"', '"session": "00"').replace(
            "2026-01-01T00:00:00", "2026-01-02T00:00:00"
        )
    )
    trials = read_trials(study).table
    assert trials["session"].tolist() == ["01"] * 48 + ["00"] * 48
    assert trials["order"].is_monotonic_increasing


def test_who_has_no_trial_left_is_named(write_study):
    study = write_study(trials=10, min_response_time=0.4)
    path = study / LOG.format("02")
    path.write_text(path.read_text().replace('"response_time": 0.5', '"response_time": 0.3'))
    trials = read_trials(study)
    assert trials.table["participant"].unique().tolist() == ["01"]
    assert trials.notes[-1] == "participant 02: no trial is left, and none is fitted"


def test_limits_of_response_times_say_where_there_are_none(write_study):
    study = write_study(trials=10, max_response_time=3)
    path = study / LOG.format("02")
    path.write_text(path.read_text().replace('"response_time": 0.5', '"response_time": null'))
    said = [note for note in read_trials(study).notes if "no response times" in note]
    assert len(said) == 1
    assert said[0].startswith(str(path))


def test_rules_of_the_analysis_are_applied(write_study):
    study = write_study(trials=10, min_response_time=0.1, exclude_timing=True)
    path = study / LOG.format("01")
    path.write_text(path.read_text().replace('"response_time": 0.5', '"response_time": 0.05', 7))
    trials = read_trials(study)
    counts = trials.excluded.set_index(["participant", "reason"])["count"]
    # Three of the seven are practice.
    assert counts["01", "answered within 0.1 s"] == 4
    assert counts["02", "answered within 0.1 s"] == 0
    said = "no timing: exclude_timing leaves none of them out"
    assert sum(said in note for note in trials.notes) == 2
