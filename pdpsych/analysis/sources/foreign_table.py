"""A CSV file that another program wrote, its cells checked one by one."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats
from pdpsych.common.errors import InputError, shown
from pdpsych.common.files.reading import TABLE, read_text

# What is wrong with a few cells is enough to be told.
_MOST = 10
_SEPARATORS = ((";", "semicolons"), ("\t", "tabs"))
_COMMAS = "save the table as CSV with commas between columns and points in decimal numbers"


@dataclass(frozen=True, eq=False)
class ForeignTable:
    """The cells of a CSV file as text; columns that nobody asked for are passed over.

    Attributes
    ----------
    file
        Where it is.
    sha256
        SHA-256 of its text, whatever ends its lines.
    names
        What each column is called in the file.
    cells
        Text, by our names of columns; the index is the line in the file.
    """

    file: Path
    sha256: str
    names: Mapping[str, str]
    cells: pd.DataFrame

    @classmethod
    def read(
        cls,
        file: Path,
        known_as: str,
        needed: Sequence[str],
        optional: Sequence[str] = (),
        names: Mapping[str, str] | None = None,
    ) -> ForeignTable:
        """Read a file.

        Parameters
        ----------
        file
            The file.
        known_as
            What it should be, for messages.
        needed, optional
            Columns by our names.
        names
            What columns are called in the file, where that is not our name.

        Raises
        ------
        InputError
            If it cannot be read, a needed column is missing, a column is there twice, or a line has
            more or less cells than the header.
        """
        every = [*needed, *optional]
        called = dict(names or {})
        for name in called:
            if name not in every:
                raise InputError(
                    "is no column of such a table",
                    file=file,
                    field="columns",
                    value=name,
                    allowed=every,
                )
        text = read_text(file, TABLE, known_as)
        header, rows = _rows(file, text)
        known = {name: called.get(name, name) for name in every}
        for name in [*needed, *called]:
            if known[name] not in header:
                raise InputError(
                    f"column {shown(known[name])} is missing",
                    file=file,
                    line=1,
                    field=name,
                    value=", ".join(header),
                    remedy=f"or say in columns what it is called: {{{name}: NAME}}",
                )
        there = {name: own for name, own in known.items() if own in header}
        lines = [line for line, _ in rows]
        places = [header.index(own) for own in there.values()]
        cells = [[row[place] for place in places] for _, row in rows]
        table = pd.DataFrame(cells, index=lines, columns=list(there), dtype=object)
        return cls(file, hashlib.sha256(text.encode()).hexdigest(), there, table)

    def __contains__(self, column: str) -> bool:
        return column in self.names

    def text(self, column: str) -> pd.Series:
        """Return the text of a column; an empty cell is refused."""
        values = self.cells[column]
        self.check(column, values != "", "is empty", "some text")
        return values

    def numbers(
        self,
        column: str,
        allowed: str,
        fits: Callable[[Floats], NDArray[np.bool_]] = np.isfinite,
        *,
        optional: bool = False,
    ) -> Floats:
        """Return the numbers of a column; an empty cell is refused, or not a number if optional.

        Parameters
        ----------
        allowed
            What a number may be, in words.
        fits
            Whether numbers are so.
        """
        text = self.cells[column]
        values = pd.to_numeric(text, errors="coerce").to_numpy(dtype=float)
        with np.errstate(invalid="ignore"):
            good = np.isfinite(values) & fits(values)
        self.check(column, good | (optional & (text == "")), "cannot be used", allowed)
        return values

    def chosen(self, column: str, meanings: Mapping[str, Any], allowed: str) -> list[Any]:
        """Return what each cell means; case does not matter."""
        text = self.cells[column].str.lower()
        self.check(column, text.isin(list(meanings)), "cannot be used", allowed)
        return [meanings[cell] for cell in text]

    def known(self, column: str, names: Iterable[str], of: str) -> pd.Series:
        """Return the names in a column, which are some of those known."""
        text, every = self.text(column), tuple(names)
        self.check(column, text.isin(every), f"is not {of}", every)
        return text

    def check(
        self, column: str, good: Any, problem: str, allowed: Any = (), remedy: str = ""
    ) -> None:
        """Refuse the first cells of a column that are not good, (rows,)."""
        bad = np.flatnonzero(~np.asarray(good, dtype=bool))
        if bad.size:
            found = [
                InputError(
                    problem,
                    file=self.file,
                    line=int(self.cells.index[row]),
                    field=self.names[column],
                    value=self.cells[column].iloc[row],
                    allowed=allowed,
                    remedy=remedy,
                )
                for row in bad[:_MOST]
            ]
            raise InputError.of(found, max(bad.size - _MOST, 0))

    def once(self, columns: Sequence[str], remedy: str) -> None:
        """Refuse rows that are the same as another in some columns."""
        keys = self.cells[list(columns)]
        again = keys.duplicated().to_numpy()
        if again.any():
            row = int(again.argmax())
            first = self.cells.index[(keys == keys.iloc[row]).all(axis=1)][0]
            raise InputError(
                f"is there twice, first in line {first}",
                file=self.file,
                line=int(self.cells.index[row]),
                field=", ".join(self.names[name] for name in columns),
                value="/".join(keys.iloc[row]),
                remedy=remedy,
            )


def _rows(file: Path, text: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, and the line and cells of each row; blanks around cells are no part."""
    first = text.partition("\n")[0]
    for separator, name in _SEPARATORS:
        if separator in first and "," not in first:
            raise InputError(f"columns are separated by {name}", file=file, line=1, remedy=_COMMAS)
    reader = csv.reader(io.StringIO(text), strict=True)
    rows = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((reader.line_num, [cell.strip() for cell in row]))
    except csv.Error as error:
        raise InputError(
            f"is not CSV: {error}", file=file, line=reader.line_num, remedy=_COMMAS
        ) from None
    if len(rows) < 2:
        raise InputError("has no rows", file=file, allowed="a header and a row for each value")
    (_, header), *body = rows
    twice = [name for number, name in enumerate(header) if name and name in header[:number]]
    if twice:
        raise InputError("is there twice", file=file, line=1, field=twice[0])
    for line, row in body:
        if len(row) != len(header):
            raise InputError(
                f"{len(row)} values for {len(header)} columns",
                file=file,
                line=line,
                value=",".join(row),
                remedy=_COMMAS,
            )
    return header, body
