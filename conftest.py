"""Examples in docstrings, ``pytest --doctest-modules pdpsych``: each in a folder of its own.

There is a small study in it, ``study``.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

# These open PsychoPy when they are imported, which needs a screen; they have no examples.
collect_ignore_glob = [
    "pdpsych/displays/lab/*.py",
    "pdpsych/displays/measuring/patch.py",
    "pdpsych/experiments/person/*.py",
]
SUPPORT = Path(__file__).parent / "tests" / "support"


@pytest.fixture(scope="session")
def example_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study with the session of one participant; it is to be copied, not changed."""
    if str(SUPPORT) not in sys.path:
        sys.path.insert(0, str(SUPPORT))
    from small_study import write_study

    return write_study(tmp_path_factory.mktemp("example") / "study")


@pytest.fixture(autouse=True)
def _example_folder(request: pytest.FixtureRequest) -> None:
    """Let an example find the study as ``study``."""
    if not isinstance(request.node, pytest.DoctestItem):
        return
    folder = request.getfixturevalue("tmp_path")
    shutil.copytree(request.getfixturevalue("example_study"), folder / "study")
    request.getfixturevalue("monkeypatch").chdir(folder)
