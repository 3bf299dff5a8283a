"""Files and folders that are under their names only when they are whole."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pdpsych.common.errors import InputError
from pdpsych.common.files.reading import printable

# What the file systems in use allow for a name, and what a temporary one adds to it, in bytes.
_LONGEST_NAME, _ADDED = 255, 40
_DAY = 24 * 3600.0
_NO_SYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF}
_REMEDIES = {
    errno.ENOSPC: "make room on the disk",
    getattr(errno, "EDQUOT", errno.ENOSPC): "make room on the disk",
    errno.EROFS: "choose a place that is not read-only",
    errno.EACCES: "choose a place that you may write to, or change its permissions",
    errno.EPERM: "choose a place that you may write to, or change its permissions",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "a part of the path is a file; choose another folder",
    errno.EEXIST: "a part of the path is a file; choose another folder",
    errno.EISDIR: "a folder has that name; choose another, or move it away",
}


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary name to write a file to, which becomes ``path`` when all went well.

    When this returns the file is on disk. Of several that write one file at once, the last wins.

    Parameters
    ----------
    path
        The file; what was there stays if anything goes wrong. Its folder is made.

    Raises
    ------
    InputError
        If it cannot be written, for example on a full disk.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/a.txt") as part:
    ...         _ = part.write_text("whole")
    ...     Path(f"{folder}/a.txt").read_text()
    'whole'
    """
    path = Path(path)
    with _told(path):
        _make_folder(path.parent)
        with unfinished(path) as part:
            yield part
            _sync(part)
            os.replace(part, path)
            sync_folder(path.parent)


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Write a file, which is never seen half written, and return where it is.

    Parameters
    ----------
    path, data
        The file and what it is to hold.

    Raises
    ------
    InputError
        As :func:`replacing`.
    """
    with replacing(path) as part:
        part.write_bytes(data)
    return Path(path)


def write_text(path: str | Path, text: str) -> Path:
    """Write text in UTF-8, as :func:`write_bytes` does.

    Parameters
    ----------
    path, text
        The file and what it is to hold.

    Raises
    ------
    InputError
        As :func:`replacing`, and if the text holds half a character.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise InputError(
            "cannot be written: the text holds half a character", file=printable(path)
        ) from None
    return write_bytes(path, data)


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder to fill, which becomes ``path`` when all went well.

    Parameters
    ----------
    path
        The folder, which there must not be; not even an empty one. Of several that make it at
        once, one does, and the others are refused and leave nothing.

    Raises
    ------
    InputError
        If there is something, or it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as above:
    ...     with new_folder(f"{above}/study") as part:
    ...         _ = (part / "README.md").write_text("whole")
    ...     [file.name for file in Path(above, "study").iterdir()]
    ['README.md']
    """
    path = Path(path)
    with _told(path):
        _check_free(path)
        _make_folder(path.parent)
        with unfinished(path) as part:
            part.mkdir()
            yield part
            _sync_all(part)
            _check_free(path)
            _put(part, path)
            sync_folder(path.parent)


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Give a name beside ``path`` for a half-done file or folder, of which nothing stays.

    No two calls give the same. What killed processes left of ``path`` is taken away.
    """
    name = short_name(path.name)
    _clear(path.parent, name)
    part = path.parent / f".{name}.{os.getpid()}-{_host()}{secrets.token_hex(4)}.part"
    try:
        yield part
    finally:
        _remove(part)


def unwritable(path: str | Path, error: OSError | ValueError) -> InputError:
    """Return what is said of a place that the system, or Python, refuses to write to."""
    if isinstance(error, InputError):
        return error
    if not isinstance(error, OSError):
        return InputError(f"cannot be written: {error}", file=printable(path))
    words = error.strerror or str(error)
    remedy = _REMEDIES.get(error.errno or 0, "")
    return InputError(f"cannot be written: {words}", file=printable(path), remedy=remedy)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk, where the system can."""
    if sys.platform == "win32":
        return
    # Some network file systems cannot.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        os.fsencode(path)
        if "\0" in str(path):
            raise ValueError("embedded null byte")
    except ValueError as error:
        raise unwritable(path, error) from None
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from None


def _check_free(path: Path) -> None:
    if os.path.lexists(path):
        raise InputError("is there already", file=path, remedy="choose another name, or move it")


def _put(part: Path, path: Path) -> None:
    """Rename a folder to a name that is free; who comes second is refused."""
    try:
        if sys.platform != "win32" and not any(part.iterdir()):
            # A folder may replace an empty one.
            path.mkdir()
        else:
            os.rename(part, path)
    except OSError:
        _check_free(path)
        raise


def short_name(name: str) -> str:
    """Return a name, or of one to which nothing can be added a shorter one of its own."""
    data = os.fsencode(name)
    if len(data) + _ADDED <= _LONGEST_NAME:
        return name
    mark = hashlib.sha256(data).hexdigest()[:12]
    return data[: _LONGEST_NAME - _ADDED - 20].decode("utf-8", "ignore") + "~" + mark


def _host() -> str:
    """Return what tells machines apart, and containers of one, in six letters."""
    space = ""
    with contextlib.suppress(OSError):
        space = str(os.stat("/proc/self/ns/pid").st_ino)
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:6]


def _clear(folder: Path, name: str) -> None:
    """Take away what processes left that are gone; of other machines, what is a day old."""
    form = re.compile(rf"\.{re.escape(name)}\.([0-9]+)-([0-9a-f]{{6}})[0-9a-f]{{8}}\.part")
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            left = form.fullmatch(entry.name)
            if left and _is_left(entry, int(left[1]), left[2]):
                _remove(Path(entry.path))


def _is_left(entry: os.DirEntry[str], process: int, host: str) -> bool:
    # Signal 0 ends processes on Windows.
    if host == _host() and sys.platform != "win32":
        return not _runs(process)
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > _DAY
    except OSError:
        return False


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, whose names are on disk when this returns."""
    missing = [above for above in (folder, *folder.parents) if not above.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        sync_folder(made.parent)


def _sync(part: Path) -> None:
    # Else a crash of the whole computer may leave an empty file under the new name.
    with part.open("rb+" if sys.platform == "win32" else "rb") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise


def _sync_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(path)
        elif stat.S_ISREG(path.lstat().st_mode) and _may_sync(path):
            _sync(path)
    sync_folder(folder)


def _may_sync(path: Path) -> bool:
    return os.access(path, os.W_OK if sys.platform == "win32" else os.R_OK)


def _remove(part: Path) -> None:
    if part.is_dir() and not part.is_symlink():
        shutil.rmtree(part, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            part.unlink()
