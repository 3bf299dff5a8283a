"""Trials that cannot have been, in logs as a careless lab leaves them and in tables."""

import json
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from logged import header, trial
from refusals import refused

from pdpsych.analysis import fit, open_analysis, read_trials
from pdpsych.analysis.fitting.fit import fit_table
from pdpsych.analysis.fitting.trials import check_table
from pdpsych.experiments.logs.trial_log import TrialLog

LOG = "experiments/data/early/sub-{}_ses-01.jsonl"
LINE = 30


def rewrite(study, participant="02", line=LINE, **fields):
    """Write other values into a line of a log, as an editor does; text in < > is no JSON."""
    path = study / LOG.format(participant)
    lines = path.read_text().splitlines()
    text = json.dumps(json.loads(lines[line - 1]) | fields)
    lines[line - 1] = text.replace('"<', "").replace('>"', "")
    path.write_text("\n".join(lines) + "\n")
    return path


def record(study, line=LINE, participant="02"):
    return json.loads((study / LOG.format(participant)).read_text().splitlines()[line - 1])


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999", "0,3", "-", "0x1p3"])
@pytest.mark.parametrize("field", ["realised", "correct", "response"])
def test_words_that_are_no_json_are_refused_with_their_line(write_study, field, word):
    study = write_study(trials=4)
    path = rewrite(study, **{field: f"<{word}>"})
    with refused(file=path, line=LINE):
        read_trials(study)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("realised", None),
        ("realised", "0.3"),
        ("realised", []),
        ("correct", None),
        ("correct", "yes"),
        ("correct", 2),
        ("response", 0),
        ("response", 3),
        ("response", None),
        ("position", 0),
        ("distortion", 3),
        ("sign", 0),
    ],
)
def test_values_of_another_kind_are_refused_with_line_and_field(write_study, field, value):
    study = write_study(trials=4)
    path = rewrite(study, **{field: value})
    with refused(file=path, line=LINE, field=field, value=value):
        read_trials(study)


@pytest.mark.parametrize("field", ["realised", "correct", "response", "image"])
def test_a_field_that_is_missing_is_refused(write_study, field):
    study = write_study(trials=4)
    path = study / LOG.format("02")
    lines = path.read_text().splitlines()
    kept = {name: value for name, value in record(study).items() if name != field}
    lines[LINE - 1] = json.dumps(kept)
    path.write_text("\n".join(lines) + "\n")
    with refused(file=path, line=LINE, field=field):
        read_trials(study)


@pytest.mark.parametrize("change", ["correct", "response", "position"])
def test_an_answer_that_contradicts_itself_is_refused(write_study, change):
    study = write_study(trials=4)
    was = record(study)
    now = (not was["correct"]) if change == "correct" else 3 - was[change]
    path = rewrite(study, **{change: now})
    value = not was["correct"] if change == "correct" else was["correct"]
    with refused(
        file=path, line=LINE, field="correct", value=value, allowed="response is position",
        remedy="exclude its participant",
    ):  # fmt: skip
        read_trials(study)


def test_a_sign_written_into_amplitudes_is_refused(write_study):
    study = write_study(trials=12)
    for line in range(6, 60, 2):
        path = rewrite(study, line=line, realised=-record(study, line)["realised"])
    with refused(file=path, field="realised", allowed="0 or more") as told:
        read_trials(study)
    assert told.value.line % 2 == 0
    assert told.value.value < 0


def test_a_little_less_than_nothing_on_the_display_counts_as_nothing(write_study):
    study = write_study(trials=8)
    expected = read_trials(study).table
    rewrite(study, realised=-1e-4)
    trials = read_trials(study)
    assert trials.table["amplitude"].min() == -1e-4
    zero = expected.assign(amplitude=trials.table["amplitude"].clip(lower=0))
    of_zero = fit_table(zero, open_analysis(study))
    pd.testing.assert_frame_equal(fit(study, write=False).thresholds, of_zero.thresholds)


def test_participants_who_are_excluded_are_not_looked_at(write_study):
    study = write_study(trials=4, exclude=["02"])
    rewrite(study, correct=not record(study)["correct"])
    assert set(read_trials(study).table["participant"]) == {"01"}


@pytest.mark.parametrize("ending", ["\r\n", "\n\n"])
def test_line_ends_of_other_editors_are_read_or_refused(write_study, ending):
    study = write_study(trials=4)
    expected = read_trials(study).table
    path = study / LOG.format("02")
    path.write_bytes(path.read_text().replace("\n", ending).encode())
    if ending == "\r\n":
        pd.testing.assert_frame_equal(read_trials(study).table, expected)
    else:
        with refused(file=path, line=2):
            read_trials(study)


@pytest.fixture(scope="module")
def written(write_study):
    """The bytes of a log as a session writes it, and the study that it is of."""
    study = write_study(participants=(), trials=4)
    sha256 = open_analysis(study).open_experiment().open_set().sha256
    path = study / LOG.format("01")
    path.parent.mkdir(parents=True)
    first = header(stimulus_set_sha256=sha256, planned=8)
    with closing(TrialLog.open(path, first)) as log:
        for number in range(1, 9):
            fields = {"distortion": 1 + number % 2, "sign": 1, "timing": None}
            log.append(trial(number, **fields))
    path.chmod(0o644)
    return study, path, path.read_bytes()


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda data: data + data, 10),
        (lambda data: data.replace(b'"', b'""'), 1),
        (lambda data: data.decode().encode("utf-16"), None),
        (lambda data: data[:-40] + 40 * b"\0" + b"\n", None),
        (lambda data: data.split(b"\n", 1)[1], 1),
        (lambda data: data.replace(b'"realised": 0.3', b'"realised": 0,3'), 2),
        (lambda data: data.replace(b'"correct": true', b'"correct": True'), 2),
        (lambda data: data.replace(b'"correct": true', b'"correct": 0', 1), 2),
        (lambda data: data.replace(b'"response": 2', b'"response": 1', 1), 2),
    ],
    ids=["pasted twice", "quotes doubled", "UTF-16", "zeros at the end", "first line lost",
         "decimal commas", "capitals", "0 and 1", "another key"],
)  # fmt: skip
def test_logs_that_other_programs_saved_are_refused(written, damage, line):
    study, path, data = written
    path.write_bytes(data)
    assert len(read_trials(study).table) == 8
    path.write_bytes(damage(data))
    with refused(file=path) as told:
        read_trials(study)
    assert line is None or told.value.line == line


def test_lines_that_are_lost_twice_or_exchanged_are_refused(write_study):
    study = write_study(trials=4)
    path = study / LOG.format("02")
    lines = path.read_text().splitlines(keepends=True)
    lost, twice = lines[:20] + lines[21:], lines[:20] + lines[19:]
    exchanged = [*lines[:20], lines[21], lines[20], *lines[22:]]
    for damaged in (lost, twice, exchanged):
        path.write_text("".join(damaged))
        with refused(file=path, line=21, field="trial"):
            read_trials(study)


@pytest.fixture(scope="module")
def table(write_study):
    return read_trials(write_study(trials=6)).table


@pytest.mark.parametrize(
    ("column", "value", "allowed"),
    [
        ("amplitude", np.nan, "finite"),
        ("amplitude", np.inf, "finite"),
        ("amplitude", -np.inf, "finite"),
        ("amplitude", "0.3?", "finite"),
        ("amplitude", None, "finite"),
        ("amplitude", -100.0, "0 or more"),
        ("correct", np.nan, "true or false"),
        ("correct", None, "true or false"),
        ("correct", "TRUE", "true or false"),
        ("correct", 2, "true or false"),
        ("response", 0, "1 or 2"),
        ("response", np.nan, "1 or 2"),
    ],
)
def test_cells_of_a_table_are_refused_by_their_row(table, column, value, allowed):
    damaged = table.astype({column: object})
    damaged.loc[17, column] = value
    with refused(file="table of trials", field=f"{column}[17]", allowed=allowed, remedy="row"):
        fit_table(damaged, None)


def test_positions_of_a_table_are_held_against_answers(table):
    right = np.where(table["correct"], table["response"], 3 - table["response"])
    check_table(table.assign(position=right))
    right[5] = 3 - right[5]
    with refused(field="correct[5]", value=bool(table["correct"][5])):
        check_table(table.assign(position=right))
