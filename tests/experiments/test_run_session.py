"""The start script in real Qt dialogs, filled in by a timer inside its process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from dialogs import in_dialogs

from pdpsych.experiments.logs.session_log import read_log

SCRIPT = Path(__file__).parents[2] / "experiments" / "run_session.py"
# Takes the answers to the dialogs in turn: texts for the fields, or None to cancel.
DRIVER = """
import functools, json, runpy, sys
from PyQt6 import QtCore, QtTest, QtWidgets
from psychopy import gui
from pdpsych import experiments

local = experiments.ObserverSpec(model="LGN", local=True)
experiments.run = functools.partial(experiments.run, observer=local)
script, todo = sys.argv[1], json.loads(sys.argv[2])
gui.qtgui.ensureQtApp()

def act():
    shown = [w for w in QtWidgets.QApplication.topLevelWidgets() if w.isVisible()]
    if not shown:
        return
    (widget,) = shown
    answers = todo.pop(0)
    labels = widget.findChildren(QtWidgets.QLabel)
    print(*(text for l in labels if (text := l.text())), sep="|", flush=True)
    if answers is None:
        widget.reject()
        return
    for box, text in zip(widget.findChildren(QtWidgets.QLineEdit), answers):
        box.clear()
        QtTest.QTest.keyClicks(box, text)
    widget.accept()

timer = QtCore.QTimer()
timer.timeout.connect(act)
timer.start(20)
runpy.run_path(script, run_name="__main__")
assert not todo
"""


@pytest.fixture
def start(write_experiment, x_environment, tmp_path):
    """Return a function that starts the script beside an experiment and answers its dialogs."""
    write_experiment("early", trials_per_condition=1)
    script = Path(shutil.copy(SCRIPT, tmp_path))

    def run(*answers: list[str] | None) -> str:
        return in_dialogs(x_environment, DRIVER, str(script), json.dumps(answers))

    return run


def test_a_session_from_dialog_to_log(start, tmp_path):
    said = start([], ["07", "01", "2"], [])
    assert "Experiment|Only try out" in said
    assert "Participant|Session|Run" in said
    assert "sub-07_ses-01_run-2.jsonl: complete, 8 trials" in said
    log = read_log(tmp_path / "data" / "early" / "sub-07_ses-01_run-2.jsonl")
    assert log.complete
    assert not log.header.windowed


def test_what_is_wrong_is_said_and_can_be_set_right(start, tmp_path):
    (tmp_path / "early.yaml").write_text("stimulus_set: here\n")
    said = start([], [], None)
    assert "early.yaml: display: " in said
    assert said.count("Experiment|") == 2


def test_cancel_runs_nothing(start, tmp_path):
    assert "cancelled before the session began" in start([], None, [])
    assert not (tmp_path / "data").exists()
