"""A small study made by the commands themselves, from a new one to its report."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from small import SMALLER


def _edit(path, *changes):
    """Replace texts that are each there exactly once in a file."""
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, (path, old)
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def edit():
    """Return a function from a file and pairs of texts, old and new, that changes the file."""
    return _edit


@pytest.fixture(scope="session")
def new_study(tmp_path_factory):
    from pdpsych import studies

    root = studies.init(tmp_path_factory.mktemp("new") / "study").parent
    for file, changes in SMALLER.items():
        _edit(root / file, *changes.items())
    return root


@pytest.fixture(scope="session")
def generated(new_study, tmp_path_factory):
    from pdpsych import stimuli

    root = tmp_path_factory.mktemp("generated") / "study"
    shutil.copytree(new_study, root)
    stimuli.generate(root / "stimuli" / "early-vision.yaml")
    return root


@pytest.fixture(scope="session")
def scored(generated, tmp_path_factory):
    from pdpsych import analysis, experiments, stimuli

    root = tmp_path_factory.mktemp("scored") / "study"
    shutil.copytree(generated, root)
    display = root / "experiments" / "displays" / "srgb-8bit.yaml"
    stimuli.calibrate(root / "stimuli" / "sets" / "early-vision", display)
    experiments.run(root / "experiments" / "early-vision.yaml", "01", observer="LGN")
    analysis.score(root / "analysis" / "early-vision.yaml")
    return root


@pytest.fixture
def new(new_study, tmp_path):
    """Return a new study to change."""
    return shutil.copytree(new_study, tmp_path / "study")


@pytest.fixture
def done(scored, tmp_path):
    """Return a study that is done, to change."""
    return shutil.copytree(scored, tmp_path / "study")


@pytest.fixture
def pdpsych_command():
    """Return a function that runs a command."""

    def run(*arguments):
        command = [sys.executable, "-m", "pdpsych", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, encoding="utf-8")

    return run
