from __future__ import annotations

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
