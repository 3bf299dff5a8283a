"""Thresholds that were measured elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pdpsych.analysis.fitting.bounds import BOUNDS
from pdpsych.analysis.names import CONDITION
from pdpsych.analysis.sources.foreign_table import ForeignTable
from pdpsych.analysis.sources.shown_pairs import ShownPairs

_NEEDED = (*CONDITION, "log_threshold", "sd")
_OPTIONAL = ("bound", "trials_low", "trials_high")
_ENDS = {"at least": "trials_low", "at most": "trials_high"}


@dataclass(frozen=True, eq=False)
class ThresholdTable:
    """Thresholds that were measured elsewhere, one a row.

    Attributes
    ----------
    thresholds
        participant, image, pair, distortion, log_threshold (of a bound its end, missing where
        nothing is known), sd (missing where it is no value), bound.
    sha256
        SHA-256 of its text.
    columns
        What the columns are called in it.
    """

    thresholds: pd.DataFrame
    sha256: str
    columns: Mapping[str, str]


def read_threshold_table(
    path: str | Path, shown: ShownPairs, names: Mapping[str, str] | None = None
) -> ThresholdTable:
    """Read thresholds that were measured elsewhere.

    Columns are participant, image, pair, distortion (1 is u, 2 is v), log_threshold (natural
    logarithm of the amplitude at which d′ = 1, in model units), sd (its standard error, in nats;
    empty where it is a bound), and optionally bound: ``exact``, the default; ``at least`` or ``at
    most`` where log_threshold is the end of what trials bound from one side alone; ``unknown``.
    The table ``thresholds.csv`` of a fit can be given as it is: its columns trials_low and
    trials_high have the ends of bounds.

    Parameters
    ----------
    path
        The CSV file.
    shown
        Which pairs thresholds can be of.
    names
        What columns are called in it, where that is something else.

    Raises
    ------
    InputError
        If a column is missing or a cell cannot be used; with file, line and column.
    """
    table = ForeignTable.read(
        Path(path), "a table of thresholds, NAME.csv", _NEEDED, _OPTIONAL, names
    )
    rows = shown.conditions(table)
    table.once(CONDITION, "leave out the copy")
    kinds = dict.fromkeys(BOUNDS)
    bound = np.array(
        table.chosen("bound", {kind: kind for kind in kinds}, ", ".join(BOUNDS))
        if "bound" in table
        else ["exact"] * len(rows)
    )
    exact, unknown = bound == "exact", bound == "unknown"
    log_threshold = table.numbers("log_threshold", "a finite number", optional=True)
    for kind, column in _ENDS.items():
        if column in table:
            end = table.numbers(column, "a number above 0", lambda a: a > 0, optional=True)
            log_threshold = np.where(bound == kind, np.log(end), log_threshold)
    sd = table.numbers("sd", "a number above 0, in nats", lambda s: s > 0, optional=True)
    table.check("log_threshold", ~np.isnan(log_threshold) | unknown, "is missing", "a number")
    table.check("sd", ~np.isnan(sd) | ~exact, "is missing", "a number above 0, in nats")
    found = rows.assign(
        log_threshold=np.where(unknown, np.nan, log_threshold),
        sd=np.where(exact, sd, np.nan),
        bound=bound,
    )
    ordered = found.sort_values(CONDITION, kind="stable", ignore_index=True)
    return ThresholdTable(ordered, table.sha256, table.names)
