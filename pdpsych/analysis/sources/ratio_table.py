"""Log sensitivity ratios of models that were computed elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pdpsych.analysis.sources.foreign_table import ForeignTable
from pdpsych.common.errors import InputError

_PAIR = ["image", "pair"]
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, eq=False)
class RatioTable:
    """Log ratios of models, one row a model and pair.

    Attributes
    ----------
    ratios
        image, pair, kind, model, log_ratio, took_part.
    path
        The file.
    sha256
        SHA-256 of its text.
    """

    ratios: pd.DataFrame
    path: Path
    sha256: str

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return tuple(dict.fromkeys(self.ratios["model"]))


def read_ratio_table(path: str | Path) -> RatioTable:
    """Read the log ratios of models.

    Columns are image, pair, model, log_ratio (log d(u)/d(v) of the model, nats), and optionally
    kind (of distortions, by default ``principal``) and took_part (whether the model took part in
    choosing them, by default true).

    Parameters
    ----------
    path
        The CSV file.

    Raises
    ------
    InputError
        If a column is missing or a cell cannot be used, with file, line and column; or if a model
        lacks a pair.
    """
    table = ForeignTable.read(
        Path(path),
        "a table of ratios, NAME.csv",
        (*_PAIR, "model", "log_ratio"),
        ("kind", "took_part"),
    )
    table.once([*_PAIR, "model"], "leave out the copy")
    ratios = pd.DataFrame({name: table.text(name) for name in _PAIR})
    ratios["kind"] = table.text("kind") if "kind" in table else "principal"
    ratios["model"] = table.text("model")
    ratios["log_ratio"] = table.numbers("log_ratio", "a finite number")
    ratios["took_part"] = (
        table.chosen("took_part", _TRUTHS, "true or false") if "took_part" in table else True
    )
    kinds = ratios.groupby(_PAIR, sort=False)["kind"].transform("first")
    table.check(
        "kind" if "kind" in table else "pair", ratios["kind"] == kinds,
        "is another kind than in the rows before of this pair",
    )  # fmt: skip
    _check_whole(table, ratios)
    return RatioTable(ratios.reset_index(drop=True), table.file, table.sha256)


def _check_whole(table: ForeignTable, ratios: pd.DataFrame) -> None:
    """Refuse models that lack a pair that another has."""
    wide = ratios.pivot(index="model", columns=_PAIR, values="log_ratio")
    missing = wide.isna()
    if missing.to_numpy().any():
        model = str(missing.index[missing.any(axis=1)][0])
        image, pair = missing.columns[missing.loc[model]][0]
        raise InputError(
            "has no ratio of a pair that another model has",
            file=table.file,
            field=table.names["model"],
            value=model,
            allowed=f"a row for {image}/{pair}",
            remedy="give every model the same pairs",
        )
