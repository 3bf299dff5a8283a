from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time

import pytest
from refusals import refused

from pdpsych.common.errors import InputError
from pdpsych.common.files import locks
from pdpsych.common.files.locks import Busy, locked

pytestmark = pytest.mark.skipif(os.name == "nt", reason="flock is none of Windows")

HOLDER = """
import sys, time
from pdpsych.common.files.locks import locked
with locked(sys.argv[1], doing="an example runs"):
    print("held", flush=True)
    sys.stdin.readline()
"""
COUNTER = """
import sys
from pathlib import Path
from pdpsych.common.files.locks import locked
path = Path(sys.argv[1])
for _ in range(100):
    with locked(path, doing="it is counted", wait=60):
        path.write_text(str(int(path.read_text()) + 1))
"""


@pytest.fixture
def held(tmp_path):
    command = [sys.executable, "-c", HOLDER, tmp_path / "scores"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def flock_fails(monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locks.fcntl, "flock", fail)


def test_another_process_is_told(tmp_path, held):
    with pytest.raises(Busy) as told, locked(tmp_path / "scores", "scores are written", wait=0.1):
        pytest.fail("not locked")
    assert told.value.file == str(tmp_path / "scores")
    assert told.value.problem == "another process is at work: scores are written"
    with locked(tmp_path / "other", "scores are written", wait=0):
        pass


def test_another_process_is_waited_for(tmp_path, held):
    threading.Timer(0.3, lambda: print(file=held.stdin, flush=True)).start()
    before = time.monotonic()
    with locked(tmp_path / "scores", "scores are written"):
        assert time.monotonic() - before > 0.2


def test_what_a_killed_process_held_is_free(tmp_path, held):
    held.kill()
    held.wait()
    with locked(tmp_path / "scores", "scores are written", wait=0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_two_processes_take_turns(tmp_path):
    (tmp_path / "count").write_text("0")
    command = [sys.executable, "-c", COUNTER, tmp_path / "count"]
    running = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert (tmp_path / "count").read_text() == "200"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch, number):
    flock_fails(monkeypatch, number)
    with refused(file="scores", remedy="with locks") as told, locked(tmp_path / "scores", "x"):
        pytest.fail("not locked")
    assert "no locks" in told.value.problem
    assert not isinstance(told.value, Busy)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
@pytest.mark.parametrize("step", ["open", "flock"])
def test_a_place_that_is_read_only_is_told(tmp_path, monkeypatch, number, step):
    def fail(*_):
        raise OSError(number, os.strerror(number), "file")

    if step == "flock":
        flock_fails(monkeypatch, number)
    else:
        monkeypatch.setattr(locks.os, "open", fail)
    problem = f"cannot be written: {os.strerror(number)}"
    with refused(problem=problem, file="scores") as told, locked(tmp_path / "scores", "x"):
        pytest.fail("not locked")
    assert told.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_what_goes_wrong_meanwhile_lets_go(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "new" / "scores", "x"):
        raise ZeroDivisionError
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127])
def test_the_longest_names_can_be_locked(tmp_path, name):
    with locked(tmp_path / name, "x"):
        assert len(list(tmp_path.iterdir())) == 1


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    with pytest.raises(InputError), locked(tmp_path / "a\0b", "x"):
        pytest.fail("not locked")
