"""A file of lines that are only ever added, open in one process at a time."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import sync_folder, unfinished, unwritable
from pdpsych.common.files.locks import is_at, lock_handle, refusal
from pdpsych.common.files.reading import LOG

_READ_ONLY = 0o444
_FLAGS = (
    os.O_APPEND
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
_BLOCK = 1 << 20


class AppendOnlyFile:
    r"""Lines on disk: each is there when :meth:`append` returns.

    The file may be moved, deleted or replaced by another while it is open. Then all its lines are
    saved anew under its name, or beside it where another file has that; none is lost.

    Parameters
    ----------
    path
        The file; made, with its folder, if there is none.
    doing
        What it is open for, for other processes that want it too, as in ``a session runs``.
    wait
        Seconds to wait for another process that has it open.

    Attributes
    ----------
    path
        Where it is.
    writable
        Whether lines can be added; not where the file is read-only.
    size
        Bytes of the lines that are there.
    events
        What happened to the file while it was open, in words.

    Raises
    ------
    Busy
        If another process has it open.
    InputError
        If it is no regular file, cannot be made or written, or its file system has no locks.

    Examples
    --------
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = AppendOnlyFile(Path(folder.name) / "log.txt", "an example runs")
    >>> file.append("one line")
    >>> file.contents
    b'one line\n'
    >>> file.close()
    >>> folder.cleanup()
    """

    def __init__(self, path: str | Path, doing: str, wait: float = 0.0) -> None:
        self.path = Path(path)
        self.events: list[str] = []
        try:
            self.writable = not self.path.exists() or os.access(self.path, os.W_OK)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = _opened(self.path, self.writable, time.monotonic() + wait)
        except (OSError, ValueError) as error:
            raise refusal(self.path, doing, error) from None
        self.size = os.fstat(self._handle).st_size

    @property
    def contents(self) -> bytes:
        """What the file holds, wherever it is by now.

        Raises
        ------
        InputError
            If that is more than any log has.
        """
        if os.fstat(self._handle).st_size > LOG:
            raise InputError(f"is larger than {LOG >> 20} MiB: no such file", file=self.path)
        return b"".join(_blocks(self._handle))

    def append(self, line: str, what: str = "a line") -> None:
        """Write a line, or several, and wait until they are on disk.

        Parameters
        ----------
        line
            Text without the last line end.
        what
            What it is, for messages.

        Raises
        ------
        InputError
            If it cannot be written, for example on a full disk: the file then ends with the line
            before. Also if another file took this one's name; the error says where the lines
            are, this one among them, and further ones go there.
        """
        before = os.fstat(self._handle).st_size
        try:
            _write(self._handle, line.encode() + b"\n")
        except OSError as error:
            # Where even this fails, the next run sets the cut-off line aside.
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, before)
            raise InputError(
                f"{what} could not be saved ({error.strerror}); all before it is",
                file=self.path,
                remedy="make room on the disk, then run the same command to go on",
            ) from None
        if not before:
            sync_folder(self.path.parent)
        self.size = before + len(line.encode()) + 1
        self._keep()

    def set_aside(self, end: int) -> None:
        """Cut off what is behind byte ``end``; a copy of it goes to :func:`torn_path`."""
        tail = self.contents[end:]
        if not tail:
            return
        torn = torn_path(self.path)
        try:
            handle = _opened(torn, True, 0.0)
            try:
                _write(handle, tail + b"\n")
            finally:
                os.close(handle)
        except OSError as error:
            raise unwritable(torn, error) from None
        self.cut(end)

    def cut(self, end: int) -> None:
        """Cut off what is behind byte ``end``."""
        try:
            os.ftruncate(self._handle, end)
        except OSError as error:
            raise unwritable(self.path, error) from None
        self.size = end

    def finish(self) -> None:
        """Make the file read-only: nothing is to be added any more."""
        self._keep()
        with contextlib.suppress(OSError):
            self.path.chmod(_READ_ONLY)

    def close(self) -> None:
        """Close the file, which lets go of the lock; an empty one is removed."""
        try:
            if self.size:
                self._keep()
            elif is_at(self._handle, self.path):
                # Before another process can have it; Windows removes no open file.
                with contextlib.suppress(OSError):
                    self.path.unlink()
        finally:
            os.close(self._handle)
        if not self.size and os.name == "nt":
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _keep(self) -> None:
        """Save all lines anew if the file is no longer where it was."""
        if is_at(self._handle, self.path):
            return
        gone = "deleted" if not os.fstat(self._handle).st_nlink else "moved"
        try:
            self._save(self.path)
            self.events.append(
                f"{self.path}: was {gone} while it was open; all its lines were saved there anew"
            )
            return
        except OSError as error:
            taken = isinstance(error, FileExistsError) and os.path.lexists(self.path)
            problem = "another file took its name" if taken else f"was {gone}"
        lost = self.path
        self._save_beside()
        where = f"all its lines, the last among them, are in {self.path}"
        self.events.append(f"{lost}: {problem} while it was open; {where}")
        remedy = "compare the two, and give the right one the name" if taken else "move it back"
        raise InputError(f"{problem} while it was open; {where}", file=lost, remedy=remedy)

    def _save_beside(self) -> None:
        """Save all lines beside the file, or where temporary files are."""
        name = self.path.name
        folders = (self.path.parent, Path(tempfile.gettempdir()))
        for folder in folders:
            try:
                self._save(_free(folder, name))
                return
            except OSError as error:
                if folder is folders[-1]:
                    raise unwritable(self.path, error) from None

    def _save(self, path: Path) -> None:
        """Copy all lines to a file that is not there yet, and go on with it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(path) as part:
            handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o644)
            try:
                lock_handle(handle, 0.0)
                for block in _blocks(self._handle):
                    _write(handle, block, sync=False)
                os.fsync(handle)
                _claim(part, path)
            except BaseException:
                os.close(handle)
                raise
        sync_folder(path.parent)
        os.close(self._handle)
        self._handle, self.path = handle, path


def torn_path(path: Path) -> Path:
    """Return the file beside a log that holds the lines cut off in writing."""
    return path.with_name(f"{path.name}.torn")


def _opened(path: Path, writable: bool, until: float) -> int:
    """Open a file, made if need be, and lock it, so that the path leads to what is locked."""
    while True:
        handle, made = _made_or_there(path, writable)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise InputError("is not a regular file", file=path)
            lock_handle(handle, until, shared=not writable)
            if is_at(handle, path):
                return handle
        except BaseException as error:
            # Where another process has it, it is its file.
            if made and not isinstance(error, BlockingIOError) and is_at(handle, path):
                path.unlink()
            os.close(handle)
            raise
        os.close(handle)


def _made_or_there(path: Path, writable: bool) -> tuple[int, bool]:
    if not writable:
        return os.open(path, os.O_RDONLY | _FLAGS), False
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o644), True
    except FileExistsError:
        # Through a link that leads nowhere yet, too.
        return os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o644), False


def _blocks(handle: int) -> Iterator[bytes]:
    """Read an open file from its beginning; what is written goes to its end all the same."""
    os.lseek(handle, 0, os.SEEK_SET)
    while block := os.read(handle, _BLOCK):
        yield block


def _write(handle: int, data: bytes, sync: bool = True) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
    if sync:
        os.fsync(handle)


def _free(folder: Path, name: str) -> Path:
    names = (folder / f"{name}.saved{number or ''}" for number in count())
    return next(path for path in names if not os.path.lexists(path))


def _claim(part: Path, path: Path) -> None:
    """Give a file a name that no other has."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links.
        if os.path.lexists(path):
            raise FileExistsError from None
        os.rename(part, path)
