"""What figures draw of estimates that may be bounds: intervals, and arrows where they have no end.

Tables say of each estimate in their column ``bound`` whether it is exact, at least, at most so
much, or unknown.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

# Length of an arrow, points.
_ARROW = 16.0
_SIDES: dict[str, tuple[int, ...]] = {
    "exact": (),
    "at least": (1,),
    "at most": (-1,),
    "unknown": (1, -1),
}
_OPPOSITE = {"at least": "at most", "at most": "at least"}


def ratio_bounds(table: pd.DataFrame) -> pd.Series:
    """Return the bounds of models' log ratios; all are exact where a table has none."""
    name = "log_ratio_bound"
    return table[name] if name in table else pd.Series("exact", index=table.index)


def opposite(bounds: pd.Series) -> pd.Series:
    """Return the bounds of the same estimates with their signs changed."""
    return bounds.replace(_OPPOSITE)


def joint(bounds: pd.Series) -> str:
    """Return what a mean of estimates is, given what each of them is."""
    kinds = set(bounds) - {"exact"}
    return "exact" if not kinds else kinds.pop() if len(kinds) == 1 else "unknown"


def known_thresholds(thresholds: pd.DataFrame) -> pd.DataFrame:
    """Return value, low, high and bound of thresholds, in model units.

    Of one that the trials bound from one side alone the value is that end, and there is no
    interval: the posterior median has the rest from other conditions.

    Parameters
    ----------
    thresholds
        Columns threshold, low, high, bound, trials_low, trials_high: that table of
        :class:`pdpsych.analysis.Fit`.
    """
    bound = thresholds["bound"]
    ends = [thresholds[name].astype(float) for name in ("trials_low", "trials_high")]
    value = np.select([bound == "at least", bound == "at most"], ends, thresholds["threshold"])
    interval = thresholds[["low", "high"]].astype(float).where(bound == "exact")
    return interval.assign(value=value, bound=bound)


def draw_intervals(
    ax: Axes,
    estimates: pd.DataFrame,
    across: ArrayLike,
    *,
    axis: Literal["x", "y"] = "x",
    colour: str,
    width: float = 1.2,
) -> None:
    """Draw the interval of each estimate, and an arrow on every side where it has no end.

    Parameters
    ----------
    estimates
        Columns value, low, high, bound; ends that are not numbers are those of no interval.
    across
        Where on the other axis each is drawn.
    axis
        The axis that the estimates are on.
    """
    value, low, high = (estimates[name].to_numpy(dtype=float) for name in ("value", "low", "high"))
    place = np.broadcast_to(np.asarray(across, dtype=float), value.shape)
    ends = {-1: np.where(np.isnan(low), value, low), 1: np.where(np.isnan(high), value, high)}
    lines = ax.hlines if axis == "x" else ax.vlines
    lines(place, ends[-1], ends[1], color=colour, linewidth=width)
    for number in np.flatnonzero(np.isfinite(value)):
        for side in _SIDES[estimates["bound"].iloc[number]]:
            along, beside = float(ends[side][number]), float(place[number])
            start = (along, beside) if axis == "x" else (beside, along)
            _arrow(ax, start, axis, side * _ARROW, colour)


def _arrow(
    ax: Axes, start: tuple[float, float], axis: Literal["x", "y"], length: float, colour: str
) -> None:
    # Its head is at the end of an offset in points, which only the text of an annotation has.
    look = {"arrowstyle": "<|-", "color": colour, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    offset = (length, 0.0) if axis == "x" else (0.0, length)
    ax.annotate("", xy=start, xytext=offset, textcoords="offset points", arrowprops=look)
