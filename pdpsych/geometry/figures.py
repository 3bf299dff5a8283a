"""Figures of distortions, of log ratios, and of how far the local geometry holds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.drawing import (
    BLUE,
    GREY,
    MARKERS,
    SERIES,
    clean,
    mosaic,
    new_axes,
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
    figure = Figure(figsize=(9, height), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1.5))
    plot_distortions(distortions, ("ε₁", "ε₂"), left)
    plot_log_ratios(names, log_ratios, right)
    return figure


def plot_linearity(
    names: Sequence[str],
    amplitudes: Floats,
    ratios: Floats,
    tolerance: float,
    ax: Axes | None = None,
) -> Axes:
    """Draw finite over local sensitivity to one distortion, (N, A, 2), a line each.

    The worse of both signs; the band is the tolerance.
    """
    ax = ax or new_axes(4.5, 3)
    ax.axhspan(1 - tolerance, 1 + tolerance, color=GREY, alpha=0.2, linewidth=0)
    worse = np.take_along_axis(ratios, np.abs(ratios - 1).argmax(axis=2)[..., None], axis=2)[..., 0]
    looks = zip(cycle(SERIES), cycle(MARKERS))
    for name, row, (colour, marker) in zip(names, worse, looks, strict=False):
        ax.plot(amplitudes, row, f"{marker}-", color=colour, markersize=4, label=name)
    ax.set_xscale("log")
    # What leaves is as far from linear as anyone needs to know.
    ax.set_ylim(0, 2)
    ax.set_xlabel("amplitude α [L2 norm, model units]")
    ax.set_ylabel("finite / local sensitivity")
    return clean(ax)


def linearity_panels(
    names: Sequence[str], amplitudes: Floats, ratios: Floats, tolerance: float
) -> Figure:
    """Draw :func:`plot_linearity` for each distortion of (N, K, A, 2) side by side."""
    count = ratios.shape[1]
    figure = Figure(figsize=(1.5 + 3.4 * count, 3), layout="constrained")
    axes = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    for number, ax in enumerate(axes):
        plot_linearity(names, amplitudes, ratios[:, number], tolerance, ax)
        ax.set_title(f"distortion {number + 1}", fontsize="medium")
    for ax in axes[1:]:
        ax.set_ylabel("")
    axes[-1].legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def visible_panels(
    distortions: Tensor,
    names: Sequence[str],
    log_ratios: Floats,
    certificate: VisibleCertificate,
) -> Figure:
    """Draw two distortions, (2, C, H, W), log ratios at the amplitude, and F against amplitude."""
    height = max(3.3, 0.9 + 0.25 * len(names))
    figure = Figure(figsize=(14, height), layout="constrained")
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
