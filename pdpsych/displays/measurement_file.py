"""The file of a display's measurements: CSV with one reading a row."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import NamedTuple

from pdpsych.common.errors import InputError
from pdpsych.common.files.reading import TABLE, read_text
from pdpsych.displays.measurements import CHANNELS, Measurements, Reading

_REQUIRED = ("level", "luminance")


def read_measurements(path: str | Path, top: int) -> Measurements:
    r"""Read the luminances measured of a display.

    Parameters
    ----------
    path
        A CSV file with the columns level, luminance[, channel, order, time]. ``level`` is an
        integer from 0 to ``top``, or a share from 0 to 1 of ``top``, rounded to the level that a
        display shows for it; ``luminance`` is in cd/m²; ``channel`` is grey where there is no
        such column, ``order`` the order of the rows. It may be unfinished: what no curve can be
        fitted to is refused where a curve is needed.
    top
        Highest level of the display, 2^bits − 1.

    Raises
    ------
    InputError
        If the file cannot be read, or a column or value is wrong; it names the line.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from pdpsych.displays import read_measurements
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "lab.csv")
    ...     _ = path.write_text("level,luminance\n0,0.2\n255,100\n")
    ...     read_measurements(path, 255).means("grey").luminance.tolist()
    [0.2, 100.0]
    """
    path = Path(path)
    return measurements_in(read_text(path, TABLE, "a table of luminances, NAME.csv"), path, top)


def measurements_in(text: str, path: Path, top: int) -> Measurements:
    """Return the measurements of a file's text; see :func:`read_measurements`."""
    lines = text.splitlines()
    columns = _columns(path, lines)
    rows = [
        _Row(path, number, _cells(path, number, line, columns))
        for number, line in enumerate(lines[1:], start=2)
        if line.strip()
    ]
    levels = _levels(rows, top)
    readings = [
        _reading(row, level, order)
        for order, (row, level) in enumerate(zip(rows, levels, strict=True), start=1)
    ]
    return Measurements(tuple(sorted(readings, key=lambda r: r.order)), top, str(path))


class _Row(NamedTuple):
    """The cells of a line by column."""

    file: Path
    line: int
    cells: dict[str, str]

    def number(self, column: str) -> float:
        """Return a cell as a finite number."""
        try:
            value = float(self.cells[column])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.refuse(column, "expected a number such as 12.5")
        return value

    def refuse(
        self, column: str, problem: str, allowed: str | tuple[str, ...] = (), remedy: str = ""
    ) -> InputError:
        """Say what is wrong with a cell."""
        return InputError(
            problem,
            file=self.file,
            line=self.line,
            field=column,
            value=self.cells[column],
            allowed=allowed,
            remedy=remedy,
        )


def _columns(path: Path, lines: list[str]) -> list[str]:
    header = lines[0] if lines else ""
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if separator in header:
            raise InputError(
                f"columns are separated by {name}",
                file=path,
                line=1,
                remedy="save the table as CSV with commas between columns and points in decimal "
                "numbers",
            )
    columns = [name.strip().lower() for name in header.split(",")]
    for name in columns:
        if name not in Reading._fields:
            raise InputError(
                "unknown column (level and luminance are needed)",
                file=path,
                line=1,
                value=name,
                allowed=Reading._fields,
            )
    missing = [name for name in _REQUIRED if name not in columns]
    if missing or len(set(columns)) < len(columns):
        problem = f"column {missing[0]} is missing" if missing else "each column once"
        raise InputError(problem, file=path, line=1, value=", ".join(columns))
    return columns


def _cells(path: Path, number: int, line: str, columns: list[str]) -> dict[str, str]:
    cells = [cell.strip() for cell in next(csv.reader([line]))]
    if len(cells) != len(columns):
        raise InputError(
            f"{len(cells)} values for {len(columns)} columns",
            file=path,
            line=number,
            value=line,
            remedy="decimal numbers are written with a point, and columns separated by commas",
        )
    return dict(zip(columns, cells, strict=True))


def _levels(rows: list[_Row], top: int) -> list[int]:
    values = [row.number("level") for row in rows]
    inside = all(0 <= value <= 1 for value in values)
    if inside and any(value % 1 for value in values):
        return [round(value * top) for value in values]
    for row, value in zip(rows, values, strict=True):
        if value % 1 or not 0 <= value <= top:
            nearest = min(max(round(value), 0), top)
            allowed = f"integers from 0 to {top}, or shares from 0 to 1 in all lines"
            raise row.refuse("level", "no level of the display", allowed, f"nearest: {nearest}")
    return [int(value) for value in values]


def _reading(row: _Row, level: int, order: int) -> Reading:
    channel = row.cells.get("channel", "grey").lower()
    if channel not in CHANNELS:
        raise row.refuse("channel", "unknown channel", CHANNELS)
    luminance = row.number("luminance")
    if luminance < 0:
        raise row.refuse("luminance", "at least 0 cd/m²")
    order = int(row.number("order")) if "order" in row.cells else order
    return Reading(order, row.cells.get("time", ""), channel, level, luminance)
