"""Trials that were measured elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pdpsych.analysis.names import CONDITION, Floats
from pdpsych.analysis.sources.foreign_table import ForeignTable
from pdpsych.analysis.sources.shown_pairs import ShownPairs
from pdpsych.common.errors import InputError

_COUNTS = ("right", "total")
_NEEDED = (*CONDITION, "amplitude")
_OPTIONAL = ("correct", *_COUNTS, "sign", "order")
_ANSWERS = {"1": True, "true": True, "0": False, "false": False, "1.0": True, "0.0": False}
_SIGNS = {"1": 1, "+1": 1, "-1": -1, "1.0": 1, "-1.0": -1}
# Of all counts together; more would not fit into memory as trials.
_MOST_TRIALS = 10_000_000


@dataclass(frozen=True, eq=False)
class TrialTable:
    """Trials that were measured elsewhere, one a row.

    Attributes
    ----------
    trials
        participant, order (missing where it is not known), image, pair, distortion, amplitude,
        correct, sign; where order is not known, in an order that does not depend on answers.
    sha256
        SHA-256 of its text.
    columns
        What the columns are called in it.
    notes
        What is to be said of it.
    """

    trials: pd.DataFrame
    sha256: str
    columns: Mapping[str, str]
    notes: list[str]


def read_trial_table(
    path: str | Path, shown: ShownPairs, names: Mapping[str, str] | None = None
) -> TrialTable:
    """Read trials that were measured elsewhere.

    Columns are participant, image, pair, distortion (1 is u, 2 is v), amplitude (model units: the
    L2 norm of the change of pixel values in [0, 1], as it was really shown), and either correct (1
    or 0, true or false) or right and total, counts of correct answers and of all. Optional are sign
    (1 where amplitude × distortion was added, −1 where it was subtracted; 1 where there is no such
    column) and, of single trials, order (numbers that grow with time within a participant), without
    which no learning can be estimated. Other columns are passed over.

    Parameters
    ----------
    path
        The CSV file.
    shown
        Which pairs trials can be of.
    names
        What columns are called in it, where that is something else.

    Raises
    ------
    InputError
        If a column is missing or a cell cannot be used; with file, line and column.
    """
    table = ForeignTable.read(Path(path), "a table of trials, NAME.csv", _NEEDED, _OPTIONAL, names)
    counted = [name for name in _COUNTS if name in table]
    if ("correct" in table) == bool(counted) or len(counted) == 1:
        raise InputError(
            "how many answers were correct is to be said in one way",
            file=table.file,
            line=1,
            field="correct",
            value=", ".join(name for name in ("correct", *_COUNTS) if name in table) or "none",
            allowed="the column correct, or both columns right and total",
            remedy="or say in columns what they are called",
        )
    rows = shown.conditions(table)
    amplitude = table.numbers("amplitude", "a number, 0 or more", lambda a: a >= 0)
    shown.check_amplitudes(table, rows["image"], amplitude)
    signs = table.chosen("sign", _SIGNS, "1 or -1") if "sign" in table else 1
    rows = rows.assign(amplitude=amplitude, sign=signs, order=np.nan)
    if counted:
        return _of_counts(table, rows)
    return _of_trials(table, rows)


def _of_trials(table: ForeignTable, rows: pd.DataFrame) -> TrialTable:
    correct = table.chosen("correct", _ANSWERS, "1 or 0, true or false")
    rows = rows.assign(correct=correct).reset_index(drop=True)
    if "order" not in table:
        note = f"{table.file.name}: no order of trials: learning cannot be estimated"
        return TrialTable(_shuffled(rows), table.sha256, table.names, [note])
    table.once(["participant", "order"], "leave out copies, or number all trials of a participant")
    order = table.numbers("order", "a finite number")
    by_time = rows.assign(order=order).sort_values(["participant", "order"], kind="stable")
    by_time["order"] = by_time.groupby("participant").cumcount().astype(float)
    return TrialTable(by_time.reset_index(drop=True), table.sha256, table.names, [])


def _of_counts(table: ForeignTable, rows: pd.DataFrame) -> TrialTable:
    if "order" in table:
        raise InputError(
            "counts have no order",
            file=table.file,
            line=1,
            field=table.names["order"],
            remedy="give single trials with the column correct, or leave the column order out",
        )
    total = table.numbers("total", "a whole number, 1 or more", lambda n: _whole(n) & (n >= 1))
    right = table.numbers("right", "a whole number, 0 or more", lambda n: _whole(n) & (n >= 0))
    table.check("right", right <= total, "is more than the column total says", "at most total")
    if total.sum() > _MOST_TRIALS:
        raise InputError(
            "more trials than anybody has measured",
            file=table.file,
            field=table.names["total"],
            value=float(total.sum()),
            allowed=f"at most {_MOST_TRIALS} in all",
        )
    key = [*_NEEDED, *(["sign"] if "sign" in table else [])]
    table.once(key, "add the counts up, or leave out the copy")
    each = np.repeat(np.arange(len(rows)), total.astype(int))
    first = np.repeat(np.cumsum(total) - total, total.astype(int))
    trials = rows.iloc[each].assign(correct=np.arange(each.size) - first < right[each])
    note = f"{table.file.name}: {len(trials)} trials as counts in {len(rows)} rows, without order"
    return TrialTable(_shuffled(trials), table.sha256, table.names, [note])


def _whole(values: Floats) -> np.ndarray:
    return values == np.floor(values)


def _shuffled(trials: pd.DataFrame) -> pd.DataFrame:
    """Return trials in an order that says nothing: checks of the fit take them one by one."""
    mixed = np.random.default_rng(0).permutation(len(trials))
    return trials.iloc[mixed].reset_index(drop=True)
