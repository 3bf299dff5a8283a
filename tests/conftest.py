"""How the tests are run: the same each time, and interrupted only where they ask for it."""

from __future__ import annotations

import os
import random
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
# of its own runs, see .ci/long.
SLOW = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("same", derandomize=True, **SLOW)
hypothesis.settings.register_profile("long", max_examples=1000, print_blob=True, **SLOW)
hypothesis.settings.load_profile("same")


def _seed() -> None:
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Let what a fixture draws not depend on the tests before it in the same process."""
    _seed()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Let what a test draws not depend on whether its fixtures were made for it."""
    _seed()


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C reach what tests start, also where a script started them in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
