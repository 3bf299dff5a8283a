"""Tables of two models a row, turned so that one of them comes first."""

from __future__ import annotations

import pandas as pd


def against(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the sides of one model against the others: 1 where people are at it, −1 at the other.

    Parameters
    ----------
    table
        Sides on one kind: columns model, other, side, low, high, …; 1 is at ``model``.
    model
        The model to turn to.
    """
    own, turned = table[table["model"] == model], table[table["other"] == model]
    ends = {"side": -turned["side"], "low": -turned["high"], "high": -turned["low"]}
    turned = turned.assign(model=model, other=turned["model"], **ends)
    return pd.concat([t for t in (own, turned) if len(t)] or [own])
