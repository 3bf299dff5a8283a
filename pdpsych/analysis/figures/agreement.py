"""Figures of models against the human: log ratios of one over those of the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdpsych.analysis.figures.bounds import draw_intervals, ratio_bounds
from pdpsych.analysis.names import EVERYONE
from pdpsych.common.drawing import (
    GREY,
    MARKERS,
    SERIES,
    clean,
    in_lines,
    new_axes,
    new_figure,
    panels,
)

_COLUMNS = 3
_PAIR = ["image", "pair"]
# Of the range of all ratios, room around it.
_ROOM = 0.1


def plot_agreement(
    scores: pd.DataFrame,
    human: pd.DataFrame,
    model: str,
    *,
    kind: str = "principal",
    ax: Axes | None = None,
) -> Axes:
    """Draw the log ratio of a model against the human's, a dot an image and pair.

    On the line both are equal. Lines are the intervals of the human, arrows are bounds: of the
    human along the horizontal axis, of the model along the vertical one.

    Parameters
    ----------
    scores
        Columns image, pair, kind, model, log_ratio and, if some are bounds, log_ratio_bound: the
        tables ``scores`` or ``at_threshold`` of :class:`pdpsych.analysis.Scores`.
    human
        Columns participant, image, pair, kind, log_ratio, low, high, bound: that table of the
        same; what stands there for participant "all" is drawn.
    model
        Name of the model.
    kind
        Kind of distortions.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> pairs = pd.DataFrame({"image": ["a", "b"], "pair": "principal", "kind": "principal"})
    >>> scores = pairs.assign(model="LN", log_ratio=[-1.2, 0.3])
    >>> human = pairs.assign(participant="all", log_ratio=[1.3, 0.2], low=0.0, high=1.6)
    >>> human["bound"] = "exact"
    >>> analysis.plot_agreement(scores, human, "LN").get_title()
    'LN'
    """
    ax = ax or new_axes(3.6, 3.6)
    own = scores[(scores["kind"] == kind) & (scores["model"] == model)]
    ax.axline((0, 0), slope=1, color=GREY, linewidth=0.8, zorder=0)
    people = _estimates(human[human["participant"] == EVERYONE])
    for number, (pair, rows) in enumerate(own.groupby("pair", sort=False)):
        colour, marker = SERIES[number % len(SERIES)], MARKERS[number % len(MARKERS)]
        # Ends and bounds of the same name in the table of models are those of scores.
        known = rows.assign(low=np.nan, high=np.nan, bound=ratio_bounds(rows))
        seen = _estimates(known).dropna(subset="value")
        own_human = people.reindex(seen.index)
        x, y = own_human["value"], seen["value"]
        draw_intervals(ax, own_human, y, colour=colour, width=0.8)
        draw_intervals(ax, seen, x, axis="y", colour=colour)
        ax.plot(x, y, marker, color=colour, markersize=5, label=str(pair))
    ax.set_title(in_lines(model), fontsize="medium")
    ax.set_aspect("equal")
    ax.set_xlabel("log ratio of the human  [nat]")
    ax.set_ylabel("log ratio of the model  [nat]")
    return clean(ax)


def agreement_panels(
    scores: pd.DataFrame, human: pd.DataFrame, models: Sequence[str], kind: str
) -> Figure:
    """Draw :func:`plot_agreement` for models, a panel each, on the same scale.

    Parameters
    ----------
    scores, human, kind
        As for :func:`plot_agreement`.
    models
        Models to draw, in their order.
    """
    rows = -(-len(models) // _COLUMNS)
    columns = -(-len(models) // rows)
    figure = new_figure(max(3.2 * columns, 4), 3.2 * rows + 0.3)
    axes = panels(figure, len(models), columns, sharex=True, sharey=True)
    for model, ax in zip(models, axes, strict=True):
        plot_agreement(scores, human, model, kind=kind, ax=ax)
    for place, ax in enumerate(axes):
        ax.set_ylabel(ax.get_ylabel() if place % columns == 0 else "")
        ax.set_xlabel(ax.get_xlabel() if place + columns >= len(models) else "")
    limits = _limits(scores[(scores["kind"] == kind) & scores["model"].isin(models)], human)
    axes[0].set(xlim=limits, ylim=limits)
    handles, labels = axes[0].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside upper center", ncols=6, frameon=False)
    return figure


def _estimates(table: pd.DataFrame) -> pd.DataFrame:
    """Return value, low, high and bound of ratios by image and pair."""
    named = table.assign(value=table["log_ratio"].astype(float))
    return named.set_index(_PAIR)[["value", "low", "high", "bound"]]


def _limits(scores: pd.DataFrame, human: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of an axis that holds all ratios, and all intervals of the human."""
    people = human[(human["participant"] == EVERYONE) & human["kind"].isin(scores["kind"])]
    every = np.concatenate(
        [scores["log_ratio"], *(people[name] for name in ("log_ratio", "low", "high"))]
    ).astype(float)
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    room = _ROOM * (high - low) or 1.0
    return low - room, high + room
