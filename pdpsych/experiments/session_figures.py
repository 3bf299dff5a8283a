"""Figures of a session."""

from __future__ import annotations

from itertools import cycle

from matplotlib.axes import Axes

from pdpsych.drawing import GREY, SERIES, clean, new_axes
from pdpsych.experiments.session_log import SessionLog

# More conditions than colours are drawn alike.
_MOST_COLOURS = len(SERIES)


def plot_session(log: SessionLog, ax: Axes | None = None) -> Axes:
    """Draw the amplitude asked for in each trial, by condition; crosses are wrong answers."""
    ax = ax or new_axes(8, 3.2)
    groups = log.trials.groupby(["image", "pair", "distortion"], sort=True)
    colours = cycle(SERIES if groups.ngroups <= _MOST_COLOURS else (GREY,))
    for ((image, pair, number), rows), colour in zip(groups, colours, strict=False):
        ax.plot(rows["trial"], rows["amplitude"], "-", color=colour, linewidth=0.8, alpha=0.6)
        for right, marker in ((True, "o"), (False, "x")):
            own = rows[rows["correct"] == right]
            label = f"{image} {pair} {'uv'[number - 1]}" if right else None
            ax.plot(own["trial"], own["amplitude"], marker, color=colour, markersize=4, label=label)
    ax.set_yscale("log")
    ax.set_xlabel("trial")
    ax.set_ylabel("amplitude α [L2 norm, model units]")
    ax.set_title("crosses: wrong answers", fontsize="small")
    if 0 < groups.ngroups <= _MOST_COLOURS:
        ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return clean(ax)
