"""Scores of finished studies in one file that only grows: ``leaderboard.csv``.

An entry is one row a model and kind of distortions. It is known by a hash of what was scored, so
the same scores are there once however often they are added; rows that an interrupted command did
not write are added by the next. Each row has a hash of itself and of the rows above it: a file in
which anything was changed is refused, and grows no further.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pdpsych.analysis.definition import Analysis, open_analysis
from pdpsych.analysis.digests import json_sha256
from pdpsych.analysis.scoring.scores import Scores
from pdpsych.common.errors import InputError
from pdpsych.common.files.append_only import AppendOnlyFile
from pdpsych.common.files.reading import LOG, MissingFile, read_bytes
from pdpsych.common.tables import Column, Columns, harmless, write_dictionary
from pdpsych.common.versions import versions

FILE = "leaderboard.csv"
COLUMNS: Columns = {
    "entry": Column("hash of study, set, trials, models and scores of the entry"),
    "added": Column("when the entry was added, UTC", "ISO 8601"),
    "analysis": Column("name of the analysis"),
    "analysis_sha256": Column("of the settings of the analysis"),
    "stimulus_set": Column("name of the stimulus set"),
    "stimulus_set_sha256": Column("of the set"),
    "trials_sha256": Column("of the trials scored"),
    "participants": Column("number of participants", "count"),
    "trials": Column("number of trials", "count"),
    "simulated": Column("whether any session was simulated"),
    "kind": Column("how the pairs were made; of principal ones, the question they answer"),
    "model": Column("model"),
    "took_part": Column("whether the model took part in choosing the distortions"),
    "weights_sha256": Column("of the model's weights, empty if it has none"),
    "rank": Column("1 is closest to the human; with bounds, the best place that is possible"),
    "rank_high": Column("the worst place that is possible"),
    "score": Column(
        "mean over images of the score, noise of the human's ratios taken off; with bounds, at "
        "least; of version 0.1.0, with its noise",
        "nat",
    ),
    "score_bounds": Column("scores in that mean that are no more than bounds", "count"),
    "low": Column("lower end of the interval of score", "nat"),
    "high": Column("upper end of the interval of score", "nat"),
    "median": Column("median over images of the score", "nat"),
    "raw_score": Column("mean over images of the score, noise in it", "nat"),
    "expected_perfect": Column("expected raw_score of a perfect model with these data", "nat"),
    "images": Column("number of base images", "count"),
    "predictive_rank": Column("1 predicts people's answers best; empty where that is not known"),
    "log_probability": Column(
        "mean over images of the log probability of an answer, the predictive score", "nat"
    ),
    "score_at_threshold": Column(
        "mean over images of the score by predicted thresholds; of bounds, at least", "nat"
    ),
    "bounds": Column("log ratios by predicted thresholds that are no more than bounds", "count"),
    "level": Column("probability of the interval"),
    "versions": Column("of what scored"),
    "row_sha256": Column("of the other columns, and of row_sha256 of the row above"),
}
_PREDICTED = ("predictive_rank", "log_probability", "score_at_threshold", "bounds")
_CORRECTED = ("rank_high", "score_bounds", "raw_score")
# Of version 0.1.0, whose leaderboards can be read, and grow no further: their scores hold noise.
_FIRST = [name for name in COLUMNS if name not in (*_PREDICTED, *_CORRECTED)]
_FIRST.insert(_FIRST.index("expected_perfect") + 1, "probability_closest")
_KEY = ("entry", "kind", "model")
# Others add some lines and are done.
_WAIT = 30.0  # s
# Columns that are no text.
_FLAGS = ("simulated", "took_part")
_COUNTS = ("participants", "trials", "rank", "images")
_NUMBERS = (
    "score",
    "low",
    "high",
    "median",
    "expected_perfect",
    "level",
    *_PREDICTED,
    *_CORRECTED,
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
        If the file is no leaderboard, was changed, is of version 0.1.0 or cannot be written.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> scores = analysis.score("study", write=False)
    >>> analysis.add_to_leaderboard("study", scores, "board").as_posix()
    'board/leaderboard.csv'
    """
    rows = _rows(open_analysis(analysis), scores)
    path = Path(folder) / FILE
    file = AppendOnlyFile(path, doing="scores are added", wait=_WAIT)
    try:
        _add(file, rows)
    finally:
        file.close()
    write_dictionary(path.with_suffix(".json"), COLUMNS)
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
        rows = _read(path, read_bytes(path, LOG))
    except MissingFile:
        rows = []
    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    table = table.assign(
        **{name: table[name] == "True" for name in _FLAGS},
        **{name: table[name].replace("", np.nan) for name in (*_PREDICTED, *_CORRECTED)},
    )
    try:
        return table.astype(dict.fromkeys(_COUNTS, int) | dict.fromkeys(_NUMBERS, float))
    except ValueError as error:
        raise InputError(f"is no leaderboard: {error}", file=path) from None


def _rows(analysis: Analysis, scores: Scores) -> list[dict[str, str]]:
    """Return the rows of an entry as text."""
    source = scores.source
    study = {
        "analysis": analysis.stem,
        "analysis_sha256": json_sha256(analysis.settings),
        "stimulus_set": source["set"]["name"],
        "stimulus_set_sha256": source["set"]["sha256"],
        "trials_sha256": source["trials_sha256"],
        "participants": len({session["participant"] for session in source["sessions"]})
        or source["measured"]["participants"],
        "trials": source["trials"],
        "simulated": any(session["observer"] != "person" for session in source["sessions"]),
        "level": scores.level,
        "versions": " ".join(f"{n} {v}" for n, v in versions("numpy", "scipy").items()),
    }
    table = [
        study
        | {name: row[name] for name in COLUMNS if name in row}
        | {"score_bounds": row["bounds"]}
        | _weights(source, row)
        for row in scores.ranking.to_dict("records")
    ]
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    marks = {"entry": json_sha256(table)[:16], "added": now}
    predicted = _predicted(scores)
    return [
        {n: _cell(v) for n, v in (row | marks | predicted[row["kind"], row["model"]]).items()}
        for row in table
    ]


def _predicted(scores: Scores) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what is predicted by each model on each kind of distortions, empty where nothing."""
    rows = zip(scores.ranking["kind"], scores.ranking["model"], strict=True)
    found: dict[tuple[str, str], dict[str, Any]] = {
        key: dict.fromkeys(_PREDICTED, "") for key in rows
    }
    for row in scores.predictive_ranking.to_dict("records"):
        found[row["kind"], row["model"]] |= {
            "predictive_rank": row["rank"],
            "log_probability": row["log_probability"],
        }
    for row in scores.at_threshold_ranking.to_dict("records"):
        found[row["kind"], row["model"]] |= {
            "score_at_threshold": row["score"],
            "bounds": row["bounds"],
        }
    return found


def _cell(value: Any) -> str:
    return harmless(value) if isinstance(value, str) else str(value)


def _weights(source: dict[str, Any], row: dict[Any, Any]) -> dict[str, str]:
    return {"weights_sha256": source["models"][row["model"]]["weights_sha256"]}


def _add(file: AppendOnlyFile, rows: list[dict[str, str]]) -> None:
    """Append those rows that are not there."""
    text = file.contents
    names, before = _columns(file.path, text), _read(file.path, text)
    if names == _FIRST:
        raise InputError(
            "was begun by version 0.1.0, whose scores have noise in them",
            file=file.path,
            remedy="choose another folder",
        )
    there = {tuple(row[k] for k in _KEY) for row in before}
    missing = [row for row in rows if tuple(row[k] for k in _KEY) not in there]
    whole = text.rfind(b"\n") + 1
    file.cut(whole)
    last = before[-1]["row_sha256"] if before else ""
    lines = (b"" if whole else _lines([names])) + _lines(_sealed(missing, names, last))
    if lines:
        file.append(lines.decode().removesuffix("\n"), "the entry")


def _sealed(rows: Iterable[dict[str, str]], names: Sequence[str], last: str) -> Iterator[list[str]]:
    """Yield the cells of rows that follow one with the hash ``last``, each with its own."""
    for row in rows:
        cells = [row[name] for name in names if name != "row_sha256"]
        last = json_sha256([last, *cells])
        yield [*cells, last]


def _columns(path: Path, text: bytes) -> list[str]:
    """Return the columns that a leaderboard has; InputError if the file is something else."""
    text = text.replace(b"\r\n", b"\n")
    for names in (list(COLUMNS), _FIRST):
        header = _lines([names])
        if text.startswith(header[: len(text)]):
            return names
    raise InputError(
        "begins otherwise than a leaderboard of this pdpsych",
        file=path,
        value=text[:40].decode(errors="replace").partition("\n")[0],
        remedy="choose another folder",
    )


def _read(path: Path, text: bytes) -> list[dict[str, str]]:
    """Return the rows whose line is whole; InputError if the file is something else or changed."""
    # Git may have given it other line ends; cells have none.
    text = text.replace(b"\r\n", b"\n")
    names = _columns(path, text)
    rows: list[dict[str, str]] = []
    body = text[len(_lines([names])) : text.rfind(b"\n") + 1]
    for number, line in enumerate(body.splitlines(keepends=True), start=2):
        row = _row(line, names)
        last = rows[-1]["row_sha256"] if rows else ""
        if row is None or _lines(_sealed([row], names, last)) != line:
            raise InputError(
                "is not as it was written, or lines above it are missing",
                file=path,
                line=number,
                remedy="fetch an unchanged copy, or choose another folder",
            )
        rows.append(row)
    return rows


def _row(line: bytes, names: Sequence[str]) -> dict[str, str] | None:
    """Return the cells of a line; None if there are others than a leaderboard has."""
    try:
        (cells,) = csv.reader([line.decode()])
    except (csv.Error, ValueError):
        return None
    return dict(zip(names, cells, strict=True)) if len(cells) == len(names) else None


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
