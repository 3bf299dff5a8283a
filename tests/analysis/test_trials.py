import json

import numpy as np
import pytest

from pdpsych.analysis.definition import open_analysis
from pdpsych.analysis.trials import gather
from pdpsych.errors import InputError

LOG = "experiments/data/early/sub-{}_ses-01.jsonl"


def change_header(study, participant, **fields):
    path = study / LOG.format(participant)
    first, rest = path.read_text().split("\n", 1)
    path.write_text(json.dumps(json.loads(first) | fields) + "\n" + rest)


def test_all_trials_in_one_table_practice_left_out_and_counted(write_study):
    trials = gather(open_analysis(write_study(trials=10)))
    assert len(trials.table) == 2 * 12 * 10
    assert trials.excluded.to_dict("records") == [
        {"participant": p, "reason": reason, "count": count}
        for p in ("01", "02")
        for reason, count in (("practice", 3), ("in another log too", 0))
    ]
    assert list(trials.table.columns) == [
        "participant", "session", "order", "image", "pair", "distortion", "amplitude", "easy",
        "response", "correct", "response_time",
    ]  # fmt: skip
    assert trials.table["participant"].unique().tolist() == ["01", "02"]
    assert trials.table["correct"].dtype == bool


def test_amplitudes_are_those_realised_not_those_asked_for(write_study):
    study = write_study(participants=("01",), trials=10)
    lines = (study / LOG.format("01")).read_text().splitlines()[4:]
    realised = [json.loads(line)["realised"] for line in lines]
    np.testing.assert_array_equal(gather(open_analysis(study)).table["amplitude"], realised)


def test_no_log_names_the_command(write_study):
    study = write_study(participants=())
    with pytest.raises(InputError, match=r"no trial log here.*pdpsych run .*early\.yaml"):
        gather(open_analysis(study))


def test_log_of_another_set_is_refused(write_study):
    study = write_study(trials=4)
    change_header(study, "02", stimulus_set_sha256="f" * 64)
    with pytest.raises(InputError, match=r"sub-02_ses-01.jsonl: stimulus_set_sha256: .*ffffffffff"):
        gather(open_analysis(study))


def test_logs_with_other_settings_are_refused(write_study):
    study = write_study(trials=4)
    change_header(study, "02", config={"trials_per_condition": 4, "display": {"curve": 2.2}})
    with pytest.raises(InputError, match=r"sub-02_ses-01.jsonl: config.display: .*2.2.*sub-01"):
        gather(open_analysis(study))


def test_seed_and_keys_may_differ(write_study):
    study = write_study(trials=4)
    same = {"trials_per_condition": 4, "display": {"curve": "srgb"}}
    change_header(study, "02", config=same | {"seed": 9, "keys": {"first": "a"}})
    assert gather(open_analysis(study)).table["participant"].nunique() == 2


def test_an_excluded_participant_cannot_spoil_the_others(write_study):
    study = write_study(trials=4, exclude=["02"])
    change_header(study, "02", stimulus_set_sha256="f" * 64)
    assert gather(open_analysis(study)).table["participant"].unique().tolist() == ["01"]


def test_nothing_but_practice_is_refused(write_study):
    study = write_study(participants=("01",), trials=4)
    path = study / LOG.format("01")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:4]))
    with pytest.raises(InputError, match="no trial to analyse; left out: 3 practice"):
        gather(open_analysis(study))


def test_a_cut_off_line_is_left_out_and_noted(write_study):
    study = write_study(participants=("01",), trials=4)
    path = study / LOG.format("01")
    path.write_text(path.read_text()[:-20])
    trials = gather(open_analysis(study))
    assert len(trials.table) == 12 * 4 - 1
    assert "cut off" in trials.notes[0]
