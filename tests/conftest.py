"""How the tests are run: the same each time, and interrupted only where they ask for it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

TESTS = Path(__file__).parent

# Before NumPy and PyTorch are loaded: processes side by side do not compete for the cores, and
# sums come out the same on every machine.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

# Modules that tests of several packages use.
sys.path.insert(0, str(TESTS / "support"))
pytest_plugins = ["matrices", "screens", "selection", "simulated_displays", "stimulus_sets"]

# A slow machine is no failure. The same examples each time, but for the long profile, which a job
# of its own runs: --hypothesis-profile=long.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("long", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile("same")


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C reach what tests start, also where a script started them in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
