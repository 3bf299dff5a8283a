"""The questions of a roster in real Qt dialogs, filled in by a timer inside their process."""

from __future__ import annotations

import json

import pytest
from dialogs import in_dialogs
from rostered import write_rostered

from pdpsych.experiments.roster.answers import read_answers
from pdpsych.experiments.roster.attendance import open_roster

ROSTER = {
    "participants": ["anna"],
    "sessions": [["faces", "scenes"]],
    "ask": [
        {"name": "age", "text": "How old are you?", "kind": "number", "unit": "year"},
        {
            "name": "hand",
            "text": "Which hand?",
            "kind": "choice",
            "levels": {"l": "left", "r": "right"},
        },
        {"name": "eyes", "text": "Eyes?", "kind": "text", "optional": True},
    ],
}
# A person's session, answered by a model in the place of the window, after so many trials stopped.
# The dialogs get texts and choices, or None to cancel.
DRIVER = """
import json, sys
from PyQt6 import QtCore, QtTest, QtWidgets
from psychopy import gui
from pdpsych import experiments
from pdpsych.experiments.observers.observer import SessionStopped
from pdpsych.experiments.observers.presentation import Response
from pdpsych.experiments.sessions import session

study, most, todo = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])

class Stopping:
    def respond(self, presentation):
        if presentation.planned.number > most:
            raise SessionStopped("enough")
        return Response(1)

session._in_window = lambda prepared, stage, log, observer, windowed, progress: (
    session._without_window(prepared, stage, log, Stopping(), progress)
)
gui.qtgui.ensureQtApp()

def act():
    shown = [w for w in QtWidgets.QApplication.topLevelWidgets() if w.isVisible()]
    if not shown:
        return
    (widget,) = shown
    labels = widget.findChildren(QtWidgets.QLabel)
    print(*(text for l in labels if (text := l.text())), sep="|", flush=True)
    answers = todo.pop(0)
    if answers is None:
        widget.reject()
        return
    texts, choices = answers
    for box, text in zip(widget.findChildren(QtWidgets.QLineEdit), texts):
        box.clear()
        QtTest.QTest.keyClicks(box, text)
    for box, text in zip(widget.findChildren(QtWidgets.QComboBox), choices):
        box.setCurrentText(text)
    widget.accept()

timer = QtCore.QTimer()
timer.timeout.connect(act)
timer.start(20)
try:
    log = experiments.run(study, "anna", uncalibrated=True)
    print(log.describe())
except SessionStopped as stopped:
    print(stopped)
assert not todo, todo
"""


@pytest.fixture
def study(tmp_path):
    return write_rostered(tmp_path / "study", roster=ROSTER)


@pytest.fixture
def sit(study, x_environment):
    """Return a function that runs what is due, for so many trials, and answers its dialogs."""

    def run(most, *answers):
        return in_dialogs(x_environment, DRIVER, str(study), str(most), json.dumps(answers))

    return run


def answers(study):
    return read_answers(open_roster(study)).get("anna")


def test_who_answers_is_asked_once(study, sit):
    said = sit(99, (["31", ""], ["right"]))
    assert "How old are you? (year) *|Which hand? *|Eyes?" in said
    assert answers(study) == {"age": 31, "hand": "r", "eyes": None}
    assert "complete" in sit(99)
    assert (study / "experiments/data/scenes/sub-anna_ses-01.jsonl").is_file()


def test_what_is_wrong_is_said_and_can_be_set_right(study, sit):
    said = sit(1, (["old", "none"], ["left"]), (["31", "none"], ["–"]), (["31", "none"], ["left"]))
    assert "age: is no number" in said
    assert "hand: is not answered" in said
    # Who stops after a trial has been asked.
    assert answers(study) == {"age": 31, "hand": "l", "eyes": "none"}
    assert "complete" in sit(99)


def test_who_cancels_or_leaves_at_once_leaves_nothing(study, sit):
    assert "cancelled before the session began" in sit(99, None)
    sit(0, (["31", ""], ["right"]))
    assert answers(study) is None
    assert not list(study.rglob("participants.yaml"))
    sit(99, (["31", ""], ["right"]))
    assert answers(study)["age"] == 31
