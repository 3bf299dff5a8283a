"""Scores of finished studies in one file that only grows: ``leaderboard.csv``.

An entry is one row a model and kind of distortions. It is known by a hash of what was scored, so
the same scores are there once however often they are added; rows that an interrupted command did
not write are added by the next. Each row has a hash of itself and of the rows above it: a file in
which anything was changed is refused, and grows no further.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from pdpsych.analysis.definition import Analysis, open_analysis
from pdpsych.analysis.scoring.score import Scores
from pdpsych.common import tables
from pdpsych.common.errors import InputError
from pdpsych.common.spreadsheet import harmless
from pdpsych.common.versions import versions

FILE = "leaderboard.csv"
COLUMNS: tables.Dictionary = {
    "entry": ("hash of study, set, trials, models and scores of the entry", "none"),
    "added": ("when the entry was added, UTC", "ISO 8601"),
    "analysis": ("name of the analysis", "none"),
    "analysis_sha256": ("of the settings of the analysis", "none"),
    "stimulus_set": ("name of the stimulus set", "none"),
    "stimulus_set_sha256": ("of the set", "none"),
    "trials_sha256": ("of the trials scored", "none"),
    "participants": ("number of participants", "count"),
    "trials": ("number of trials", "count"),
    "simulated": ("whether any session was simulated", "none"),
    "kind": ("how the pairs of distortions were made", "none"),
    "model": ("model", "none"),
    "took_part": ("whether the model took part in choosing the distortions", "none"),
    "weights_sha256": ("of the model's weights, empty if it has none", "none"),
    "rank": ("1 is closest to the human", "none"),
    "score": ("mean over images of the score", "nat"),
    "low": ("lower end of the interval of score", "nat"),
    "high": ("upper end of the interval of score", "nat"),
    "median": ("median over images of the score", "nat"),
    "expected_perfect": ("expected score of a perfect model with these data", "nat"),
    "probability_closest": ("share of draws in which the model is the closest", "none"),
    "images": ("number of base images", "count"),
    "level": ("probability of the interval", "none"),
    "versions": ("of what scored", "none"),
    "row_sha256": ("of the other columns, and of row_sha256 of the row above", "none"),
}
_KEY = ("entry", "kind", "model")
# Columns that are no text.
_FLAGS = ("simulated", "took_part")
_COUNTS = ("participants", "trials", "rank", "images")
_NUMBERS = (
    "score",
    "low",
    "high",
    "median",
    "expected_perfect",
    "probability_closest",
    "level",
)


def add_to_leaderboard(analysis: str | Path | Analysis, scores: Scores, folder: str | Path) -> Path:
    """Add the scores of an analysis to a leaderboard and return its file.

    Concurrent and interrupted calls are safe: rows are written under a lock, a line that was cut
    short is taken away, and what is there already is not written again. Text that a spreadsheet
    would take for a formula is preceded by an apostrophe.

    Parameters
    ----------
    analysis
        An analysis, its YAML file, or the folder of a study that has exactly one.
    scores
        Its scores.
    folder
        Folder of ``leaderboard.csv``, made if there is none.

    Raises
    ------
    InputError
        If the file is no leaderboard, was changed or cannot be written.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> scores = analysis.score("study", write=False)
    >>> analysis.add_to_leaderboard("study", scores, "board").as_posix()
    'board/leaderboard.csv'
    """
    rows = _rows(open_analysis(analysis), scores)
    path = Path(folder) / FILE
    described = {name: {"description": d, "units": u} for name, (d, u) in COLUMNS.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{FILE}.lock")):
            _add(path, rows)
            dictionary = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
            tables.write_text(path.with_suffix(".json"), dictionary)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", file=path) from None
    return path


def read_leaderboard(folder: str | Path) -> pd.DataFrame:
    """Return the rows of a leaderboard, none if there is no leaderboard yet.

    Parameters
    ----------
    folder
        Folder of ``leaderboard.csv``.

    Raises
    ------
    InputError
        If the folder is a file, or its leaderboard is none or was changed.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> scores = analysis.score("study", write=False)
    >>> path = analysis.add_to_leaderboard("study", scores, "board")
    >>> analysis.read_leaderboard("board")[["analysis", "kind", "rank", "model"]].head(3)
      analysis       kind  rank model
    0     main  principal     1   LGN
    1     main  principal     2    LG
    2     main  principal     3    LN
    """
    path = Path(folder) / FILE
    if Path(folder).exists() and not Path(folder).is_dir():
        raise InputError(
            "is a file", file=folder, remedy=f"give the folder of the leaderboard, {FILE} in it"
        )
    try:
        rows = _read(path, path.read_bytes())
    except FileNotFoundError:
        rows = []
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None
    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    table = table.assign(**{name: table[name] == "True" for name in _FLAGS})
    try:
        return table.astype(dict.fromkeys(_COUNTS, int) | dict.fromkeys(_NUMBERS, float))
    except ValueError as error:
        raise InputError(f"is no leaderboard: {error}", file=path) from None


def _rows(analysis: Analysis, scores: Scores) -> list[dict[str, str]]:
    """Return the rows of an entry as text."""
    source = scores.source
    study = {
        "analysis": analysis.stem,
        "analysis_sha256": _digest(analysis.model_dump(mode="json")),
        "stimulus_set": source["set"]["name"],
        "stimulus_set_sha256": source["set"]["sha256"],
        "trials_sha256": source["trials_sha256"],
        "participants": len({session["participant"] for session in source["sessions"]}),
        "trials": source["trials"],
        "simulated": any(session["observer"] != "person" for session in source["sessions"]),
        "level": scores.level,
        "versions": " ".join(f"{n} {v}" for n, v in versions("numpy", "scipy").items()),
    }
    table = [
        study | {name: row[name] for name in COLUMNS if name in row} | _weights(source, row)
        for row in scores.ranking.to_dict("records")
    ]
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    marks = {"entry": _digest(table)[:16], "added": now}
    return [{n: _cell(value) for n, value in (row | marks).items()} for row in table]


def _cell(value: Any) -> str:
    return harmless(value) if isinstance(value, str) else str(value)


def _weights(source: dict[str, Any], row: dict[Any, Any]) -> dict[str, str]:
    return {"weights_sha256": source["models"][row["model"]]["weights_sha256"]}


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _add(path: Path, rows: list[dict[str, str]]) -> None:
    """Append those rows that are not there; the lock is held."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags, 0o644)
    try:
        text = path.read_bytes()
        before = _read(path, text)
        there = {tuple(row[k] for k in _KEY) for row in before}
        missing = [row for row in rows if tuple(row[k] for k in _KEY) not in there]
        whole = text.rfind(b"\n") + 1
        os.ftruncate(handle, whole)
        last = before[-1]["row_sha256"] if before else ""
        rest = (b"" if whole else _lines([list(COLUMNS)])) + _lines(_sealed(missing, last))
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _sealed(rows: Iterable[dict[str, str]], last: str) -> Iterator[list[str]]:
    """Yield the cells of rows that follow one with the hash ``last``, each with its own."""
    for row in rows:
        cells = [row[name] for name in COLUMNS if name != "row_sha256"]
        last = _digest([last, *cells])
        yield [*cells, last]


def _read(path: Path, text: bytes) -> list[dict[str, str]]:
    """Return the rows whose line is whole; InputError if the file is something else or changed."""
    header = _lines([list(COLUMNS)])
    if not text.startswith(header[: len(text)]):
        start = text[:40].decode(errors="replace").partition("\n")[0]
        raise InputError(
            "begins otherwise than a leaderboard of this pdpsych",
            file=path,
            value=start,
            remedy="choose another folder",
        )
    rows: list[dict[str, str]] = []
    lines = text[len(header) : text.rfind(b"\n") + 1].splitlines(keepends=True)
    for number, line in enumerate(lines, start=2):
        row = _row(line)
        last = rows[-1]["row_sha256"] if rows else ""
        if row is None or _lines(_sealed([row], last)) != line:
            raise InputError(
                "is not as it was written, or lines above it are missing",
                file=path,
                line=number,
                remedy="fetch an unchanged copy, or choose another folder",
            )
        rows.append(row)
    return rows


def _row(line: bytes) -> dict[str, str] | None:
    """Return the cells of a line; None if there are others than a leaderboard has."""
    try:
        (cells,) = csv.reader([line.decode()])
    except (csv.Error, ValueError):
        return None
    return dict(zip(COLUMNS, cells, strict=True)) if len(cells) == len(COLUMNS) else None


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
