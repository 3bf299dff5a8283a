"""Tables as delimited text that other programs read, and spreadsheets read without harm."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd

from pdpsych.common.spreadsheet import harmless


def write_delimited(table: pd.DataFrame, path: Path, separator: str, missing: str) -> Path:
    """Write a table as UTF-8 with a header line.

    Truth values are written ``true`` and ``false``, numbers so that they read back to the same
    value. Text is :func:`~pdpsych.common.spreadsheet.harmless`, and without line breaks and tabs
    since a TSV file of BIDS has no quotes.

    Parameters
    ----------
    missing
        What stands for a missing value.
    """
    columns = {harmless(str(name)): [_cell(v) for v in table[name]] for name in table}
    cells = pd.DataFrame(columns, dtype=object)
    path.parent.mkdir(parents=True, exist_ok=True)
    quoting = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    cells.to_csv(
        path, sep=separator, na_rep=missing, index=False, lineterminator="\n", quoting=quoting
    )
    return path


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, bool) or pd.api.types.is_bool(value):
        return str(value).lower()
    if isinstance(value, str):
        return harmless(value)
    return value
