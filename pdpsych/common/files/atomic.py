"""Files and folders that are under their names only when they are whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pdpsych.common.errors import InputError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to, which becomes ``path`` when all went well.

    Raises
    ------
    InputError
        If it cannot be written, for example on a full disk; what was at ``path`` stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(path) as part:
            yield part
            _sync(part)
            os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Give a name beside ``path`` for a half-done file or folder, of which nothing stays.

    It is always the same: what a killed process left is taken away by the next that writes
    ``path``.
    """
    part = path.parent / f".{path.name}.part"
    _remove(part)
    try:
        yield part
    finally:
        _remove(part)


def _sync(part: Path) -> None:
    # Else a crash of the whole computer may leave an empty file under the new name.
    with part.open("rb+") as file:
        os.fsync(file.fileno())


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)
