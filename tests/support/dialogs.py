"""Real Qt dialogs, offscreen, driven by a timer inside their process."""

from __future__ import annotations

import subprocess
import sys


def in_dialogs(x_environment: dict[str, str], driver: str, *arguments: str) -> str:
    """Run a driver, which answers dialogs, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", driver, *arguments],
        env={**x_environment, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
