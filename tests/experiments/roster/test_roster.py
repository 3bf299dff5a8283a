"""The file ``sessions.yaml``: what may be written, and what is refused."""

import re
from pathlib import Path

import pytest
import yaml
from refusals import refused
from rostered import rewrite, write_rostered

from pdpsych import studies
from pdpsych.common.section import load
from pdpsych.experiments import Experiment, Roster
from pdpsych.experiments.roster.roster import FILE, roster_of

PLAIN = {"sessions": ["faces", "scenes"]}


@pytest.fixture
def write(tmp_path):
    def write(**fields) -> Path:
        path = tmp_path / FILE
        path.write_text(yaml.safe_dump({**PLAIN, **fields}, sort_keys=False))
        return path

    return write


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"participants": ["1", "2", "01"]}, {"field": "participants", "value": "1, 01"}),
        ({"participants": ["7", "007", "x"]}, {"field": "participants", "value": "7, 007"}),
        ({"participants": ["ann", "Ann"]}, {"field": "participants", "value": "ann, Ann"}),
        ({"participants": ["ann", "ann"]}, {"field": "participants", "value": "ann"}),
        ({"participants": ["sub-01"]}, {"remedy": '"01"'}),
        ({"participants": []}, {"field": "participants"}),
        ({"participants": 0}, {"field": "participants", "value": 0}),
        ({"participants": True}, {"field": "participants"}),
        (
            {"participants": {"ann": "naer"}, "groups": {"near": {}}},
            {"field": "participants.ann", "value": "naer", "allowed": "near"},
        ),
        ({"sessions": []}, {"field": "sessions"}),
        ({"sessions": None}, {"field": "sessions"}),
        ({"sessions": [["faces", "faces"]]}, {"field": "sessions[0]"}),
        (
            {"groups": {"near": {"sessions": ["a", ["b", "b"]]}}},
            {"field": "groups.near.sessions[1]", "value": ["b", "b"]},
        ),
        ({"balance": ["faces", "scnes"]}, {"field": "balance", "value": "scnes"}),
        ({"balance": ["faces", "faces"]}, {"field": "balance"}),
        ({"balance": ["faces"]}, {"field": "balance"}),
        ({"groups": {"near": {"share": 0}}}, {"field": "groups.near.share"}),
        ({"apart_days": -1}, {"field": "apart_days"}),
        ({"session": ["faces"]}, {"field": "session", "allowed": "sessions"}),
        (
            {"ask": [{"name": "a", "text": "A?", "kind": "text"}] * 2},
            {"field": "ask[1].name", "value": "a"},
        ),
    ],
)
def test_what_is_wrong_is_refused(write, fields, told):
    path = write(**fields)
    with refused(file=path, **told):
        load(path, Roster)


def test_numbers_are_labels_too(write):
    assert load(write(participants=[1, 2, "ann"]), Roster).labels == ("1", "2", "ann")
    assert load(write(participants=12), Roster).most == 12
    assert load(write(), Roster).most is None


def test_a_group_has_its_own_sessions_or_those_of_all(write):
    groups = {"near": {}, "far": {"sessions": [["trees", "faces"]]}}
    roster = load(write(groups=groups, balance=["scenes", "trees", "faces"]), Roster)
    assert roster.days("near") == (("faces",), ("scenes",))
    assert roster.days("far") == (("trees", "faces"),)
    assert roster.balanced("near") == ("scenes", "faces")
    assert roster.balanced("far") == ("trees", "faces")
    assert roster.names == ("faces", "scenes", "trees")


def test_what_decides_is_what_the_digest_is_of(write):
    plain = load(write(), Roster)
    same = [{"participants": 9}, {"apart_days": 2}, {"ask": []}]
    assert {load(write(**fields), Roster).sha256 for fields in same} == {plain.sha256}
    others = [{"seed": 1}, {"balance": ["faces", "scenes"]}, {"groups": {"near": {}}}]
    assert plain.sha256 not in {load(write(**fields), Roster).sha256 for fields in others}


def test_only_experiments_that_it_names_are_of_a_roster(tmp_path):
    root = write_rostered(tmp_path / "study", ("faces", "scenes", "pilot"), PLAIN)
    named = {
        path.stem: roster_of(load(path, Experiment)) is not None
        for path in (root / "experiments").glob("*.yaml")
    }
    assert named == {"faces": True, "scenes": True, "pilot": False}
    moved = root / "elsewhere" / "faces.yaml"
    moved.parent.mkdir()
    moved.write_text((root / "experiments" / "faces.yaml").read_text())
    assert roster_of(load(moved, Experiment)) is None


def test_a_study_is_checked_with_its_roster(tmp_path):
    root = write_rostered(tmp_path / "study", roster=PLAIN)
    assert not studies.check(root).problems
    assert not studies.check(root / FILE).problems
    rewrite(root, {"sessions": ["faces", "scnes"]})
    for path in (root, root / FILE):
        (problem,) = studies.check(path).problems
        assert (problem.field, problem.value) == ("sessions", "scnes")
        assert "scenes" in problem.allowed
    rewrite(root, {"sessions": 3})
    (problem,) = studies.check(root).problems
    assert problem.field == "sessions"


def test_a_folder_with_nothing_but_a_roster_is_no_study(tmp_path):
    rewrite(tmp_path, PLAIN)
    with refused(file=tmp_path):
        studies.check(tmp_path)
    with refused(file=tmp_path / FILE):
        studies.check(tmp_path / FILE)


def test_the_example_of_the_page_is_one(tmp_path):
    page = Path(__file__).parents[3] / "docs" / "roster.md"
    (example,) = re.findall("```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    path = tmp_path / FILE
    path.write_text(example, encoding="utf-8")
    roster = load(path, Roster)
    assert next(question.text for question in roster.ask) == "How old are you?"
    assert roster.names == ("faces", "scenes", "far-faces")
