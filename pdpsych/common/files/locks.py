"""Locks, so that two commands that write one place take turns."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import short_name, unwritable

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_EVERY = 0.05  # s
_HELD = {errno.EWOULDBLOCK, errno.EAGAIN}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
if sys.platform == "win32":
    _HELD |= {errno.EACCES, errno.EDEADLK}
    _FORBIDDEN -= _HELD


class Busy(InputError):
    """Another process is at work."""


@contextmanager
def locked(place: str | Path, doing: str, wait: float = 10.0) -> Iterator[None]:
    """Keep other commands from writing to a place meanwhile.

    The lock is a hidden file beside the place, which goes away with it; one that a killed
    command left blocks nothing.

    Parameters
    ----------
    place
        The file or folder, which need not be there.
    doing
        What is done meanwhile, for whoever waits, as in ``scores are written``.
    wait
        Seconds to wait for another process.

    Raises
    ------
    Busy
        If another process is still at work then.
    InputError
        If the file system has no locks, or the place is read-only.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with locked(f"{folder}/scores", doing="scores are written"):
    ...         [path.name for path in Path(folder).iterdir()]
    ['.scores.lock']
    """
    place = Path(place).absolute()
    lock = place.with_name(f".{short_name(place.name)}.lock")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle = _acquire(lock, time.monotonic() + wait)
    except (OSError, ValueError) as error:
        raise refusal(place, doing, error) from None
    try:
        yield
    finally:
        release(handle, lock)


def refusal(place: str | Path, doing: str, error: OSError | ValueError) -> InputError:
    """Return what is said where a lock could not be had, or its file not be made."""
    if not isinstance(error, OSError) or error.errno in _FORBIDDEN:
        return unwritable(place, error)
    if error.errno in _HELD:
        return Busy(
            f"another process is at work: {doing}",
            file=place,
            remedy="wait until it has ended, or end it",
        )
    if error.filename is not None:
        return unwritable(place, error)
    return InputError(
        f"cannot be locked while {doing}: its file system has no locks ({error.strerror})",
        file=place,
        remedy="move the study to a disk of this computer, or to a network disk with locks",
    )


def lock_handle(handle: int, until: float, shared: bool = False) -> None:
    """Lock an open file, and wait for another process until a time of ``time.monotonic``.

    Raises
    ------
    OSError
        If it cannot be locked; :func:`refusal` says why.
    """
    while True:
        try:
            _flock(handle, shared)
            return
        except OSError as error:
            if error.errno not in _HELD or time.monotonic() >= until:
                raise
        time.sleep(_EVERY)


def is_at(handle: int, path: Path) -> bool:
    """Return whether a path still leads to the file that was opened there."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return False


def release(handle: int, lock: Path) -> None:
    """Remove the file of a lock and let go of it."""
    # Whoever waits for it finds that its file is gone, and begins anew.
    if is_at(handle, lock):
        with contextlib.suppress(OSError):
            lock.unlink()
    os.close(handle)
    if sys.platform == "win32":
        with contextlib.suppress(OSError):
            lock.unlink()


def _acquire(lock: Path, until: float) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    while True:
        handle = os.open(lock, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
        try:
            lock_handle(handle, until)
        except BaseException as error:
            os.close(handle)
            if isinstance(error, OSError) and error.errno not in _HELD:
                with contextlib.suppress(OSError):
                    lock.unlink()
            raise
        if is_at(handle, lock):
            return handle
        os.close(handle)


if sys.platform == "win32":

    def _flock(handle: int, shared: bool) -> None:
        # A byte far behind the end: locked bytes cannot be read on Windows.
        os.lseek(handle, 1 << 30, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:

    def _flock(handle: int, shared: bool) -> None:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
