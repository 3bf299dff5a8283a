"""Figures of a plan: how often the right model is found, and how wide intervals get."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdpsych.analysis.planning.columns import WANTED
from pdpsych.common.drawing import GREY, MARKERS, SERIES, clean, new_axes, new_figure


def plot_power(cells: pd.DataFrame, trials: int, *, ax: Axes | None = None) -> Axes:
    """Draw how often the true model is declared the closest, by images and participants.

    ``cells`` is that of :class:`pdpsych.analysis.planning.plan.Plan`; bars are 95 % intervals by
    the number of simulated studies, ``trials`` those of each distortion and participant.
    """
    ax = ax or new_axes(4, 3)
    ax.axhline(WANTED, color=GREY, linewidth=0.8, linestyle=":")
    for place, (label, rows, colour, marker) in enumerate(_series(cells, trials)):
        # Side by side, so that their intervals can be told apart.
        images = rows["images"] * (1 + 0.02 * place)
        ends = rows[["power_low", "power_high"]].to_numpy().T
        error = np.abs(ends - rows["power"].to_numpy())
        ax.errorbar(images, rows["power"], error, fmt=f"{marker}-", color=colour, label=label)
    ax.set_ylim(-0.03, 1.03)
    ax.set_ylabel("true model declared closest")
    ax.set_title(f"{trials} trials of each distortion", fontsize="medium")
    return _by_images(cells, ax)


def plot_widths(cells: pd.DataFrame, trials: int, *, ax: Axes | None = None) -> Axes:
    """Draw the width of the interval of the true model's score, by images and participants."""
    ax = ax or new_axes(4, 3)
    for label, rows, colour, marker in _series(cells, trials):
        ax.plot(rows["images"], rows["score_width"], f"{marker}-", color=colour, label=label)
    # As high as all panels need, which share the axis; NaN where nothing was found.
    most = cells["score_width"].max()
    ax.set_ylim(0, 1.05 * most if most > 0 else None)
    ax.set_ylabel("width of the score's interval [nat]")
    return _by_images(cells, ax)


def plan_panels(cells: pd.DataFrame) -> Figure:
    """Draw both for each number of trials side by side."""
    numbers = sorted(set(cells["trials"]))
    figure = new_figure(max(3.3 * len(numbers), 4.5), 6)
    axes = figure.subplots(2, len(numbers), sharex=True, sharey="row", squeeze=False)
    for trials, power, widths in zip(numbers, *axes, strict=True):
        plot_power(cells, trials, ax=power).set_xlabel("")
        plot_widths(cells, trials, ax=widths)
    for ax in axes[:, 1:].ravel():
        ax.set_ylabel("")
    handles, labels = axes[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, title="participants", loc="outside right upper", frameon=False)
    return figure


def _series(cells: pd.DataFrame, trials: int) -> list[tuple[str, pd.DataFrame, str, str]]:
    groups = cells[cells["trials"] == trials].groupby("participants", sort=True)
    looks = zip(cycle(SERIES), cycle(MARKERS))
    return [(str(n), rows, *look) for (n, rows), look in zip(groups, looks, strict=False)]


def _by_images(cells: pd.DataFrame, ax: Axes) -> Axes:
    numbers = sorted(set(cells["images"]))
    ax.set_xscale("log")
    ax.set_xticks(numbers, [str(number) for number in numbers])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("images")
    return clean(ax)
