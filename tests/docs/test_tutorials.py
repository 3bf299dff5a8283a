"""The tutorials, in their order: each goes on from those before."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[2] / "docs" / "tutorials").glob("*.py"))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return tmp_path_factory.mktemp("tutorials")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_it_runs_without_a_warning(script, study):
    environment = os.environ | {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    # pyplot says that agg shows nothing.
    command = [sys.executable, "-W", "error", "-W", "ignore:FigureCanvasAgg", str(script)]
    done = subprocess.run(command, cwd=study, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_study_they_make_is_whole(study):
    results = study / "first-study" / "analysis" / "results" / "small"
    report = (results / "report.html").read_text(encoding="utf-8")
    assert re.search("LGN is (first|closest to the human).*log probability of people", report)
    from pdpsych import studies

    assert not studies.check(study / "first-study").problems
