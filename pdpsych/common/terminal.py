"""What is said to whoever sits before a terminal: text and progress, without control characters."""

from __future__ import annotations

import errno
import os
import re
import sys
from typing import NoReturn, TextIO

from tqdm import tqdm

# Control characters but tab and line end, what turns the direction of text, and halves of
# characters: a name from a stranger's file may hold any of them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_CLOSED = {errno.EPIPE, errno.EINVAL, errno.EBADF}


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


def say(text: str, error: bool = False) -> None:
    """Print a text, :func:`escaped`, and a line end: the one way in which commands speak.

    Where the encoding of the output lacks a character, it is written out; where nobody listens
    any more, nothing happens.

    Parameters
    ----------
    text
        What to print.
    error
        Whether to print to standard error.

    Examples
    --------
    >>> say("done")
    done
    """
    stream = sys.stderr if error else sys.stdout
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


def is_watched() -> bool:
    """Return whether standard error is a terminal.

    Examples
    --------
    >>> isinstance(is_watched(), bool)
    True
    """
    return sys.stderr is not None and sys.stderr.isatty()


def progress_bar(
    total: int, unit: str, shown: bool, initial: int = 0, description: str = ""
) -> tqdm[NoReturn]:
    """Return a bar on standard error, live on a terminal, a line now and then in a log.

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
    ...     _ = bar.update()
    """
    live = is_watched()
    return _Bar(
        desc=escaped(description) or None,
        total=total,
        initial=initial,
        unit=unit,
        disable=not shown,
        leave=not live,
        mininterval=0.1 if live else 30,
        miniters=None if live else 1,
    )


class _Bar(tqdm):  # type: ignore[type-arg]
    def set_description(self, desc: str | None = None, refresh: bool | None = True) -> None:
        super().set_description(escaped(desc or ""), refresh)


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
