"""A file of lines that are only ever added, open in one process at a time."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from pdpsych.common.errors import InputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_READ_ONLY = 0o444


class LogFile:
    """Lines on disk: each is there when :meth:`append` returns.

    Attributes
    ----------
    path
        Where it is.
    writable
        Whether lines can be added; not where the file is read-only.
    size
        Bytes of the lines that are there.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, and make it where there is none.

        Raises
        ------
        InputError
            If it cannot be made or written, or another process has it open.
        """
        self.path = path
        self.writable = not path.exists() or os.access(path, os.W_OK)
        self._handle = _open(path, self.writable)
        try:
            _lock(self._handle)
        except OSError as error:
            os.close(self._handle)
            raise InputError(
                f"{path}: another process is running this session ({error.strerror}); end it, or "
                "use another participant or session label"
            ) from None
        self.size = os.fstat(self._handle).st_size

    def append(self, line: str) -> None:
        """Write a line and wait until it is on disk.

        Raises
        ------
        OSError
            If it cannot be written; the file then ends with the line before.
        """
        rest = line.encode() + b"\n"
        size = len(rest)
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            os.fsync(self._handle)
        except OSError:
            # Where even this fails, the next run sets the cut-off line aside.
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self.size)
            raise
        if not self.size:
            _sync_folder(self.path.parent)
        self.size += size

    def set_aside(self, end: int) -> None:
        """Cut off what is behind byte ``end``; a copy of it goes to :func:`torn_path`."""
        tail = self.path.read_bytes()[end:]
        if tail:
            with open(torn_path(self.path), "ab") as torn:
                torn.write(tail + b"\n")
                torn.flush()
                os.fsync(torn.fileno())
        self.cut(end)

    def cut(self, end: int) -> None:
        """Cut off what is behind byte ``end``."""
        os.ftruncate(self._handle, end)
        self.size = end

    def finish(self) -> None:
        """Make the file read-only: nothing is to be added any more."""
        self.path.chmod(_READ_ONLY)

    def close(self) -> None:
        """Close the file, which lets go of the lock; an empty one is removed."""
        os.close(self._handle)
        if not self.size:
            self.path.unlink(missing_ok=True)


def torn_path(path: Path) -> Path:
    """Return the file beside a log that holds the lines cut off in writing."""
    return path.with_name(f"{path.name}.torn")


def _open(path: Path, writable: bool) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND if writable else os.O_RDONLY
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags | getattr(os, "O_BINARY", 0), 0o644)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


if sys.platform == "win32":

    def _lock(handle: int) -> None:
        # A byte far behind the end: locked bytes cannot be read on Windows.
        os.lseek(handle, 1 << 30, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _sync_folder(folder: Path) -> None:
        """Windows cannot fsync a folder."""

else:

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _sync_folder(folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY)
        # Some network file systems cannot.
        with contextlib.suppress(OSError):
            os.fsync(handle)
        os.close(handle)
