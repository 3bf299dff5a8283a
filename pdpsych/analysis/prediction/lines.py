"""Rankings as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pandas as pd

from pdpsych.analysis.scoring.questions import NO_PART
from pdpsych.analysis.words import counted


class Predicted(Protocol):
    """Scores with predictions."""

    @property
    def level(self) -> float:
        """Probability of the intervals."""

    @property
    def predictive_ranking(self) -> pd.DataFrame:
        """By the predictive score."""

    @property
    def at_threshold_ranking(self) -> pd.DataFrame:
        """By the score at threshold."""


def predicted_lines(scores: Predicted, kind: str, listed: int) -> list[str]:
    """Give both rankings by predictions on one kind of distortions; nothing where there is none."""
    level = f"{100 * scores.level:g} % interval"
    lines = []
    rows = scores.predictive_ranking[scores.predictive_ranking["kind"] == kind]
    if len(rows):
        first = rows.iloc[0]
        some = f" ({first['trials']} of {first['trials'] + first['beyond']})"
        lines.append(
            f"predictive score on {kind} distortions, log probability per trial"
            f"{some if first['beyond'] else ''}, nats"
        )
        texts = [_predictive(row) for _, row in rows.iterrows()]
        lines += ranked_lines(rows, texts, listed, "predictive_ranking.csv")
    rows = scores.at_threshold_ranking[scores.at_threshold_ranking["kind"] == kind]
    if len(rows):
        lines.append(f"mean score on {kind} distortions, at threshold, {level}, nats")
        texts = [_at_threshold(row) for _, row in rows.iterrows()]
        lines += ranked_lines(rows, texts, listed, "at_threshold_ranking.csv")
    return lines


def ranked_lines(rows: pd.DataFrame, texts: Sequence[str], listed: int, file: str) -> list[str]:
    """Give the first models of a ranking, a line each, and say where the others are."""
    width = rows["model"].str.len().max()
    lines = [
        f"  {_place(row)}. {row['model']:<{width}}  {text}" + ("" if row["took_part"] else NO_PART)
        for (_, row), text in zip(rows.head(listed).iterrows(), texts, strict=False)
    ]
    more = len(rows) - listed
    return [*lines, f"  and {more} more, in {file}"] if more > 0 else lines


def _place(row: pd.Series) -> str:
    last = row.get("rank_high", row["rank"])
    return f"{row['rank']}" if last == row["rank"] else f"{row['rank']} to {last}"


def in_nats(row: pd.Series) -> str:
    """Give a mean score with its interval; of bounds, what it is at least."""
    if row.get("bounds", 0):
        known = counted(row["bounds"], "bound")
        return f"at least ({known}) {row['score']:.2f} [{row['low']:.2f}, ...]"
    return f"{row['score']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def _predictive(row: pd.Series) -> str:
    if row["rank"] == 1:
        return f"{row['log_probability']:.4f}"
    return (
        f"{row['log_probability']:.4f}, {row['difference']:.4f} "
        f"[{row['difference_low']:.4f}, {row['difference_high']:.4f}] less than the first"
    )


def _at_threshold(row: pd.Series) -> str:
    return in_nats(row) + ("" if row["identified"] else ", efficiency not identified")
