"""What the experimenter is told while a session runs."""

from __future__ import annotations

import os
import struct
import sys
from functools import partial

import pytest
from observers import LGN
from tqdm import tqdm

from pdpsych.experiments import run
from pdpsych.experiments.logs.parsing import parse
from pdpsych.experiments.sessions.summary import summary

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="terminals are pseudo-terminals")


def test_the_last_answers_are_told(write_experiment):
    path = write_experiment("short", trials_per_condition=20, practice_trials=4)
    trials = _trials(path)
    measured = [t for t in trials if not t.practice]
    last = measured[-50:]
    right = sum(t.correct for t in last) / 50
    told = summary(trials)
    assert told.startswith(f"{right:.0%} right of the last 50")
    easy = [t for t in last if t.easy]
    assert f"easy {sum(t.correct for t in easy) / len(easy):.0%}" in told
    assert "s to answer" not in told  # a simulated observer takes no time
    slow = [
        t.model_copy(update={"response_time": s}) for t, s in zip(last[:3], (1, 2, 9), strict=True)
    ]
    assert summary(slow).endswith("2 s to answer")
    assert summary([]) == ""
    assert summary([], broken=1) == "fixation broken once"
    assert summary(trials[:3], broken=2).endswith("last 3, fixation broken twice")
    assert summary(trials[:3], broken=3).endswith("last 3, fixation broken 3 times")
    assert summary(trials[:3]).endswith("right of the last 3")


def _trials(path):
    log = run(path, "01", observer=LGN)
    return parse(log.path.read_bytes(), log.path).trials


def test_it_is_beside_the_bar_on_a_terminal(write_experiment, monkeypatch):
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    # In a terminal without a size, no bar is drawn.
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        # Simulated answers come faster than the bar is drawn.
        monkeypatch.setattr("tqdm.tqdm", partial(tqdm, mininterval=0))
        run(write_experiment("short", trials_per_condition=1), "01", observer=LGN, progress=True)
        terminal.flush()
        told = os.read(ours, 100_000).decode(errors="replace")
    os.close(ours)
    assert "right of the last" in told
