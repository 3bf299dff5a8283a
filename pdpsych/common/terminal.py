"""What is said to whoever sits before a terminal, and kept in a log: no control codes."""

from __future__ import annotations

import errno
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

from pdpsych.common.errors import InputError

# Control characters but tab and line end, what turns the direction of text, and halves of
# characters: a name from a stranger's file may hold any of them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# Where nobody watches a bar, lines are to tell that it goes on, and how fast.
_SECONDS_BETWEEN_LINES = 30.0
_CLOSED = {errno.EPIPE, errno.EINVAL, errno.EBADF}


@dataclass(frozen=True)
class _Manner:
    """What is said, but for errors, and what it is written into too."""

    text: bool = True
    progress: bool = True
    log: TextIO | None = None


_manner = _Manner()


@contextmanager
def speaking(
    *, text: bool = True, progress: bool = True, log: str | Path | None = None
) -> Iterator[None]:
    """Speak in another manner within.

    Parameters
    ----------
    text
        Whether to say what is no error.
    progress
        Whether to show any.
    log
        A file to which all that is said, or would be, is added, each line with its time.

    Raises
    ------
    InputError
        If the log cannot be written.

    Examples
    --------
    >>> with speaking(text=False):
    ...     say("nobody reads this")
    """
    global _manner
    before = _manner
    try:
        file = None if log is None else open(log, "a", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise InputError(
            f"the log cannot be written: {error.strerror}", file=log, field="log"
        ) from None
    _manner = _Manner(text, progress, file)
    try:
        yield
    finally:
        _manner = before
        if file is not None:
            file.close()


def escaped(text: str) -> str:
    r"""Return text in which what a terminal would obey instead of show is written out.

    Parameters
    ----------
    text
        Any text; tabs and line ends stay.

    Examples
    --------
    >>> print(escaped("red \x1b[31m, turned \u202e"))
    red \x1b[31m, turned \u202e
    """
    return _UNSEEN.sub(_written_out, text)


def quoted(path: str | Path) -> str:
    """Return a path as it stands in a command that is pasted into the shell of this system.

    Examples
    --------
    >>> print("pdpsych score", quoted("my study"))
    pdpsych score 'my study'
    """
    text = str(path)
    return subprocess.list2cmdline([text]) if os.name == "nt" else shlex.quote(text)


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as lines of text, its columns one below the other.

    Examples
    --------
    >>> print(aligned(("set", "images"), [("early-vision", "4")]))
    set           images
    early-vision  4
    """
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows)]
    return "\n".join(lines)


def say(text: str, error: bool = False) -> None:
    """Print a text, :func:`escaped`, and a line end: the one way in which commands speak.

    Where the encoding of the output lacks a character, it is written out; where nobody listens
    any more, nothing happens.

    Parameters
    ----------
    text
        What to print.
    error
        Whether to print to standard error, and in every manner of :func:`speaking`.

    Examples
    --------
    >>> say("done")
    done
    """
    note(text)
    if error or _manner.text:
        put(text, sys.stderr if error else sys.stdout)


def put(text: str, stream: TextIO | None) -> None:
    """Write a text, :func:`escaped`, and a line end to a stream, whatever the manner."""
    if stream is None:  # as in programs without a console on Windows
        return
    line = escaped(text) + "\n"
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(line.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except ValueError:
        # The stream is closed.
        return
    except OSError as problem:
        if problem.errno not in _CLOSED:
            raise
        _silence(stream)


def note(text: str) -> None:
    """Write a text into the log alone, if there is one."""
    if _manner.log is None:
        return
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    for line in escaped(text).splitlines():
        if line.strip():
            _manner.log.write(f"{now} {line}\n")
    _manner.log.flush()


def is_watched() -> bool:
    """Return whether standard error is a terminal.

    Examples
    --------
    >>> isinstance(is_watched(), bool)
    True
    """
    return sys.stderr is not None and sys.stderr.isatty()


class Progress:
    """How much of something is done, see :func:`progress_bar`; ``n`` is how many are done."""

    def __init__(
        self, total: int, unit: str, shown: bool, initial: int = 0, description: str = ""
    ) -> None:
        self.n, self._first, self._total, self._unit = initial, initial, total, unit
        self._description, self._remark = description, ""
        self._began = self._said = time.monotonic()
        self._told = initial
        self._bar: Any = None
        self._lines = shown and _manner.progress
        if self._lines and is_watched():
            from tqdm import tqdm

            title = escaped(description) or None
            self._bar = tqdm(desc=title, total=total, initial=initial, unit=unit, leave=False)

    def update(self, count: int = 1) -> None:
        """Say that so many more are done."""
        self.n += count
        if self._bar is not None:
            self._bar.update(count)
        elif time.monotonic() - self._said >= _SECONDS_BETWEEN_LINES:
            self._say_line()

    def set_description(self, text: str) -> None:
        """Say what is done now."""
        self._description = text
        if self._bar is not None:
            self._bar.set_description(escaped(text))

    def remark(self, text: str) -> None:
        """Say something of what was done, with the next update."""
        self._remark = text
        if self._bar is not None:
            self._bar.set_postfix_str(escaped(text), refresh=False)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *of_error: object) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._said > self._began and self._told != self.n:
            self._say_line()

    def _say_line(self) -> None:
        self._said, self._told = time.monotonic(), self.n
        spent = self._said - self._began
        done, left = self.n - self._first, max(self._total - self.n, 0)
        of = f" of {self._total}" if self._total else ""
        parts = [f"{self._unit} {self.n}{of}", *filter(None, [self._description, self._remark])]
        parts.append(f"{timedelta(seconds=round(spent))} so far")
        if done > 0 and left > 0:
            parts.append(f"about {timedelta(seconds=round(spent / done * left))} left")
        note(", ".join(parts))
        if self._lines:
            put(", ".join(parts), sys.stderr)


def progress_bar(
    total: int, unit: str, shown: bool, initial: int = 0, description: str = ""
) -> Progress:
    """Return what shows progress on standard error until its context ends.

    It is a bar on a terminal, and a line now and then where nobody watches.

    Parameters
    ----------
    total, unit, initial
        How many of what there are, and how many are done.
    shown
        Whether it is seen at all.
    description
        What is done; :func:`escaped`, as what is set later.

    Examples
    --------
    >>> with progress_bar(3, "image", shown=False) as bar:
    ...     bar.update()
    >>> bar.n
    1
    """
    return Progress(total, unit, shown, initial, description)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _silence(stream: TextIO) -> None:
    """Let what is still in the buffer of a closed pipe go nowhere when Python ends."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return
