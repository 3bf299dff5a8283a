"""Tables on disk: CSV beside a data dictionary, and JSON that reads back to the same table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from pdpsych.common import spreadsheet
from pdpsych.common.documents import Schema
from pdpsych.common.errors import InputError
from pdpsych.common.files.atomic import whole

Dictionary = dict[str, tuple[str, str]]


def write_text(path: Path, text: str) -> Path:
    """Write a file, which is never seen half written, and return where it is."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def write_table(folder: Path, name: str, frame: pd.DataFrame, columns: Dictionary) -> Path:
    """Write ``name.csv`` and its data dictionary ``name.json``: column → description, units."""
    described = {
        column: {"description": columns[column][0], "units": columns[column][1]}
        for column in frame.columns
    }
    write_text(folder / f"{name}.json", json.dumps(described, indent=2, ensure_ascii=False) + "\n")
    return write_text(folder / f"{name}.csv", spreadsheet.to_csv(frame))


def to_plain(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Return a table as plain lists, for JSON; not-a-number becomes null."""
    plain = frame.astype(object).where(frame.notna(), None)
    return {str(column): plain[column].tolist() for column in frame.columns}


def from_plain(lists: dict[str, list[Any]]) -> pd.DataFrame:
    """Return the table of :func:`to_plain`."""
    frame = pd.DataFrame(lists)
    missing = frame.columns[frame.isna().all()] if len(frame) else []
    return frame.astype(dict.fromkeys(missing, float))


def to_json(data: dict[str, Any]) -> str:
    """Return JSON text; not-a-number is refused."""
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


@contextmanager
def reading(path: Path, schema: Schema) -> Iterator[dict[str, Any]]:
    """Give the content of a result, and say it is damaged where the block cannot use it.

    Raises
    ------
    InputError
        As :func:`read_json`, and for what is missing, or of another kind than was written.
    """
    data = read_json(path, schema)
    try:
        yield data
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: damaged: {what[:200]}; {schema.remake}") from None


def read_json(path: Path, schema: Schema) -> dict[str, Any]:
    """Read a result written by :func:`to_json`.

    Raises
    ------
    InputError
        If the file is missing, is not such a result, or is of a version that cannot be read.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a result of pdpsych: {error}; {schema.remake}") from None
    return schema.upgrade(data, schema.version_of(data, str(path)))
