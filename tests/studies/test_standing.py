from __future__ import annotations

import json
import re

import pytest
from refusals import refused

from pdpsych import analysis, experiments, studies
from pdpsych.analysis.written import EDITED

NAME = "early-vision"


def _row(text, kind):
    """Return the first row of a table, by its columns."""
    lines = text.splitlines()
    number = next(i for i, line in enumerate(lines) if line.startswith(f"{kind} "))
    head, row = lines[number : number + 2]
    starts = [head.index(name) for name in head.split()]
    ends = [*starts[1:], None]
    columns = zip(starts, ends, strict=True)
    return dict(zip(head.split(), (row[a:b].strip() for a, b in columns), strict=True))


def test_a_new_study_has_nothing(new):
    text = studies.status(new).describe()
    assert _row(text, "set")["state"] == "not generated"
    assert _row(text, "experiment")["state"] == "set missing"
    row = _row(text, "analysis")
    assert (row["fit"], row["scores"]) == ("not fitted", "not scored")
    assert "out of date" not in text


def test_a_study_that_is_done(done):
    text = studies.status(done).describe()
    row = _row(text, "set")
    assert (row["images"], row["models"]) == ("2", "4")
    assert row["state"].startswith("generated, 20")
    assert _row(text, "experiment") == {
        "experiment": NAME,
        "participants": "1",
        "sessions": "1, 1 simulated",
        "trials": "90 of 90",
        "state": "run",
    }
    assert _row(text, "analysis") == {
        "analysis": NAME,
        "participants": "1",
        "trials": "80",
        "fit": "fitted",
        "scores": "scored",
    }
    assert "out of date" not in text
    assert "problems" not in text


@pytest.mark.parametrize(
    ("file", "change", "reasons"),
    [
        (
            f"stimuli/{NAME}.yaml",
            ("seed: 0", "seed: 1"),
            [f"set {NAME}: made by another recipe than", "seed changed"],
        ),
        (
            f"experiments/{NAME}.yaml",
            ("image: 250", "image: 200"),
            [f"experiment {NAME}: run before timing changed: sub-01 ses-01"],
        ),
        (
            "experiments/displays/srgb-8bit.yaml",
            ("bit_depth: 8", "bit_depth: 10"),
            [f"experiment {NAME}: run before display, the calibration changed: sub-01 ses-01"],
        ),
        (
            f"analysis/{NAME}.yaml",
            ("level: 0.95", "level: 0.9"),
            [
                f"analysis {NAME}: fit: settings changed: level",
                f"analysis {NAME}: scores: its fit is out of date",
            ],
        ),
    ],
)
def test_what_a_changed_file_makes_out_of_date(done, edit, file, change, reasons):
    edit(done / file, change)
    state = studies.status(done)
    for reason in reasons:
        assert any(reason in line for line in state.state.outdated)
        assert reason in state.describe()
    assert len(state.state.outdated) == (2 if file.startswith("analysis") else 1)


def _another_digit(path):
    """Change a digit of a number in a file, the last one with a point before it."""
    text = path.read_text(encoding="utf-8")
    place = max(m.end() for m in re.finditer(r"[0-9]\.[0-9]", text)) - 1
    other = str((int(text[place]) + 1) % 10)
    path.write_text(text[:place] + other + text[place + 1 :], encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "column"),
    [
        ("fit.json", "fit"),
        ("thresholds.csv", "fit"),
        ("participants.csv", "fit"),
        ("score.json", "scores"),
        ("ranking.csv", "scores"),
    ],
)
def test_an_edited_number_is_noticed(done, file, column):
    results = done / "analysis" / "results" / NAME
    _another_digit(results / file)
    text = studies.status(done).describe()
    assert f"analysis {NAME}: {file}: was edited since it was written" in text
    row = _row(text, "analysis")
    assert (row["fit"], row["scores"]) == (
        "fitted" + ", edited" * (column == "fit"),
        "scored" + ", edited" * (column == "scores"),
    )
    found = studies.check(done)
    assert [step.command for step in found.steps] == [f"pdpsych score {done}/analysis/{NAME}.yaml"]
    assert f"{file}: was edited" in found.describe()


def test_a_report_is_not_made_of_edited_results(done):
    results = done / "analysis" / "results" / NAME
    for file, kind in (("fit.json", analysis.Fit), ("score.json", analysis.Scores)):
        kind.from_json(results / file)
        _another_digit(results / file)
        with refused(problem=EDITED, file=results / file):
            kind.from_json(results / file)


def test_a_display_that_cannot_be_read_makes_no_session_out_of_date(done, edit):
    edit(done / "experiments/displays/srgb-8bit.yaml", ("distance_cm: 57.0", "distance_cm: far"))
    state = studies.status(done).state
    assert not [line for line in state.outdated if "calibration" in line]


def test_a_session_more_makes_the_results_out_of_date(done):
    experiments.run(done / "experiments" / f"{NAME}.yaml", "02", observer="LN")
    assert studies.status(done).state.outdated == (
        f"analysis {NAME}: fit: new: sub-02 ses-01",
        f"analysis {NAME}: fit: 80 trials were fitted, now there are 160",
        f"analysis {NAME}: scores: its fit is out of date",
    )
    file = done / "analysis" / f"{NAME}.yaml"
    fitted = analysis.fit(file)
    assert studies.status(done).state.outdated == (
        f"analysis {NAME}: scores: fitted since with other trials or settings",
    )
    assert [s.command for s in studies.check(done).steps] == [f"pdpsych score {file.resolve()}"]
    analysis.score(file, fit=fitted)
    assert studies.status(done).state.outdated == ()


def test_another_answer_makes_the_results_out_of_date(done):
    log = done / "experiments" / "data" / NAME / "sub-01_ses-01.jsonl"
    *before, last = log.read_text(encoding="utf-8").splitlines()
    right = '"correct": true' in last
    other = last.replace(f'"correct": {str(right).lower()}', f'"correct": {str(not right).lower()}')
    for one, two in ((1, 2), (2, 1)):
        if f'"response": {one}' in last:
            other = other.replace(f'"response": {one}', f'"response": {two}')
    log.chmod(0o644)
    log.write_text("\n".join([*before, other]) + "\n", encoding="utf-8")
    found = studies.status(done).state
    assert f"analysis {NAME}: fit: answers changed" in found.outdated


def test_another_set_under_the_same_sessions(done):
    manifest = done / "stimuli" / "sets" / NAME / "manifest.json"
    data = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(data | {"created": "2000-01-01"}), encoding="utf-8")
    state = studies.status(done).state
    assert f"experiment {NAME}: run before the stimulus set changed: sub-01 ses-01" in (
        state.outdated
    )
    assert any("another stimulus set" in problem.problem for problem in state.study.problems)


@pytest.mark.parametrize(
    "text", ["", "{}", '{"schema_version": 2}', "[1]", '{"schema_version": 9}']
)
@pytest.mark.parametrize("result", ["fit.json", "score.json"])
def test_a_result_that_cannot_be_read_is_out_of_date(done, result, text):
    (done / "analysis" / "results" / NAME / result).write_text(text)
    found = studies.check(done)
    assert found.problems == ()
    assert any(result in reason for reason in found.outdated)
    assert [step.command.split()[1] for step in found.steps] == ["score"]


def test_the_command_shortens_paths_where_one_is(done, pdpsych_command, monkeypatch, edit):
    edit(done / "stimuli" / f"{NAME}.yaml", ("seed: 0", "seed: 1"))
    monkeypatch.chdir(done)
    ended = pdpsych_command("status")
    assert ended.returncode == 0, ended.stderr
    assert f"another recipe than stimuli/{NAME}.yaml" in ended.stdout
    assert "problems: 1; pdpsych check says which" in ended.stdout
