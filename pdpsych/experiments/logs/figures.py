"""Figures of a session."""

from __future__ import annotations

from typing import Any, cast

import pandas as pd
from matplotlib.axes import Axes

from pdpsych.common.drawing import BLUE, ORANGE, SERIES, clean, new_axes


def plot_session(trials: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the amplitude asked for in each trial; crosses are wrong answers.

    A line joins the trials of each condition, where there are colours to tell them apart.

    Parameters
    ----------
    trials
        The trials of a session, as in :attr:`SessionLog.trials`.
    ax
        Where to draw, by default new axes.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import experiments
    >>> condition = {"image": "cat", "pair": "principal", "distortion": 1}
    >>> rows = [{"trial": 1, "amplitude": 0.5, "correct": True, **condition}]
    >>> experiments.plot_session(pd.DataFrame(rows)).get_xlabel()
    'trial'
    """
    ax = ax or new_axes(8, 3.2)
    groups = trials.groupby(["image", "pair", "distortion"], sort=True)
    if groups.ngroups <= len(SERIES):
        for (condition, rows), color in zip(groups, SERIES, strict=False):
            image, pair, number = cast("tuple[str, str, int]", condition)
            label = f"{image} {pair} {'uv'[number - 1]}"
            ax.plot(rows["trial"], rows["amplitude"], "-", color=color, linewidth=1, label=label)
        ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    right = trials["correct"].astype(bool)
    dot: dict[str, Any] = {"color": BLUE, "markersize": 3, "alpha": 0.5}
    for rows, marker, look in (
        (trials[right], "o", dot),
        (trials[~right], "x", {"color": ORANGE, "markersize": 5}),
    ):
        ax.plot(rows["trial"], rows["amplitude"], marker, **look)
    ax.set_yscale("log")
    ax.set_xlabel("trial")
    ax.set_ylabel("amplitude α [L2 norm, model units]")
    ax.set_title("dots: correct answers; crosses: wrong ones", fontsize="small")
    return clean(ax)
