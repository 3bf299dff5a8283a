"""Downloads that go on where they were interrupted, and are checked before they count."""

from __future__ import annotations

import errno
import math
import os
import shutil
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.error import HTTPError

from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import sync_folder
from pdpsych.common.files.locks import locked
from pdpsych.common.files.reading import read_text
from pdpsych.common.terminal import progress_bar

FOLDER_VARIABLE = "PDPSYCH_CHECKPOINTS"
_ELSEWHERE = f"set {FOLDER_VARIABLE} to another folder"
TIMEOUT_SECONDS = 30
_BLOCK = 10**6  # bytes; the bar counts MB
_LONGEST_TAG = 10_000  # bytes
_DISK = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR),
}


def download(url: str, target: Path, check: Callable[[Path], None], progress: bool = True) -> None:
    """Download a file, unless another process has just done it.

    The data go to ``TARGET.part``, which a later call goes on with; it is renamed into place
    once ``check`` has accepted it. Processes that want the same file wait for each other.

    Parameters
    ----------
    check
        Raises InputError on a wrong file, which is then removed.

    Raises
    ------
    InputError
        Without a connection, on an error of the server, without space or permission, and on a
        wrong file; says where to put the file by hand.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(target, f"{target.name} is downloaded", wait=math.inf))
        except InputError as error:
            raise error.within(remedy=_ELSEWHERE) from None
        try:
            # Who waited for another process finds the file.
            if not target.exists():
                _download(url, target, check, progress)
        except (OSError, HTTPException) as error:
            problem, remedy = _reason(error, target)
            raise InputError(problem, file=url, remedy=remedy) from error


def _download(url: str, target: Path, check: Callable[[Path], None], progress: bool) -> None:
    part = _Part(target)
    while True:
        before = part.size
        try:
            _receive(url, part, progress)
            break
        except (OSError, HTTPException) as error:
            # A broken connection is tried again as long as each try brings something.
            if _is_final(error) or part.size <= before:
                raise
    try:
        check(part.path)
    except InputError as error:
        part.remove()
        raise error.within(remedy="what was downloaded is removed") from error
    os.replace(part.path, target)
    sync_folder(target.parent)
    part.remove()


def _receive(url: str, part: _Part, progress: bool) -> None:
    """Append what is missing of a file, or start it again if the server has another now."""
    asked = part.headers
    request = urllib.request.Request(url, headers={"User-Agent": "pdpsych", **asked})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        with error:
            if error.code != 416 or not asked:
                raise
            if error.headers.get("Content-Range") == f"bytes */{part.size}":
                return  # everything had arrived
        part.remove()
        return _receive(url, part, progress)
    with response:
        if response.headers.get_content_type() == "text/html":
            raise HTTPException("the server gives a web page, not a file")
        if response.status != 206:
            part.begin(response.headers)
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {part.size}-"):
            raise HTTPException("the server gives another part of the file than it was asked for")
        length = response.headers.get("Content-Length")
        total = part.size + int(length) if length else None
        _check_space(part, total)
        _append(response, part, total, progress)
    if total is not None and part.size != total:
        raise ConnectionError(f"the connection broke after {part.size} of {total} bytes")


def _append(response: IO[bytes], part: _Part, total: int | None, progress: bool) -> None:
    start = part.size // _BLOCK
    bar = progress_bar((total or 0) // _BLOCK, "MB", progress, initial=start)
    bar.set_description(part.path.stem)
    with bar, part.path.open("ab") as file:
        while block := response.read(_BLOCK):
            file.write(block)
            bar.update(file.tell() // _BLOCK - bar.n)
        file.flush()
        os.fsync(file.fileno())


def _check_space(part: _Part, total: int | None) -> None:
    missing = (total or 0) - part.size
    if shutil.disk_usage(part.path.parent).free < missing:
        raise OSError(errno.ENOSPC, f"No space left for {missing / 1e6:.0f} MB more")


def _is_final(error: Exception) -> bool:
    """Tell whether trying again cannot help."""
    return isinstance(error, HTTPError) or getattr(error, "errno", None) in _DISK


def _reason(error: Exception, target: Path) -> tuple[str, str]:
    """Return why a download failed, and what to do."""
    if getattr(error, "errno", None) in _DISK:
        return (
            f"cannot write {target}: {getattr(error, 'strerror', error)}",
            f"make room, or {_ELSEWHERE}",
        )
    if isinstance(error, HTTPError):
        what = f"the server answers {error.code} {error.reason}"
    else:
        what = f"the download failed: {getattr(error, 'reason', error) or type(error).__name__}"
    return what, (
        "without a connection, get the file elsewhere (in a browser, or with "
        f"`pdpsych models fetch`) and put it at {target}"
    )


class _Part:
    """The part of a file that has arrived, and what tells whether the server still has it."""

    def __init__(self, target: Path):
        self.path = target.with_name(f"{target.name}.part")
        self._tag = target.with_name(f"{target.name}.part.tag")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def headers(self) -> dict[str, str]:
        """What asks a server for the rest, or for all of it if the file is another now."""
        tag = self._told() if self.size else ""
        return {"Range": f"bytes={self.size}-", "If-Range": tag} if tag else {}

    def _told(self) -> str:
        try:
            return read_text(self._tag, _LONGEST_TAG)
        except InputError:  # it is missing, or was not written by this
            return ""

    def begin(self, headers: Mapping[str, str]) -> None:
        """Drop what is there; remember the version of the file that now comes."""
        self.remove()
        tag = headers.get("ETag", "")
        # A weak tag does not promise the same bytes.
        tag = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
        self._tag.write_text(tag, encoding="utf-8")

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self._tag.unlink(missing_ok=True)
