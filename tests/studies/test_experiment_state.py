from __future__ import annotations

import yaml
from refusals import tells

from pdpsych import studies


def test_a_log_whose_answers_were_changed_is_a_problem(done):
    log = done / "experiments" / "data" / "early-vision" / "sub-01_ses-01.jsonl"
    log.chmod(0o644)
    text = log.read_text(encoding="utf-8")
    log.write_text(text.replace('"correct": true', '"correct": false', 1), encoding="utf-8")
    line = text[: text.index('"correct": true')].count("\n") + 1
    changed, contradiction = studies.check(done).problems
    assert tells(changed, file=log, problem=f"changed after it was written: line {line}")
    assert tells(contradiction, file=log, line=line, field="correct", value=False)


def test_a_design_is_checked_by_its_numbers(done, monkeypatch, edit):
    """Hundreds of thousands of trials would take longer to make than all else that is checked."""

    def refuse(*_):
        raise AssertionError("trials are made")

    monkeypatch.setattr("pdpsych.experiments.design.arrange", refuse)
    assert not studies.check(done).problems
    path = done / "experiments" / "early-vision.yaml"
    edit(path, ("trials_per_condition: 10", "trials_per_condition: 10000"))
    assert not studies.check(done).problems
    settings = yaml.safe_load(path.read_text())
    settings["method"] = {"kind": "constant", "levels_rms": [0.9]}
    path.write_text(yaml.safe_dump(settings))
    (problem,) = studies.check(done).problems
    assert tells(problem, file=path, field="method.levels_rms")
