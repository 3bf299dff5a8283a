import csv
import json
import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import logged
import pandas as pd
import pytest
from refusals import refused

from pdpsych.common.section import load
from pdpsych.experiments import experiment as experiments
from pdpsych.experiments import read_logs
from pdpsych.experiments.exports.bids import BIDS_VERSION
from pdpsych.experiments.exports.exporting import export
from pdpsych.experiments.logs.labels import Labels, log_path
from pdpsych.experiments.logs.records import Header, Trial
from pdpsych.experiments.logs.trial_log import TrialLog

GAZE = {"x_deg": 0.25, "y_deg": None, "largest_deg": 1.5, "lost_s": 0.02, "samples": 250}


def header(participant, session, run, observer, planned) -> Header:
    return logged.header(
        experiment="early-1",
        config={
            "task": "spatial",
            "instructions": {"welcome": "Was war anders, {first} oder {second}?\nÜ"},
            "keys": {"first": "a", "second": "l", "pause": "escape", "go_on": "space"},
        },
        planned=planned,
        participant=participant,
        session=session,
        run=run,
        group=2,
        observer=observer,
        system={"os": "Linux 6.1"} if observer == "person" else {},
        versions={"pdpsych": "0.1.0", "psychopy": "2026.2.5"},
    )


def trial(number: int, timed: bool) -> Trial:
    return logged.trial(
        number,
        image="=1+1|cmd" if number == 1 else "ca\tmel",
        practice=number == 1,
        realised=1 / 3,
        response_time=1.25 if timed else None,
        timing=logged.TIMING | {"dropped": 2} if timed else None,
        gaze=GAZE if timed else None,
    )


@pytest.fixture
def experiment(write_experiment):
    """Return an experiment with a finished, an unfinished, an empty and a simulated session."""
    path = write_experiment("early-1")
    logs = load(path, experiments.Experiment).logs
    sessions = [
        ("01", "01", None, "person", 3),
        ("01", "02", "1", "person", 2),
        ("A2", "01", None, "simulated: model LGN", 3),
        ("03", "01", "2", "person", 0),
    ]
    for participant, session, run, observer, count in sessions:
        place = log_path(logs, Labels(participant, session, run))
        with closing(TrialLog.open(place, header(participant, session, run, observer, 3))) as log:
            for number in range(1, count + 1):
                log.append(trial(number, timed=observer == "person"))
    return path


def files(folder: Path) -> dict[str, bytes]:
    found = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def validate(folder: Path) -> dict:
    command = [Path(sys.executable).with_name("bids-validator-deno"), folder, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_bids_passes_the_official_validator(experiment, tmp_path):
    out = export(experiment, tmp_path / "bids", layout="bids")
    found = validate(out)
    issues = [i for i in found["issues"]["issues"] if i["severity"] == "error"]
    assert not issues
    codes = {issue["code"] for issue in found["issues"]["issues"]}
    # What only the lab knows: authors, licence, institution.
    assert codes <= {
        "JSON_KEY_RECOMMENDED", "NO_AUTHORS", "SIDECAR_KEY_RECOMMENDED", "TOO_FEW_AUTHORS"
    }  # fmt: skip
    assert sorted(found["summary"]["subjects"]) == ["01", "03", "A2"]
    assert found["summary"]["tasks"] == ["early-1"]


def test_the_validator_would_notice(experiment, tmp_path):
    out = export(experiment, tmp_path / "bids", layout="bids")
    table = next(out.rglob("*_beh.tsv"))
    table.rename(table.with_name("trials.tsv"))
    with pytest.raises(AssertionError, match="NOT_INCLUDED"):
        validate(out)


def test_bids_has_every_trial_and_the_logs(experiment, tmp_path):
    out = export(experiment, tmp_path / "bids", layout="bids")
    assert sorted(name for name in files(out) if not name.startswith("sourcedata")) == [
        "README.md",
        "dataset_description.json",
        "participants.json",
        "participants.tsv",
        "sub-01/ses-01/beh/sub-01_ses-01_task-early1_beh.json",
        "sub-01/ses-01/beh/sub-01_ses-01_task-early1_beh.tsv",
        "sub-01/ses-02/beh/sub-01_ses-02_task-early1_run-1_beh.json",
        "sub-01/ses-02/beh/sub-01_ses-02_task-early1_run-1_beh.tsv",
        "sub-03/ses-01/beh/sub-03_ses-01_task-early1_run-2_beh.json",
        "sub-03/ses-01/beh/sub-03_ses-01_task-early1_run-2_beh.tsv",
        "sub-A2/ses-01/beh/sub-A2_ses-01_task-early1_beh.json",
        "sub-A2/ses-01/beh/sub-A2_ses-01_task-early1_beh.tsv",
    ]
    logs = load(experiment, experiments.Experiment).logs
    copies = {p.name: p.read_bytes() for p in (out / "sourcedata").rglob("*.jsonl")}
    assert copies == {p.name: p.read_bytes() for p in logs.glob("*.jsonl")}
    table = pd.read_csv(
        out / "sub-01/ses-01/beh/sub-01_ses-01_task-early1_beh.tsv", sep="\t", quoting=3
    )
    assert table["trial"].tolist() == [1, 2, 3]
    assert table["realised"].tolist() == [1 / 3] * 3
    assert table["dropped"].tolist() == [2] * 3
    assert table["gaze_x"].tolist() == [0.25] * 3
    assert table["gaze_y"].isna().all()
    assert table["first_offset"].tolist() == [0.75] * 3
    description = json.loads((out / "dataset_description.json").read_text())
    assert description["BIDSVersion"] == BIDS_VERSION
    people = pd.read_csv(out / "participants.tsv", sep="\t").set_index("participant_id")
    assert people["sessions"].to_dict() == {"sub-01": 2, "sub-03": 1, "sub-A2": 1}
    assert people.loc["sub-A2", "observer"] == "simulated: model LGN"


def test_the_sidecar_describes_the_session_and_every_column(experiment, tmp_path):
    out = export(experiment, tmp_path / "bids", layout="bids")
    for table in out.rglob("*_beh.tsv"):
        sidecar = json.loads(table.with_suffix(".json").read_text(encoding="utf-8"))
        assert sidecar["TaskName"] == "early-1"
        assert sidecar["Instructions"] == "Was war anders, a oder l?\nÜ"
        columns = table.read_text().split("\n", 1)[0].split("\t")
        assert all(sidecar[name]["Description"] for name in columns)
    person = json.loads(
        (out / "sub-01/ses-01/beh/sub-01_ses-01_task-early1_beh.json").read_text(encoding="utf-8")
    )
    assert person["StimulusPresentation"] == {
        "OperatingSystem": "Linux 6.1", "SoftwareName": "PsychoPy", "SoftwareVersion": "2026.2.5",
    }  # fmt: skip
    simulated = json.loads(
        (out / "sub-A2/ses-01/beh/sub-A2_ses-01_task-early1_beh.json").read_text(encoding="utf-8")
    )
    assert simulated["StimulusPresentation"] == {
        "OperatingSystem": "n/a", "SoftwareName": "pdpsych", "SoftwareVersion": "0.1.0",
    }  # fmt: skip
    assert person["response_time"]["Units"] == person["gaze_lost"]["Units"] == "s"
    assert person["gaze_largest"]["Units"] == "degrees of visual angle"
    assert person["correct"]["Levels"] == {"true": "yes", "false": "no"}


def test_missing_values_and_what_spreadsheets_would_compute(experiment, tmp_path):
    bids = export(experiment, tmp_path / "bids", layout="bids")
    lines = (bids / "sub-A2/ses-01/beh/sub-A2_ses-01_task-early1_beh.tsv").read_text().splitlines()
    cells = [dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)) for line in lines[1:]]
    assert [cell["response_time"] for cell in cells] == ["n/a"] * 3
    assert [cell["image"] for cell in cells] == ["'=1+1|cmd", "ca mel", "ca mel"]
    assert [cell["sign"] for cell in cells] == ["-1"] * 3
    assert [cell["practice"] for cell in cells] == ["true", "false", "false"]
    psych = export(experiment, tmp_path / "psych", layout="psych-ds")
    with open(psych / "data/study-early1_subject-A2_session-01_data.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["response_time"] for row in rows] == [""] * 3
    assert rows[0]["image"] == "'=1+1|cmd"


def test_psych_ds_keeps_its_rules(experiment, tmp_path):
    out = export(experiment, tmp_path / "psych", layout="psych-ds")
    description = json.loads((out / "dataset_description.json").read_text(encoding="utf-8"))
    assert description["@context"] == "https://schema.org"
    assert description["@type"] == "Dataset"
    assert description["name"] == "early-1"
    assert description["description"]
    variables = description["variableMeasured"]
    assert all(v["@type"] == "PropertyValue" and v["description"] for v in variables)
    tables = sorted((out / "data").iterdir())
    assert [p.name for p in tables] == [
        "study-early1_subject-01_session-01_data.csv",
        "study-early1_subject-01_session-02_description-run1_data.csv",
        "study-early1_subject-03_session-01_description-run2_data.csv",
        "study-early1_subject-A2_session-01_data.csv",
    ]
    official = "study|site|subject|session|task|condition|trial|stimulus|description"
    rule = re.compile(rf"(({official})-[a-zA-Z0-9]+_)+data\.csv")
    headers: set[str] = set()
    for path in tables:
        assert rule.fullmatch(path.name)
        with open(path, newline="", encoding="utf-8") as file:
            first, *rows = csv.reader(file)
        assert len(set(first)) == len(first)
        assert {len(row) for row in rows} <= {len(first)}
        headers |= set(first)
    assert headers == {v["name"] for v in variables}
    assert len(variables) == len(headers)


@pytest.mark.parametrize("layout", ["bids", "psych-ds"])
def test_an_export_is_replaced_and_the_same_again(experiment, tmp_path, layout):
    out = export(experiment, tmp_path / "out", layout=layout)
    before = files(out)
    place = log_path(load(experiment, experiments.Experiment).logs, Labels("01", "02", "1"))
    with closing(TrialLog.open(place, header("01", "02", "1", "person", 3))) as log:
        log.append(trial(3, timed=True))
    export(experiment, out, layout=layout)
    after = files(out)
    assert before.keys() == after.keys()
    changed = {name for name in before if before[name] != after[name]}
    assert changed
    assert all(re.search("01_ses(sion)?-02", name) for name in changed)
    assert export(experiment, out, layout=layout) == out
    assert files(out) == after
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_what_is_not_a_former_export_is_left_alone(experiment, tmp_path):
    other = tmp_path / "mine"
    other.mkdir()
    export(experiment, other, layout="bids")
    (other / "anat").mkdir()
    (other / "anat" / "scan.nii").write_text("precious")
    with refused(file=other, remedy="move it away") as told:
        export(experiment, other, layout="bids")
    assert "holds anat/scan.nii, which" in told.value.problem
    assert (other / "anat" / "scan.nii").read_text() == "precious"
    with refused(file=other, remedy="move it away"):
        export(experiment, other, layout="psych-ds")
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    (photographs / "dataset_description.json").write_text("[]")
    with refused(file=photographs, problem="is no export of pdpsych"):
        export(experiment, photographs, layout="psych-ds")
    (tmp_path / "file").write_text("")
    with refused(file=tmp_path / "file", remedy="name a folder"):
        export(experiment, tmp_path / "file", layout="bids")
    with refused(file=tmp_path / "file" / "below"):
        export(experiment, tmp_path / "file" / "below", layout="bids")
    with refused(field="layout", value="bidz", allowed="bids"):
        export(experiment, tmp_path / "new", layout="bidz")


def test_an_export_that_fails_leaves_the_former(experiment, tmp_path):
    out = export(experiment, tmp_path / "out", layout="bids")
    before = files(out)
    logs = load(experiment, experiments.Experiment).logs
    (logs / "sub-09_ses-01.jsonl").write_text("{\n")
    with refused(file="sub-09_ses-01.jsonl", line=1):
        export(experiment, out, layout="bids")
    (logs / "sub-09_ses-01.jsonl").write_bytes((logs / "sub-A2_ses-01.jsonl").read_bytes())
    with refused(file="sub-09_ses-01.jsonl", problem="recorded as sub-A2_ses-01.jsonl"):
        export(experiment, out, layout="bids")
    assert files(out) == before


DIES = """
import os, sys
from pdpsych.experiments import export
from pdpsych.experiments.exports import exporting
rename, left = os.rename, [int(sys.argv[3])]
def renaming(source, target):
    left[0] -= 1
    if not left[0]:
        os._exit(9)
    rename(source, target)
os.rename = renaming
export(sys.argv[1], sys.argv[2], layout="bids")
"""


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_killed_export_leaves_nothing_that_matters(experiment, tmp_path, at):
    """It dies when the new folder is made, the former is set aside, the new is put in place."""
    out = export(experiment, tmp_path / "out", layout="bids")
    before = files(out)
    command = [sys.executable, "-c", DIES, str(experiment), str(out), str(at)]
    assert subprocess.run(command).returncode == 9
    assert files(export(experiment, out, layout="bids")) == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_exports_at_once_end_well(experiment, tmp_path):
    code = "import sys; from pdpsych.experiments import export; "
    code += "[export(sys.argv[1], sys.argv[2], layout='bids') for _ in range(3)]"
    command = [sys.executable, "-c", code, str(experiment), str(tmp_path / "out")]
    several = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate()[1] for process in several]
    # One that waited too long says so.
    ended = zip(several, said, strict=True)
    assert all(not p.returncode or "another process is at work" in err for p, err in ended)
    once = export(experiment, tmp_path / "once", layout="bids")
    assert files(tmp_path / "out") == files(once)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


@pytest.mark.parametrize("content", ["", "{"])
def test_a_session_that_was_not_started_is_passed_over(experiment, tmp_path, capsys, content):
    logs = load(experiment, experiments.Experiment).logs
    before = files(export(experiment, tmp_path / "before", layout="bids"))
    (logs / "sub-09_ses-01.jsonl").write_text(content)
    assert files(export(experiment, tmp_path / "after", layout="bids")) == before
    said = capsys.readouterr().err
    assert "sub-09_ses-01.jsonl: empty: the session was not started" in said
    assert len(read_logs(experiment)) == 4


def test_a_folder_that_cannot_be_put_in_place_leaves_the_former(experiment, tmp_path, monkeypatch):
    out = export(experiment, tmp_path / "out", layout="bids")
    before = files(out)
    rename = os.rename

    def refuse(source, target):
        if Path(source).name == "new":
            raise PermissionError(13, "in use")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    with refused(file=out, problem="cannot be written: in use"):
        export(experiment, out, layout="bids")
    assert files(out) == before


def test_no_session_names_the_command(write_experiment, tmp_path):
    with refused(remedy="pdpsych run"):
        export(write_experiment(), tmp_path / "out", layout="bids")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"instructions": {"welcome": "{total.__class__}"}}, "instructions.welcome"),
        ({"instructions": {"welcome": "{nobody}"}}, "instructions.welcome"),
        ({"instructions": []}, "instructions"),
        ({"instructions": {"welcome": "{first}"}, "keys": {"first": {}}}, "keys.first"),
    ],
)
def test_a_log_whose_texts_were_tampered_with_is_refused(write_experiment, tmp_path, config, field):
    path = write_experiment("early-1")
    head = header("01", "01", None, "person", 1).model_copy(update={"config": config})
    place = log_path(load(path, experiments.Experiment).logs, Labels("01"))
    with closing(TrialLog.open(place, head)) as log:
        log.append(trial(1, timed=False))
    with refused(file=place, line=1, field=f"config.{field}"):
        export(path, tmp_path / "out", layout="bids")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("participant", ["../01", "=1+1", "a b", ""])
def test_a_log_whose_participant_is_no_label_is_refused(write_experiment, tmp_path, participant):
    path = write_experiment("early-1")
    place = log_path(load(path, experiments.Experiment).logs, Labels("01"))
    head = header("01", "01", None, "person", 1).model_copy(update={"participant": participant})
    with closing(TrialLog.open(place, head)) as log:
        log.append(trial(1, timed=False))
    with refused(file=place, line=1, field="participant", value=participant):
        export(path, tmp_path / "out", layout="bids")
    assert not (tmp_path / "out").exists()
