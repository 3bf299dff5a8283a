"""A person's sessions by a roster: a real window and real keys, from the first to the last."""

import sys

import pytest
import yaml
from rostered import rewrite, write_rostered

from pdpsych import experiments

if sys.platform != "linux":
    pytest.skip("keys are pressed through X", allow_module_level=True)

from person import Person

TIMING = {"fixation": 50, "image": 50, "blank": 50, "gap": 50}
SIZE = {"width_px": 321, "height_px": 240, "refresh_hz": 60}
QUESTIONS = ("1 or 2?", "2 or 1?")


@pytest.fixture(scope="module")
def person(x_environment, tmp_path_factory):
    sitting = Person(x_environment, tmp_path_factory.mktemp("person"))
    yield sitting
    sitting.leave()


@pytest.fixture
def study(tmp_path):
    root = write_rostered(tmp_path / "study")
    short = {"images": ["camel"], "groups": 1, "display": SIZE, "timing": TIMING}
    for path in (root / "experiments").glob("*.yaml"):
        fields = yaml.safe_load(path.read_text()) | short
        path.write_text(yaml.safe_dump(fields))
    both = ["faces", "scenes"]
    return rewrite(root, {"participants": ["anna", "ben"], "sessions": [both], "balance": both})


def sit(person, study, who, *stops):
    """Answer every question with the key for the first, but for those after which to stop."""
    asked = []

    def react(moment):
        if moment.text in QUESTIONS:
            asked.append(moment)
            person.press("escape" if len(asked) in stops else moment.text[0])
        elif stops and len(asked) >= stops[0] and moment.text:
            person.press("escape")
        elif moment.text:
            person.press("space")

    command = ("run", str(study), "--participant", who, "--uncalibrated", "--windowed")
    return person.sit(*command, react=react)


def test_a_person_is_led_through_all_sessions(person, study):
    found = experiments.attendance(study).known("anna")
    first, second = (name for _, name in found.items)
    stopped = sit(person, study, "anna", 2)
    assert (stopped.status, "the same command goes on" in stopped.said) == (0, True)
    due = experiments.attendance(study).known("anna").due
    assert (due.experiment, len(due.log.trials)) == (first, 1)
    done = sit(person, study, "anna")
    assert f"next of anna: session 01 of {second}" in done.said
    assert "next of anna: nothing" in sit(person, study, "anna").said
    refused = sit(person, study, "anna")
    assert refused.status == 2
    assert "has finished all 2" in refused.said
    assert not refused.moments
    for log in experiments.attendance(study).known("anna").logs:
        keys = log.header.config["keys"]
        assert keys["first"] == ("2" if found.assignment.swapped else "1")
        # The key for the first always means the first.
        assert set(log.trials["response"]) == {1}
        assert set(log.trials["key"]) == {keys["first"]}
