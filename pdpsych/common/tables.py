"""Tables on disk, their columns described: CSV, delimited text, and JSON that reads back."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pdpsych.common.files.atomic import write_text

if TYPE_CHECKING:
    import pandas as pd

# A spreadsheet takes a cell that begins so, or so after blanks, for a formula and computes it.
_FORMULA = re.compile(r"\s*[=+\-@]|[\0\t\r\n]")
# What some program takes for the end of a cell, a line or a text.
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


class Column(NamedTuple):
    """A column's meaning, its units (empty: none), and what each of its values means.

    Examples
    --------
    >>> Column("response time", "s").units
    's'
    """

    description: str
    units: str = ""
    levels: dict[str, str] | None = None

    def described(self) -> dict[str, Any]:
        """Return the entry of a data dictionary."""
        levels = {"levels": self.levels} if self.levels else {}
        return {"description": self.description, "units": self.units or "none", **levels}


# An entry may be given by its parts.
Columns = dict[str, tuple[str, str] | Column]


def write_table(folder: Path, name: str, frame: pd.DataFrame, columns: Columns) -> Path:
    r"""Write ``name.csv`` and its data dictionary ``name.json``; return where the table is.

    Parameters
    ----------
    folder, name
        Where to write it.
    frame
        The table.
    columns
        Its columns, and others, described.

    Raises
    ------
    InputError
        If it cannot be written.
    KeyError
        If a column is not described.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> table = pd.DataFrame({"model": ["=LN"], "score": [0.5]})
    >>> described = {"model": Column("model"), "score": Column("distance", "nat")}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(Path(folder), "scores", table, described).read_text()
    "model,score\n'=LN,0.5\n"
    """
    write_dictionary(folder / f"{name}.json", {key: columns[key] for key in frame.columns})
    return write_text(folder / f"{name}.csv", to_csv(frame))


def write_dictionary(path: Path, columns: Mapping[str, tuple[str, str] | Column]) -> Path:
    """Write a data dictionary: a column's description, its units and levels."""
    described = {name: Column(*column).described() for name, column in columns.items()}
    return write_text(path, json.dumps(described, indent=2, ensure_ascii=False) + "\n")


def write_delimited(table: pd.DataFrame, path: Path, separator: str, missing: str) -> Path:
    r"""Write a table as UTF-8 with a header line, for other programs.

    Truth values are written ``true`` and ``false``, numbers so that they read back to the same
    value. Text is :func:`harmless`, and so without line breaks and tabs, since a TSV file of BIDS
    has no quotes.

    Parameters
    ----------
    table, path
        What to write, and where.
    separator
        Between columns: ``","`` or ``"\t"``.
    missing
        What stands for a missing value.

    Raises
    ------
    InputError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> table = pd.DataFrame({"seen": [True, None]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_delimited(table, Path(folder, "a.tsv"), "\t", "n/a").read_text()
    'seen\ntrue\nn/a\n'
    """
    import pandas as pd

    columns = {harmless(str(name)): [_delimited(v) for v in table[name]] for name in table}
    quoting = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    text = pd.DataFrame(columns, dtype=object).to_csv(
        sep=separator, na_rep=missing, index=False, lineterminator="\n", quoting=quoting
    )
    return write_text(path, text)


def to_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV; text in it, and in its header, is :func:`harmless`."""
    from pandas.api.types import is_numeric_dtype

    shown = table.rename(columns=_harmless)
    shown = shown.apply(
        lambda column: column if is_numeric_dtype(column) else column.map(_harmless)
    )
    return str(shown.to_csv(index=False, lineterminator="\n"))


def harmless(text: str) -> str:
    r"""Return text as a cell of one line, with an apostrophe before what would be a formula.

    Parameters
    ----------
    text
        Any text; control characters and other ends of lines become spaces.

    Examples
    --------
    >>> harmless("=1+1"), harmless("one\x00two\r\nthree")
    ("'=1+1", 'one two three')
    """
    flat = _HALF_CHARACTER.sub("\ufffd", _BREAKS.sub(" ", text))
    return f"'{flat}" if _FORMULA.match(text) or _FORMULA.match(flat) else flat


def made_of(rows: Sequence[Any], columns: Sequence[str]) -> pd.DataFrame:
    """Return a table of rows; pandas is loaded when the first is made.

    Examples
    --------
    >>> made_of([("LN", 0.5)], ["model", "score"])["score"].tolist()
    [0.5]
    """
    import pandas as pd

    return pd.DataFrame(rows, columns=list(columns))


def to_plain(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Return a table as plain lists, for JSON; not-a-number becomes null.

    Examples
    --------
    >>> import pandas as pd
    >>> to_plain(pd.DataFrame({"a": [1.5, float("nan")]}))
    {'a': [1.5, None]}
    """
    plain = frame.astype(object).where(frame.notna(), None)
    return {str(column): plain[column].tolist() for column in frame.columns}


def from_plain(lists: dict[str, list[Any]]) -> pd.DataFrame:
    """Return the table of :func:`to_plain`.

    Examples
    --------
    >>> from_plain({"a": [1.5, None]})["a"].tolist()
    [1.5, nan]
    """
    import pandas as pd

    frame = pd.DataFrame(lists)
    missing = frame.columns[frame.isna().all()] if len(frame) else []
    return frame.astype(dict.fromkeys(missing, float))


def _harmless(value: Any) -> Any:
    return harmless(value) if isinstance(value, str) else value


def _delimited(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool | np.bool_) else _harmless(value)
