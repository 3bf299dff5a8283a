"""Figures of distortions and of log ratios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.drawing import (
    BLUE,
    GREY,
    clean,
    mosaic,
    new_axes,
    new_figure,
    objective_curves,
    saturated,
)

if TYPE_CHECKING:
    from pdpsych.geometry.visible.certificate import VisibleCertificate

Floats = NDArray[np.float64]


def plot_distortions(distortions: Tensor, titles: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw distortions (K, C, H, W) side by side, each scaled to its own strongest 0.1 %."""
    ax = ax or new_axes(2.2 * len(distortions), 2.5)
    panels = []
    for distortion, title in zip(distortions.detach().cpu().numpy(), titles, strict=True):
        picture, peak = saturated(distortion.astype(float))
        panels.append((picture, f"{title}\nblack to white: ±{peak:.2g}"))
    return mosaic(ax, panels)


def plot_log_ratios(names: Sequence[str], log_ratios: Floats, ax: Axes | None = None) -> Axes:
    """Draw the log sensitivity ratio of each representation, (N,), a row each."""
    ax = ax or new_axes(4, 0.9 + 0.25 * len(names))
    rows = range(len(names))
    ax.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    ax.plot(log_ratios, rows, "o", color=BLUE)
    ax.set_yticks(rows, list(names))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel("log d(ε₁)/d(ε₂)  [nat]")
    return clean(ax)


def pair_panels(distortions: Tensor, names: Sequence[str], log_ratios: Floats) -> Figure:
    """Draw two distortions, (2, C, H, W), and beside them the log ratios."""
    height = max(2.7, 0.9 + 0.25 * len(names))
    figure = new_figure(9, height)
    left, right = figure.subplots(1, 2, width_ratios=(2, 1.5))
    plot_distortions(distortions, ("ε₁", "ε₂"), left)
    plot_log_ratios(names, log_ratios, right)
    return figure


def visible_panels(
    distortions: Tensor,
    names: Sequence[str],
    log_ratios: Floats,
    certificate: VisibleCertificate,
) -> Figure:
    """Draw two distortions, (2, C, H, W), log ratios at the amplitude, and F against amplitude."""
    height = max(3.3, 0.9 + 0.25 * len(names))
    figure = new_figure(14, height)
    left, middle, right = figure.subplots(1, 3, width_ratios=(2, 1.5, 1.7))
    plot_distortions(distortions, ("ε₁", "ε₂"), left)
    plot_log_ratios(names, log_ratios, middle)
    middle.set_xlabel(f"log D(ε₁)/D(ε₂) at RMS {certificate.amplitude_rms:g}  [nat]")
    objective_curves(
        certificate.amplitudes_rms,
        certificate.objectives,
        None if certificate.stopped == "local suffices" else certificate.objectives_before,
        asked=certificate.amplitude_rms,
        limit=certificate.local_objective,
        ax=right,
    )
    return figure
