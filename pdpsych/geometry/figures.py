"""Figures of what the solvers find, and of how far it holds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from pdpsych.common.drawing import BLUE, GREY, MARKERS, SERIES, clean, mosaic, new_axes, saturated
from pdpsych.geometry.linear_range import Linearity
from pdpsych.geometry.solvers.eigen import EigenDistortions
from pdpsych.geometry.solvers.principal import PrincipalDistortions


def plot_distortions(distortions: Tensor, names: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw distortions (K, C, H, W) side by side, each scaled to its own strongest 0.1 %."""
    ax = ax or new_axes(2.2 * len(distortions), 2.5)
    panels = []
    for distortion, name in zip(distortions.detach().cpu().numpy(), names, strict=True):
        picture, peak = saturated(distortion.astype(float))
        panels.append((picture, f"{name}\nblack to white: ±{peak:.2g}"))
    return mosaic(ax, panels)


def plot_log_ratios(result: PrincipalDistortions, ax: Axes | None = None) -> Axes:
    """Draw the log sensitivity ratio of each representation, a row each."""
    ax = ax or new_axes(4, 0.9 + 0.25 * len(result.names))
    rows = range(len(result.names))
    ax.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    ax.plot(result.log_ratios, rows, "o", color=BLUE)
    ax.set_yticks(rows, result.names)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel("log d(ε₁)/d(ε₂)  [nat]")
    return clean(ax)


def principal_panels(result: PrincipalDistortions) -> Figure:
    """Draw both distortions, and beside them the log ratios."""
    height = max(2.7, 0.9 + 0.25 * len(result.names))
    figure = Figure(figsize=(9, height), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1.5))
    plot_distortions(result.distortions, ("ε₁", "ε₂"), left)
    plot_log_ratios(result, right)
    return figure


def plot_eigen_distortions(result: EigenDistortions, ax: Axes | None = None) -> Axes:
    """Draw the distortions with the largest values, then those with the smallest."""
    of = "d²" if len(result.names) == 1 else f"d²({result.names[0]}) / d²({result.names[1]})"
    values = [*result.largest_values, *result.smallest_values]
    both = torch.cat([result.largest, result.smallest])
    return plot_distortions(both, [f"{of} = {value:.3g}" for value in values], ax)


def plot_linearity(result: Linearity, distortion: int = 0, ax: Axes | None = None) -> Axes:
    """Draw finite over local sensitivity to one distortion against amplitude, a line each.

    The worse of both signs; the band is the tolerance.
    """
    ax = ax or new_axes(4.5, 3)
    ax.axhspan(1 - result.tolerance, 1 + result.tolerance, color=GREY, alpha=0.2, linewidth=0)
    both = result.ratios[:, distortion]
    worse = np.take_along_axis(both, np.abs(both - 1).argmax(axis=2)[..., None], axis=2)[..., 0]
    looks = zip(cycle(SERIES), cycle(MARKERS))
    for name, row, (colour, marker) in zip(result.names, worse, looks, strict=False):
        ax.plot(result.amplitudes, row, f"{marker}-", color=colour, markersize=4, label=name)
    ax.set_xscale("log")
    # What leaves is as far from linear as anyone needs to know.
    ax.set_ylim(0, 2)
    ax.set_xlabel("amplitude α [L2 norm, model units]")
    ax.set_ylabel("finite / local sensitivity")
    ax.set_title(f"distortion {distortion + 1}", fontsize="medium")
    return clean(ax)


def linearity_panels(result: Linearity) -> Figure:
    """Draw :func:`plot_linearity` for each distortion side by side."""
    count = result.ratios.shape[1]
    figure = Figure(figsize=(1.5 + 3.4 * count, 3), layout="constrained")
    axes = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    for number, ax in enumerate(axes):
        plot_linearity(result, number, ax)
    for ax in axes[1:]:
        ax.set_ylabel("")
    axes[-1].legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return figure
