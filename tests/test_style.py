"""The checks of style and types are tests: one command runs them all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "command",
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "--no-error-summary"]],
    ids=" ".join,
)
def test_passes(command):
    if command[0] == "mypy" and sys.version_info < (3, 11):
        pytest.skip("the last NumPy and pandas for Python 3.10 declare other types")
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
