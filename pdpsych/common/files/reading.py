"""Files read from disk: only regular ones, no more of them than their kind may have."""

from __future__ import annotations

import difflib
import os
import stat
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from pdpsych.common.errors import InputError, did_you_mean

_MB = 1 << 20
# Several times what the largest honest file of each kind has, in bytes.
STUDY_FILE = 4 * _MB
TABLE = 64 * _MB
LOG = 256 * _MB
DOCUMENT = 512 * _MB
PHOTOGRAPH = 1024 * _MB
ARRAYS = 16 * 1024 * _MB
CHECKPOINT = 64 * 1024 * _MB

# Without O_NONBLOCK, opening a FIFO waits for somebody who writes.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_MOST_NAMES, _FEW_NAMES = 10_000, 12


class MissingFile(InputError):
    """There is no such file."""


def open_regular(path: str | Path, most: int | None = None, known_as: str = "") -> BinaryIO:
    """Open a regular file to be read as bytes.

    Parameters
    ----------
    path
        The file; symbolic links are followed.
    most
        Bytes that it may have; None for any number. A file that grows afterwards has to be
        stopped by whoever reads it.
    known_as
        What should be there, as in ``a recipe, stimuli/NAME.yaml``, for messages.

    Raises
    ------
    MissingFile
        If there is none.
    InputError
        If it is a folder, a device, a pipe or a socket, is too large, or cannot be opened.

    Examples
    --------
    >>> open_regular("/dev/zero")
    Traceback (most recent call last):
    ...
    pdpsych.common.errors.InputError: /dev/zero: is not a regular file
    """
    give = f"give {known_as}" if known_as else ""
    try:
        # Before it is opened, which may do something where it is a device.
        _check_regular(os.stat(path), path, give)
        file = os.fdopen(os.open(path, _FLAGS), "rb")
    except FileNotFoundError:
        raise MissingFile("no such file", file=path, remedy=_near(Path(path)) or give) from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error, give) from None
    try:
        found = os.fstat(file.fileno())
        _check_regular(found, path, give)
        _check_size(found.st_size, most, path)
    except BaseException:
        file.close()
        raise
    return file


def read_bytes(path: str | Path, most: int, known_as: str = "") -> bytes:
    """Return what a regular file holds.

    Parameters
    ----------
    path, known_as
        See :func:`open_regular`.
    most
        Bytes that it may have, and no more are read.

    Raises
    ------
    InputError
        As :func:`open_regular`, and if it cannot be read.
    """
    with open_regular(path, most, known_as) as file:
        try:
            data = _read(file, most)
        except OSError as error:
            raise unreadable(path, error) from None
    _check_size(len(data), most, path)
    return data


def read_text(path: str | Path, most: int, known_as: str = "") -> str:
    """Return the text of a regular file, as :func:`text_of` has it.

    Parameters
    ----------
    path, most, known_as
        See :func:`read_bytes`.

    Raises
    ------
    InputError
        As :func:`read_bytes`, and if it is not text in UTF-8.
    """
    return text_of(read_bytes(path, most, known_as), path)


def text_of(data: bytes, file: str | Path) -> str:
    r"""Return bytes in UTF-8 as text, its lines ended by ``\n``, without a byte order mark.

    Parameters
    ----------
    data
        The bytes.
    file
        Where they are from, for messages.

    Raises
    ------
    InputError
        If they are not UTF-8, or hold NUL; with the line.

    Examples
    --------
    >>> text_of(b"one\r\ntwo", "numbers.txt")
    'one\ntwo'
    >>> text_of(b"one\n\xff", "numbers.txt")
    Traceback (most recent call last):
    ...
    pdpsych.common.errors.InputError: numbers.txt: line 2: is not text in UTF-8
    """
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError("is not text in UTF-8", file=file, line=line) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError("is not text: it holds NUL", file=file, line=line)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def unreadable(path: str | Path, error: OSError | ValueError, remedy: str = "") -> InputError:
    """Return what is said of a file that the system, or Python, refuses to read."""
    if isinstance(error, InputError):
        return error
    # Python's own words, as of NUL in a name, name no file.
    words = (isinstance(error, OSError) and error.strerror) or str(error)
    return InputError(f"cannot be read: {words}", file=printable(path), remedy=remedy)


def printable(path: str | Path) -> str:
    """Return a path as text that can be encoded, whatever it was given as."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _read(file: BinaryIO, most: int) -> bytes:
    """Read to the end, or past the limit, of a file that may grow meanwhile."""
    parts = [file.read(os.fstat(file.fileno()).st_size)]
    total = len(parts[0])
    while total <= most and (part := file.read(_MB)):
        parts.append(part)
        total += len(part)
    return b"".join(parts)


def _check_regular(found: os.stat_result, path: str | Path, remedy: str) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise InputError("is a folder", file=path, remedy=remedy)
    if not stat.S_ISREG(found.st_mode):
        raise InputError("is not a regular file", file=path, remedy=remedy)


def _check_size(size: int, most: int | None, path: str | Path) -> None:
    if most is not None and size > most:
        raise InputError(
            f"is larger than {most / _MB:g} MiB, the most that such a file may have", file=path
        )


def _near(path: Path) -> str:
    """Name the files of that kind in the folder that are named most alike."""
    try:
        there = islice(os.scandir(path.parent), _MOST_NAMES)
        names = [entry.name for entry in there if Path(entry.name).suffix == path.suffix]
    except (OSError, ValueError):
        return ""
    few = sorted(map(printable, difflib.get_close_matches(path.name, names, _FEW_NAMES, 0)))
    return did_you_mean(path.name, [*few, "…"] if len(names) > len(few) else few) if few else ""
