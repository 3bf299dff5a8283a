"""The statement of evidence: on which side of half-way between two models people are."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from pdpsych.analysis.figures.bounds import draw_intervals
from pdpsych.analysis.turned import against
from pdpsych.common.drawing import BLACK, BLUE, GREY, clean, in_lines, name_rows, new_axes

# Beyond it people are further on than at a model, which the axis need not show.
_REACH = 1.75
# Beyond that, for arrows.
_ROOM = 0.3
# Of a label below the axis, characters a line.
_WIDTH = 12


def plot_sides(
    sides: pd.DataFrame,
    model: str,
    *,
    kind: str = "principal",
    level: float = 0.95,
    ax: Axes | None = None,
) -> Axes:
    """Draw where people are between one model and each of the others.

    The names of models that people are surely not at, nor half-way to, are framed and bold.

    Parameters
    ----------
    sides
        Columns kind, model, other, side, low, high, separated: that table of
        :class:`pdpsych.analysis.Scores`. A side is 1 where people are at ``model``, 0 half-way
        between both, and −1 at ``other``.
    model
        The model that all others are compared with.
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
    >>> table = pd.DataFrame({"kind": "principal", "model": "LGN", "other": ["LN", "LG"]})
    >>> table = table.assign(side=[0.3, 0.9], low=[-0.2, 0.6], high=[0.8, 1.2])
    >>> ax = analysis.plot_sides(table.assign(separated=[False, True]), "LGN")
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['LN', 'LG']
    """
    rows = against(sides[sides["kind"] == kind], model).sort_index()
    ax = ax or new_axes(6, 1.5 + 0.38 * len(rows))
    y = np.arange(len(rows))
    for place, style in ((-1, ":"), (0, "-"), (1, ":")):
        ax.axvline(place, color=GREY, linewidth=0.8, linestyle=style, zorder=0)
    draw_intervals(ax, _within_reach(rows), y, colour=BLUE, width=2)
    inside = rows["side"].abs() <= _REACH
    ax.plot(rows["side"][inside], y[inside], "o", color=BLUE, markersize=7)
    name_rows(ax, y, list(rows["other"]))
    for label, separated in zip(ax.get_yticklabels(), rows["separated"], strict=True):
        if separated:
            label.set(weight="bold", bbox={"edgecolor": BLACK, "facecolor": "none", "pad": 2})
    ax.tick_params(axis="y", length=0, pad=8)
    ax.set_xlim(-_REACH - _ROOM, _REACH + _ROOM)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ends = "at the other model", "half-way", f"at {model}"
    ax.set_xticks([-1, 0, 1], [in_lines(text, _WIDTH) for text in ends])
    ax.set_xlabel(f"where people are, {100 * level:g} % intervals")
    ax.set_title(f"{kind} distortions", fontsize="medium")
    return clean(ax)


def _within_reach(rows: pd.DataFrame) -> pd.DataFrame:
    """Return sides as estimates whose intervals end, with an arrow, where the axis does."""
    low, high = rows["low"], rows["high"]
    beyond = np.select(
        [(low < -_REACH) & (high > _REACH), high > _REACH, low < -_REACH],
        ["unknown", "at least", "at most"],
        "exact",
    )
    cut = {name: rows[name].clip(-_REACH, _REACH) for name in ("low", "high")}
    return rows.assign(value=rows["side"].clip(-_REACH, _REACH), bound=beyond, **cut)
