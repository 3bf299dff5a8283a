"""What figures share: colours, empty axes, pictures side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

# Okabe & Ito's colours, which people with any colour vision can tell apart.
BLUE, ORANGE, GREY, BLACK = "#0072B2", "#D55E00", "#7F7F7F", "#222222"
SERIES = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#E69F00", BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def new_axes(width: float, height: float) -> Axes:
    """Return the Axes of a new figure of that size in inches."""
    # Not through pyplot, which would keep every figure alive and choose a screen.
    return Figure(figsize=(width, height), layout="constrained").subplots()


def clean(ax: Axes) -> Axes:
    """Take away the lines at the top and on the right."""
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def mosaic(ax: Axes, panels: Sequence[tuple[NDArray[np.floating], str]]) -> Axes:
    """Draw pictures of one size, (H, W, 3) in [0, 1], side by side, each below its caption."""
    height, width = panels[0][0].shape[:2]
    step = 1.06 * width
    for index, (picture, caption) in enumerate(panels):
        left = index * step
        ax.imshow(picture, extent=(left, left + width, height, 0), interpolation="nearest")
        ax.text(left + width / 2, -0.04 * height, caption, ha="center", va="bottom", fontsize=8)
    ax.set_xlim(0, step * (len(panels) - 1) + width)
    ax.set_ylim(height, -0.22 * height)
    ax.set_axis_off()
    return ax


def saturated(distortion: NDArray[np.floating]) -> tuple[NDArray[np.floating], float]:
    """Return a distortion (C, H, W) as a picture (H, W, 3) about grey, and what white stands for.

    Its strongest 0.1 % saturate.
    """
    peak = float(np.quantile(np.abs(distortion), 0.999)) or 1.0
    picture = np.clip(0.5 + distortion / (2 * peak), 0, 1)
    return np.moveaxis(np.broadcast_to(picture, (3, *picture.shape[1:])), 0, -1), peak
