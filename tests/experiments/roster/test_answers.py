"""Questions to people and their answers: what is one, where it is kept, and what leaves."""

from __future__ import annotations

import csv
import json
import zipfile

import pytest
import yaml
from observers import LGN
from refusals import refused
from rostered import rewrite, write_rostered

from pdpsych import experiments, studies
from pdpsych.common.section import validate
from pdpsych.experiments.roster.answers import keep_answers, read_answers, unanswered
from pdpsych.experiments.roster.attendance import open_roster
from pdpsych.experiments.roster.questions import Question

AGE = {"name": "age", "text": "How old are you?", "kind": "number", "unit": "year"}
SEX = {
    "name": "sex",
    "text": "Which sex?",
    "kind": "choice",
    "levels": {"f": "female", "m": "male", "o": "other"},
    "optional": True,
    "export": True,
}
EYES = {"name": "eyes", "text": "Anything about your eyes?", "kind": "text", "optional": True}
ROSTER = {
    "groups": {"near": {}},
    "sessions": ["faces"],
    "ask": [AGE | {"export": True}, SEX, EYES],
}
ANSWERS = {"age": 31, "sex": "f", "eyes": "a secret"}


def question(**fields):
    return validate(fields, Question, "sessions.yaml")


@pytest.fixture
def study(tmp_path):
    return write_rostered(tmp_path / "study", roster=ROSTER)


@pytest.mark.parametrize(
    ("fields", "text", "answer"),
    [
        (AGE, " 31 ", 31),
        (AGE, "0.5", 0.5),
        (AGE | {"optional": True}, "", None),
        (SEX, "f", "f"),
        (SEX, "", None),
        (EYES, " glasses, -3 D ", "glasses, -3 D"),
    ],
)
def test_what_is_an_answer(fields, text, answer):
    found = question(**fields).read(text)
    assert (found, type(found)) == (answer, type(answer))


@pytest.mark.parametrize(
    ("fields", "text", "told"),
    [
        (AGE, "", {"value": None}),
        (AGE, "thirty", {"value": "thirty", "allowed": "31"}),
        (AGE, "nan", {"allowed": "31"}),
        (AGE, "inf", {"allowed": "31"}),
        (SEX, "x", {"value": "x", "allowed": "f"}),
        (EYES, "a\nb", {"value": "a\nb"}),
        (EYES, "x" * 1001, {}),
    ],
)
def test_what_is_none(fields, text, told):
    with refused(field=fields["name"], **told):
        question(**fields).read(text)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (AGE | {"name": "2nd"}, {"field": "name"}),
        (AGE | {"name": "group"}, {"field": "name", "value": "group"}),
        (AGE | {"name": "image"}, {"field": "name", "value": "image"}),
        (AGE | {"levels": {"a": "b"}}, {"field": "levels"}),
        (SEX | {"levels": {}}, {"field": "levels"}),
        (SEX | {"levels": {"f": "one", "m": "one"}}, {"field": "levels"}),
        (SEX | {"unit": "cm"}, {"field": "unit", "value": "cm"}),
        (AGE | {"kind": "colour"}, {"field": "kind"}),
    ],
)
def test_what_is_no_question(fields, told):
    with refused(**told):
        question(**fields)


def test_answers_are_kept_and_asked_once(study):
    roster = open_roster(study)
    assert [one.name for one in unanswered(roster, "anna")] == ["age", "sex", "eyes"]
    keep_answers(roster, "anna", ANSWERS)
    keep_answers(roster, "ben", ANSWERS | {"sex": None})
    assert read_answers(roster) == {"anna": ANSWERS, "ben": ANSWERS | {"sex": None}}
    assert unanswered(roster, "ben") == ()
    more = {"name": "hand", "text": "Which hand?", "kind": "text"}
    rewrite(study, ROSTER | {"ask": [*ROSTER["ask"], more]})
    assert [one.name for one in unanswered(open_roster(study), "anna")] == ["hand"]
    # What is asked no longer is kept.
    rewrite(study, ROSTER | {"ask": [AGE]})
    keep_answers(open_roster(study), "anna", {"age": 32})
    assert read_answers(open_roster(study))["anna"] == ANSWERS | {"age": 32}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("anna: {age: old}", {"field": "anna.age", "value": "old"}),
        ("anna: {age: true}", {"field": "anna.age", "value": True}),
        ("anna: {age: {x: 1}}", {"field": "anna.age"}),
        ("anna: {age: 10000000000000000000000000000000}", {"field": "anna.age"}),
        ("anna: {sex: x}", {"field": "anna.sex", "allowed": "f"}),
        ("anna: {eyes: [a]}", {"field": "anna.eyes"}),
        ("anna: 31", {"field": "anna"}),
        ("- anna", {}),
        ("anna: {age: 1, age: 2}", {}),
    ],
)
def test_a_wrong_edit_is_told(study, text, told):
    file = open_roster(study).answers
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with refused(file=file, **told):
        read_answers(open_roster(study))
    assert studies.check(study).problems
    with refused(file=file):
        keep_answers(open_roster(study), "anna", ANSWERS)
    assert file.read_text() == text


@pytest.fixture
def answered(study):
    for who in ("anna", "ben"):
        experiments.run(study, who, observer=LGN)
    keep_answers(open_roster(study), "anna", ANSWERS)
    return study


def test_bids_has_what_may_leave(answered, tmp_path):
    path = answered / "experiments" / "faces.yaml"
    out = experiments.export(path, tmp_path / "bids", layout="bids")
    with (out / "participants.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(r["participant_id"], r["age"], r["sex"], r["study_group"]) for r in rows] == [
        ("sub-anna", "31", "f", "near"),
        ("sub-ben", "n/a", "n/a", "near"),
    ]
    assert "eyes" not in rows[0]
    columns = json.loads((out / "participants.json").read_text())
    assert columns["age"] == {"Description": AGE["text"], "Units": "year"}
    assert columns["sex"] == {"Description": SEX["text"], "Levels": SEX["levels"]}
    assert set(columns) == set(rows[0])
    _nothing_leaks(out)


def test_psych_ds_has_what_may_leave(answered, tmp_path):
    path = answered / "experiments" / "faces.yaml"
    out = experiments.export(path, tmp_path / "psych", layout="psych-ds")
    table = out / "data" / "study-faces_description-participants_data.csv"
    with table.open(encoding="utf-8") as file:
        rows = {row["participant"]: row for row in csv.DictReader(file)}
    assert (rows["anna"]["age"], rows["ben"]["age"]) == ("31", "")
    described = json.loads((out / "dataset_description.json").read_text())["variableMeasured"]
    units = {one["name"]: one.get("unitText") for one in described}
    assert units["age"] == "year"
    assert units.keys() >= set(rows["anna"])
    _nothing_leaks(out)


def _nothing_leaks(out):
    texts = [file.read_bytes() for file in out.rglob("*") if file.is_file()]
    assert not any(b"secret" in text or EYES["text"].encode() in text for text in texts)


def test_an_export_without_questions_is_as_it_was(answered, tmp_path):
    rewrite(answered, {"sessions": ["faces"], "ask": [EYES]})
    path = answered / "experiments" / "faces.yaml"
    out = experiments.export(path, tmp_path / "bids", layout="bids")
    head = (out / "participants.tsv").read_text().partition("\n")[0]
    assert head.split("\t") == ["participant_id", "observer", "group", "study_group", "sessions"]


def test_answers_are_in_no_archive(answered, tmp_path):
    packed = studies.pack(answered, tmp_path / "study.zip", incomplete=True)
    with zipfile.ZipFile(packed) as opened:
        names = opened.namelist()
    assert "study/sessions.yaml" in names
    assert not [name for name in names if "participants" in name]
    again = studies.unpack(packed, tmp_path / "again")
    assert not studies.check(again).problems


def test_the_file_may_be_read_by_people(answered):
    text = open_roster(answered).answers.read_text()
    assert yaml.safe_load(text) == {"anna": ANSWERS}
