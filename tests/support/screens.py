"""Virtual screens, on which windows are real."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def virtual_screen(*options: str) -> Iterator[str]:
    """Start a virtual X display; keys pressed there reach no other program."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    # Without -noreset the server begins anew, and breaks connections, when its last program ends.
    server = subprocess.Popen(
        [*command, "-noreset", *options], pass_fds=[write], stderr=subprocess.DEVNULL
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        number = pipe.readline().strip()
    try:
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def with_psychopy() -> None:
    """Skip what needs PsychoPy where there is none: from Python 3.13 on it cannot be installed."""
    if importlib.util.find_spec("psychopy") is None:
        if sys.version_info < (3, 13) and "CI" in os.environ:
            pytest.fail("no PsychoPy: install the extra lab")
        pytest.skip("waits for PsychoPy, which runs on Python 3.10 to 3.12")


@pytest.fixture(scope="session")
def x_display(with_psychopy: None) -> Iterator[str]:
    """Return a virtual X display."""
    if shutil.which("Xvfb") is None:
        reason = "no Xvfb to show windows on: install xvfb"
        if "CI" in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    with virtual_screen() as display:
        yield display


@pytest.fixture(scope="session")
def x_environment(x_display: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a program on the virtual display, with a home of its own."""
    home = tmp_path_factory.mktemp("home")
    root = str(Path(__file__).parents[2])
    return {
        **os.environ,
        "DISPLAY": x_display,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]),
    }
