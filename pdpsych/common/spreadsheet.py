"""Text that a spreadsheet only shows: what it would compute is marked as text."""

from __future__ import annotations

import re

import pandas as pd
from pandas.api.types import is_numeric_dtype

# A spreadsheet takes a cell that begins so, or so after blanks, for a formula and computes it.
_FORMULA = re.compile(r"\s*[=+\-@]|[\0\t\r\n]")


def harmless(text: str) -> str:
    """Return text as a cell of one line, with an apostrophe before what would be a formula."""
    flat = re.sub(r"[\0\t\r\n]+", " ", text)
    return f"'{flat}" if _FORMULA.match(text) else flat


def to_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV; text in it, and in its header, is :func:`harmless`."""
    shown = table.rename(columns=_cell)
    shown = shown.apply(lambda column: column if is_numeric_dtype(column) else column.map(_cell))
    return str(shown.to_csv(index=False, lineterminator="\n"))


def _cell(value: object) -> object:
    return harmless(value) if isinstance(value, str) else value
