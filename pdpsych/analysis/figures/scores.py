"""Figures of mean scores: every model with its interval, and the noise ceiling."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from pdpsych.analysis.figures.bounds import draw_intervals
from pdpsych.analysis.scoring.questions import NO_PART
from pdpsych.common.drawing import BLUE, ORANGE, clean, name_rows, new_axes


def plot_scores(
    ranking: pd.DataFrame,
    ceiling: pd.DataFrame | None = None,
    *,
    kind: str = "principal",
    level: float = 0.95,
    ax: Axes | None = None,
) -> Axes:
    """Draw each model's mean score with its interval, and how close it could have come.

    With several participants, open squares are mean distances to single participants, to be
    compared with the noise ceiling, the hatched band: participants predicted by the mean of the
    others, or of all. The shade around it goes from the lower end of the interval of one to the
    upper end of that of the other. A ceiling that the data do not determine is not drawn, and
    named. A score with an arrow is at least so much: some of the ratios it is of are bounds.

    Parameters
    ----------
    ranking
        Columns kind, model, took_part, score, low, high, bounds, individual: that table of
        :class:`pdpsych.analysis.Scores`.
    ceiling
        Columns kind, everyone, others and the ends of their intervals: that table of the same;
        without it no noise ceiling is drawn.
    kind
        Kind of distortions.
    level
        Probability of the intervals.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> table = pd.DataFrame({"kind": "principal", "model": ["LGN", "LN"], "took_part": True})
    >>> table = table.assign(score=[0.3, 1.2], low=[0.2, 1.0], high=[0.4, 1.4], bounds=0)
    >>> ax = analysis.plot_scores(table.assign(individual=[0.4, 1.3]))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['LGN', 'LN']
    """
    table = ranking[ranking["kind"] == kind]
    ax = ax or new_axes(6, 1.9 + 0.38 * len(table))
    y = np.arange(len(table))
    if ceiling is not None and kind in set(ceiling["kind"]):
        _draw_ceiling(ceiling[ceiling["kind"] == kind], level, ax)
        # Beside the dots, which they would cover.
        ax.plot(
            table["individual"], y + 0.22, "s", color=ORANGE, markersize=5,
            markerfacecolor="white", label="to single participants",
        )  # fmt: skip
    bound = np.where(table["bounds"] > 0, "at least", "exact")
    draw_intervals(ax, table.assign(value=table["score"], bound=bound), y, colour=BLUE, width=2)
    ax.plot(table["score"], y, "o", color=BLUE, markersize=7, label="to the mean of all")
    names = [
        name + ("" if taken else NO_PART)
        for name, taken in zip(table["model"], table["took_part"], strict=True)
    ]
    name_rows(ax, y, names)
    ax.set_ylim(len(table) - 0.5, -0.5)
    # Arrows go on where the data end.
    ax.set_xlim(0, ax.get_xlim()[1] * (1.05 if "at least" in bound else 1.0))
    ax.set_xlabel("mean |log ratio of model − log ratio of human|  [nat]")
    ax.set_title(f"distance to the human, {kind} distortions")
    ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return clean(ax)


def _draw_ceiling(ceiling: pd.DataFrame, level: float, ax: Axes) -> None:
    limit = ceiling.iloc[0]
    if not limit["determined"]:
        ax.plot([], [], " ", label="noise ceiling: not determined")
        return
    ax.axvspan(
        limit["everyone"], limit["others"], zorder=0, facecolor="none", edgecolor=ORANGE,
        hatch="////", linewidth=0, label="noise ceiling",
    )  # fmt: skip
    ax.axvspan(
        limit["everyone_low"], limit["others_high"], zorder=0, facecolor=ORANGE, alpha=0.12,
        linewidth=0, label=f"its {100 * level:g} % interval",
    )  # fmt: skip
