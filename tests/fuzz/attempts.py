"""Run one command in this process on a study with a broken file, and judge how it ends."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import re
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

from pdpsych.cli import main as cli
from pdpsych.common.errors import InputError

Command = Sequence[str] | Callable[[Path], object]
Files = dict[str, tuple[int, int, int]]

# Bytes that one command may take beyond what the process has.
MEMORY = 2**30
LONGEST_MESSAGE = 10_000
_BUSY, _WAITING = signal.SIGPROF, signal.SIGALRM
# Whole results that a refused command may leave: images that are made, for the next start; what
# a command made before the one that is refused; locks.
_KEPT = re.compile(r"/\.[^/]+\.units(/|$)|\.lock$|/sets$")
_HALF = re.compile(r"\.part(ial)?$|\.\d+$|/tmp[^/]*$")


class _TooSlow(BaseException):
    """Ends what takes too long; no ``except Exception`` holds it up."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and why that is broken where it is."""

    verdict: Literal["succeeded", "refused", "broken"]
    seconds: float
    message: str = ""


class Bench:
    """A study that is broken again and again, and put in order before each attempt.

    Attributes
    ----------
    root
        Where the last attempt was, as it left it.
    """

    def __init__(self, study: Path, work: Path, limit_s: float = 30.0) -> None:
        self._pristine, self._work, self._limit = study, work, limit_s
        self._number = 0
        self.root = work

    def try_out(
        self, command: Command, change: Callable[[Path], None], named: Sequence[str] = ()
    ) -> Outcome:
        """Run a command after a change of the study; one of ``named`` is in what it refuses."""
        root = self._fresh()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            change(root)
        before = _files(root)
        outcome = run(command, root, self._limit)
        return _judged(outcome, before, _files(root), named)

    def _fresh(self) -> Path:
        # A new name each time: nothing that is remembered of a path is met again.
        self._number += 1
        root = self._work / f"{self._number:06d}"
        if self._number > 1 and _files(self.root) == self._clean:
            os.rename(self.root, root)
        else:
            if self._number > 1:
                shutil.rmtree(self.root)
            shutil.copytree(self._pristine, root, symlinks=True)
            self._clean = _files(root)
        self.root = root
        return root


def run(command: Command, root: Path, limit_s: float) -> Outcome:
    """Run a command in a folder, with its time and memory bounded; seconds are the processor's."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    err.reconfigure(errors="backslashreplace")
    here, began = Path.cwd(), time.process_time()
    status: int | str = 0
    os.chdir(root)
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            warnings.catch_warnings(),
            _bounded(limit_s),
        ):
            warnings.simplefilter("ignore")
            status = _status(command)
    except _TooSlow:
        status = f"took more than {limit_s:g} s"
    except BaseException:
        status = traceback.format_exc(limit=-6)[-2000:]
    finally:
        os.chdir(here)
    seconds = time.process_time() - began
    said = "".join(_text(stream) for stream in (out, err))
    if isinstance(status, str):
        return Outcome("broken", seconds, status)
    if status == 0:
        return Outcome("succeeded", seconds, said)
    if status not in (1, 2):
        return Outcome("broken", seconds, f"status {status}: {said}")
    return Outcome("refused", seconds, said)


def _status(command: Command) -> int:
    if callable(command):
        try:
            command(Path())
        except InputError as error:
            print(error, file=sys.stderr)
            return 2
        return 0
    arguments, sys.argv = sys.argv, ["pdpsych", *command]
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = arguments
    return 0


@contextlib.contextmanager
def _bounded(limit_s: float) -> Iterator[None]:
    """End what takes too long, and refuse memory beyond what is there and :data:`MEMORY`."""

    def too_slow(number: int, frame: FrameType | None) -> None:
        raise _TooSlow

    former = resource.getrlimit(resource.RLIMIT_DATA)
    handlers = {number: signal.signal(number, too_slow) for number in (_BUSY, _WAITING)}
    # Ends what does not even come back to Python.
    faulthandler.dump_traceback_later(10 * limit_s, exit=True, file=sys.__stderr__)
    resource.setrlimit(resource.RLIMIT_DATA, (_data_bytes() + MEMORY, former[1]))
    # The processor's time, which other programs do not take; but waiting is a hang too.
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    signal.setitimer(signal.ITIMER_REAL, 6 * limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_DATA, former)
        faulthandler.cancel_dump_traceback_later()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _data_bytes() -> int:
    text = Path("/proc/self/status").read_text()
    found = re.search(r"VmData:\s+(\d+) kB", text)
    assert found is not None
    return 1024 * int(found[1])


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode(errors="replace")


def _files(root: Path) -> Files:
    """Return size, time and inode of everything in a folder."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in files:
            path = os.path.join(folder, name)
            stat = os.lstat(path)
            found[path[len(str(root)) :]] = stat.st_size, stat.st_mtime_ns, stat.st_ino
        for name in folders:
            found[os.path.join(folder, name)[len(str(root)) :]] = 0, 0, 0
    return found


def _judged(outcome: Outcome, before: Files, after: Files, named: Sequence[str]) -> Outcome:
    """Look at what a command said and left."""
    if outcome.verdict == "broken":
        return outcome
    changed = {f for f in before.keys() | after.keys() if before.get(f) != after.get(f)}
    faults = {
        "left something half written": [f for f in changed & after.keys() if _HALF.search(f)],
        "ran what a file said": [f for f in changed if "PWNED" in f],
        "showed a traceback": "Traceback" in outcome.message,
    }
    if outcome.verdict == "refused":
        faults |= {
            "left a partial result": sorted(f for f in changed if not _KEPT.search(f)),
            "said nothing": not outcome.message.strip(),
            "said too much": len(outcome.message) > LONGEST_MESSAGE,
            "did not name the file": bool(named) and not any(n in outcome.message for n in named),
        }
    found = [f"{what}: {where}" for what, where in faults.items() if where]
    if not found:
        return outcome
    return Outcome("broken", outcome.seconds, "; ".join([*found, outcome.message[:1000]]))
