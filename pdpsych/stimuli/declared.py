"""Which files a set may hold besides those that its manifest declares."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pdpsych.common.errors import InputError
from pdpsych.stimuli.manifest import MANIFEST

# What commands add to a set, to look at or with a digest of its own.
_ADDED = ("previews", "responses", "calibrations")
_KINDS = (".json", ".csv", ".png", ".pdf")
# What systems keep for themselves.
_PASSED_OVER = ("Thumbs.db", "desktop.ini")


def check_declared(folder: Path, declared: Iterable[str]) -> None:
    """Refuse a set with a file that its manifest does not declare.

    Pictures, calibrations and responses, which commands add later, and hidden files may be there.

    Parameters
    ----------
    folder
        Folder of the set.
    declared
        Names of its files in the manifest.

    Raises
    ------
    InputError
        If there is another file.
    """
    known = {MANIFEST, *declared}
    for name in _files(folder, ""):
        if name not in known and not _may_be_there(name):
            raise InputError(
                "is not declared in the manifest of the set",
                file=folder / name,
                remedy="move it out of the set",
            )


def _may_be_there(name: str) -> bool:
    top, _, rest = name.partition("/")
    own = name.rpartition("/")[2]
    if own.startswith(".") or own in _PASSED_OVER:
        return True
    if not rest:
        return name.endswith(".png")
    return top in _ADDED and name.endswith(_KINDS)


def _files(folder: Path, below: str) -> Iterator[str]:
    """Yield the names of all files in a folder, by their path in it; hidden folders are left."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        # What cannot be listed is told by whoever reads it.
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if not entry.name.startswith("."):
                yield from _files(Path(entry.path), f"{below}{entry.name}/")
        else:
            yield f"{below}{entry.name}"
