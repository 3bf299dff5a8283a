"""Dialogs are refused where Qt would end the program."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from screens import virtual_screen

pytest.importorskip("psychopy")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="windows open on Xvfb")

# A PyQt6 in the folder given, whose plugin for X cannot be loaded.
DRIVER = """
import sys
from types import SimpleNamespace
from pdpsych.common.errors import InputError
from pdpsych.displays.lab import dialogs

found = SimpleNamespace(submodule_search_locations=[sys.argv[1]])
dialogs.find_spec = lambda name: found
try:
    print(dialogs.dialogs().__name__)
except InputError as error:
    print(error)
"""


def told(folder, **variables):
    plugin = folder / "Qt6/plugins/platforms/libqxcb.so"
    plugin.parent.mkdir(parents=True)
    plugin.write_bytes(b"no library")
    kept = {name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"}
    with virtual_screen() as display:
        environment = kept | {"DISPLAY": display} | variables
        command = [sys.executable, "-c", DRIVER, str(folder)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_what_qt_lacks_is_an_error_and_not_the_end(tmp_path):
    shown = told(tmp_path)
    assert "PsychoPy's dialogs cannot open" in shown
    assert str(tmp_path / "Qt6/plugins/platforms/libqxcb.so") in shown
    assert "apt install libxcb-cursor0" in shown


def test_elsewhere_than_under_x_nothing_is_asked_of_the_plugin(tmp_path):
    assert told(tmp_path, QT_QPA_PLATFORM="offscreen") == "psychopy.gui\n"
