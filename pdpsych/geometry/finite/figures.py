"""Figures of responses by amplitude."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pdpsych.common.drawing import MARKERS, SERIES, clean, new_axes, new_figure

Floats = NDArray[np.float64]
Curve = tuple[Floats, Floats]
"""RMS contrasts (A,), and D/α of both signs at them, (2, A)."""

# More models than these are too many for a legend.
MOST_NAMED = 24


def plot_gains(curves: dict[str, Curve], ax: Axes | None = None) -> Axes:
    """Draw D/α against RMS contrast, a colour for each model: +ε solid, −ε dashed."""
    ax = ax or new_axes(4.5, 3)
    looks = zip(cycle(SERIES), cycle(MARKERS))
    for (name, (rms, gains)), (colour, marker) in zip(curves.items(), looks, strict=False):
        # A logarithmic scale has no place for 0.
        shown = np.where(gains > 0, gains, np.nan)
        ax.plot(rms, shown[1], "--", color=colour, linewidth=0.8)
        ax.plot(rms, shown[0], "-", color=colour, marker=marker, markersize=2.5, label=name)
    if any(np.nanmax(gains, initial=0) > 0 for _, gains in curves.values()):
        ax.set_xscale("log")
        ax.set_yscale("log")
    else:
        ax.text(0.5, 0.5, "nothing known", ha="center", va="center", transform=ax.transAxes)
        ax.set_xlim(1e-4, 1)
        ax.set_xscale("log")
    ax.set_xlabel("RMS contrast α/√D")
    ax.set_ylabel("D/α  (−ε dashed)")
    return clean(ax)


def gain_panels(panels: Sequence[tuple[str, dict[str, Curve]]], columns: int = 2) -> Figure:
    """Draw :func:`plot_gains` for each distortion, with its title, and one legend."""
    rows = -(-len(panels) // columns)
    columns = min(columns, len(panels))
    figure = new_figure(2.2 + 3.4 * columns, 0.4 + 2.6 * rows)
    grid = figure.subplots(rows, columns, sharex=True, squeeze=False)
    axes = grid.ravel()
    for ax, (title, curves) in zip(axes, panels, strict=False):
        plot_gains(curves, ax)
        ax.set_title(title, fontsize="medium")
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    for ax in grid[:-1].ravel():
        ax.set_xlabel("")
    for ax in grid[:, 1:].ravel():
        ax.set_ylabel("")
    handles, labels = axes[0].get_legend_handles_labels()
    shown = slice(0, MOST_NAMED)
    figure.legend(handles[shown], labels[shown], loc="outside right upper", frameon=False)
    return figure
