"""Figures of how models and people differ: all pairs of models, all thresholds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from pdpsych.analysis.figures.bounds import known_thresholds
from pdpsych.analysis.names import CONDITION
from pdpsych.common.drawing import new_axes

# Perceptually even, readable in grey and with any colour vision; its ends leave text legible.
_MAP = "cividis"
# White marks are seen on its bright end too.
_OUTLINE = withStroke(linewidth=3, foreground="black")
_MARKS = {"at least": "^", "at most": "v", "unknown": "x"}


def plot_threshold_map(
    thresholds: pd.DataFrame, dimensions: Mapping[str, int] | None, *, ax: Axes | None = None
) -> Axes:
    """Draw the thresholds of all participants (rows) and conditions (columns).

    Thresholds are in RMS contrast. Of those that the trials bound from one side alone the bound is
    shown: an upward triangle marks those that are at least so much, a downward one those that are
    at most so much. A cross marks those of which the trials say nothing, a dot those outside the
    amplitudes shown; what a participant has not seen is left white.

    Parameters
    ----------
    thresholds
        Columns participant, image, pair, distortion, threshold, low, high, bound, trials_low,
        trials_high, outside_range: that table of :class:`pdpsych.analysis.Fit`.
    dimensions
        D = C·H·W of each image: RMS contrast is α/√D. None where it is not known; thresholds are
        then drawn in model units.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> table = pd.DataFrame(
    ...     {"participant": "01", "image": "camel", "pair": "principal", "distortion": [1, 2]}
    ... )
    >>> table = table.assign(threshold=[0.8, 3.2], low=0.5, high=4, outside_range=False)
    >>> table = table.assign(bound="exact", trials_low=0.4, trials_high=5)
    >>> ax = analysis.plot_threshold_map(table, {"camel": 256})
    >>> ax.images[0].get_array().tolist()
    [[0.05, 0.2]]
    """
    size = thresholds["image"].map(dimensions).astype(float) if dimensions else 1.0
    known = known_thresholds(thresholds)
    table = thresholds.assign(contrast=known["value"] / np.sqrt(size), bound=known["bound"])
    wide = table.pivot(index="participant", columns=CONDITION[1:], values="contrast")
    rows, columns = wide.shape
    ax = ax or new_axes(min(2.5 + 0.28 * columns, 12), 2.8 + 0.3 * rows)
    # What the trials say nothing of may be anything, and is not to set the scale.
    sure = table["contrast"].where(table["bound"] != "unknown").dropna()
    limits = LogNorm(sure.min(), sure.max()) if sure.nunique() > 1 else LogNorm()
    drawn = ax.imshow(wide.to_numpy(dtype=float), cmap=_MAP, norm=limits, aspect="auto")
    marked = {marker: table["bound"] == bound for bound, marker in _MARKS.items()}
    outside = (table["bound"] == "exact") & table["outside_range"].astype(bool)
    for marker, flag in (marked | {".": outside}).items():
        where = table[flag]
        y = wide.index.get_indexer(where["participant"])
        x = wide.columns.get_indexer(pd.MultiIndex.from_frame(where[CONDITION[1:]]))
        ax.plot(x, y, marker, color="white", markersize=6, path_effects=[_OUTLINE])
    ax.set_yticks(range(rows), list(wide.index))
    names = [f"{image} {pair} {'uv'[number - 1]}" for image, pair, number in wide.columns]
    step = -(-columns // 40)
    ax.set_xticks(range(0, columns, step), names[::step], rotation=90, fontsize="small")
    ax.set_ylabel("participant")
    unit = "RMS contrast α/√D" if dimensions else "model units"
    return _with_scale(ax, drawn, f"threshold, {unit}")


def _with_scale(ax: Axes, drawn: object, label: str) -> Axes:
    figure = ax.figure
    assert isinstance(figure, Figure)
    scale = figure.colorbar(drawn, ax=ax, label=label)  # type: ignore[arg-type]
    if isinstance(getattr(drawn, "norm", None), LogNorm):
        scale.ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        scale.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:.3g}"))
        scale.ax.yaxis.set_minor_formatter(NullFormatter())
    return ax
