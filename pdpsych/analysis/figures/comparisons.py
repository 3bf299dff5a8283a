"""Figures of how models and people differ: all pairs of models, all thresholds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from pdpsych.analysis.names import CONDITION
from pdpsych.common.drawing import new_axes

# Perceptually even, readable in grey and with any colour vision; its ends leave text legible.
_MAP = "cividis"
# White marks are seen on its bright end too.
_OUTLINE = withStroke(linewidth=3, foreground="black")
# More cells than these get no numbers.
_MOST_NUMBERS = 12


def plot_differences(
    sides: pd.DataFrame, *, kind: str = "principal", ax: Axes | None = None
) -> Axes:
    """Draw on whose side people are of all pairs of models, those separated framed and bold.

    A cell is 1 where people are at the model of its column, 0 half-way, −1 at that of its row.

    Parameters
    ----------
    sides
        Columns kind, model, other, side, separated: that table of
        :class:`pdpsych.analysis.Scores`, the pairs with the closest model first.
    kind
        Kind of distortions.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> table = pd.DataFrame(
    ...     {"kind": "principal", "model": ["LGN", "LGN", "LG"], "other": ["LG", "LN", "LN"]}
    ... ).assign(side=[0.4, 1.0, 0.8], separated=[False, True, True])
    >>> [text.get_text() for text in analysis.plot_differences(table).texts]
    ['0.40', '1.00', '0.80']
    """
    rows = sides[sides["kind"] == kind]
    ranked = list(dict.fromkeys(rows[["model", "other"]].to_numpy().ravel()))
    ax = ax or new_axes(2.4 + 0.5 * len(ranked), 1.6 + 0.4 * len(ranked))
    wide = rows.pivot(index="other", columns="model", values="side")
    values = wide.reindex(index=ranked[1:], columns=ranked[:-1]).to_numpy(dtype=float)
    drawn = ax.imshow(values, cmap=_MAP, vmin=-1, vmax=1, aspect="auto")
    for row in rows.itertuples():
        place = ranked.index(row.model), ranked.index(row.other) - 1
        if row.separated:
            corner = place[0] - 0.46, place[1] - 0.46
            ax.add_patch(Rectangle(corner, 0.92, 0.92, fill=False, color="white", linewidth=1.5))
        if len(ranked) <= _MOST_NUMBERS:
            dark = row.side < 0
            weight = "bold" if row.separated else "normal"
            colour = "white" if dark else "black"
            text = f"{row.side:.2f}"
            ax.text(*place, text, ha="center", va="center", color=colour, weight=weight)
    ax.set_xticks(range(len(ranked) - 1), ranked[:-1], rotation=45, ha="right")
    ax.set_yticks(range(len(ranked) - 1), ranked[1:])
    ax.set_title(f"on whose side people are, {kind} distortions", fontsize="medium")
    return _with_scale(ax, drawn, "side, 1 at the model of the column")


def plot_threshold_map(
    thresholds: pd.DataFrame, dimensions: Mapping[str, int], *, ax: Axes | None = None
) -> Axes:
    """Draw the thresholds of all participants (rows) and conditions (columns).

    Thresholds are in RMS contrast. A cross marks those that the trials only bound, a dot
    those outside the amplitudes shown; what a participant has not seen is left white.

    Parameters
    ----------
    thresholds
        Columns participant, image, pair, distortion, threshold, bound, outside_range: that
        table of :class:`pdpsych.analysis.Fit`.
    dimensions
        D = C·H·W of each image: RMS contrast is α/√D.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> table = pd.DataFrame(
    ...     {"participant": "01", "image": "camel", "pair": "principal", "distortion": [1, 2]}
    ... ).assign(threshold=[0.8, 3.2], bound="exact", outside_range=False)
    >>> ax = analysis.plot_threshold_map(table, {"camel": 256})
    >>> ax.images[0].get_array().tolist()
    [[0.05, 0.2]]
    """
    size = thresholds["image"].map(dict(dimensions)).astype(float)
    table = thresholds.assign(contrast=thresholds["threshold"] / np.sqrt(size))
    wide = table.pivot(index="participant", columns=CONDITION[1:], values="contrast")
    rows, columns = wide.shape
    ax = ax or new_axes(min(2.5 + 0.28 * columns, 12), 2.8 + 0.3 * rows)
    # What the trials do not determine may be anything, and is not to set the scale.
    exact = table["bound"] == "exact"
    sure = table["contrast"].where(exact).dropna()
    limits = LogNorm(sure.min(), sure.max()) if sure.nunique() > 1 else LogNorm()
    drawn = ax.imshow(wide.to_numpy(dtype=float), cmap=_MAP, norm=limits, aspect="auto")
    for flag, marker in ((~exact, "x"), (table["outside_range"], ".")):
        where = table[flag.astype(bool)]
        y = wide.index.get_indexer(where["participant"])
        x = wide.columns.get_indexer(pd.MultiIndex.from_frame(where[CONDITION[1:]]))
        ax.plot(x, y, marker, color="white", markersize=6, path_effects=[_OUTLINE])
    ax.set_yticks(range(rows), list(wide.index))
    names = [f"{image} {pair} {'uv'[number - 1]}" for image, pair, number in wide.columns]
    step = -(-columns // 40)
    ax.set_xticks(range(0, columns, step), names[::step], rotation=90, fontsize="small")
    ax.set_ylabel("participant")
    return _with_scale(ax, drawn, "threshold, RMS contrast α/√D")


def _with_scale(ax: Axes, drawn: object, label: str) -> Axes:
    figure = ax.figure
    assert isinstance(figure, Figure)
    scale = figure.colorbar(drawn, ax=ax, label=label)  # type: ignore[arg-type]
    if isinstance(getattr(drawn, "norm", None), LogNorm):
        scale.ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        scale.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:.3g}"))
        scale.ax.yaxis.set_minor_formatter(NullFormatter())
    return ax
