"""What commands wrote into a results folder, so that an edit of it is noticed without computing."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.files.digests import digest
from pdpsych.common.files.parsing import parse_json
from pdpsych.common.files.reading import DOCUMENT, MissingFile, read_text

FILE = "digests.json"
SCHEMA = Schema("record of results", 1, "score again: pdpsych score ANALYSIS.yaml")
EDITED = "was edited since it was written"


def record_written(folder: Path, files: Sequence[Path]) -> list[Path]:
    """Keep the digests of files that were just written into a results folder; return the files.

    Those of other files stay. The lock of the folder is to be held meanwhile.
    """
    try:
        known = _recorded(folder)
    except InputError:
        # Whoever wrote over what it was of has made it good.
        known = {}
    own = {path.name: content_sha256(path) for path in files}
    SCHEMA.write(folder / FILE, {"files": known | own})
    return list(files)


def edited(folder: Path) -> dict[str, str]:
    """Return which files of a results folder are not as they were written, and why not.

    None are where nothing is recorded, as beside results of earlier versions.

    Raises
    ------
    InputError
        If the record is damaged.
    """
    found = {}
    for name, sha256 in _recorded(folder).items():
        if not (folder / name).exists():
            found[name] = "gone"
        elif _now(folder, name) != sha256:
            found[name] = EDITED
    return found


def check_written(path: Path) -> None:
    """Refuse a file of a results folder that is not as it was written, where that is recorded.

    Raises
    ------
    InputError
        If it was edited, or the record is damaged.
    """
    recorded = _recorded(path.parent).get(path.name)
    if recorded is not None and path.exists() and content_sha256(path) != recorded:
        raise InputError(EDITED, file=path, remedy=SCHEMA.remake)


def content_sha256(path: Path) -> str:
    """Return the digest of what a file says: of JSON its data, of CSV its cells, else its lines.

    Line ends make no difference, nor do the order of keys and the spelling of numbers in JSON.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    text = read_text(path, DOCUMENT)
    content: Any
    if path.suffix == ".json":
        content = parse_json(text, path)
    elif path.suffix == ".csv":
        content = list(csv.reader(io.StringIO(text)))
    else:
        content = text.splitlines()
    return digest(content)


def _recorded(folder: Path) -> dict[str, str]:
    try:
        with SCHEMA.reading(folder / FILE) as data:
            return {str(name): str(sha256) for name, sha256 in data["files"].items()}
    except MissingFile:
        return {}


def _now(folder: Path, name: str) -> str | None:
    try:
        return content_sha256(folder / name)
    except (InputError, csv.Error):
        return None
