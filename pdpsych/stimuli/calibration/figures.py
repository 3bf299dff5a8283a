"""Figures of a calibration: what is left of amplitudes, and what range that leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdpsych.common.drawing import (
    BAND,
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    YELLOW,
    clean,
    new_figure,
)

# Beside the blue and grey of ranges; more models than these are not told apart.
_MODELS = (ORANGE, GREEN, PINK, YELLOW)
_A_ROW = 0.2
_CONDITION = ["image", "pair", "distortion"]


def plot_gain(amplitudes: pd.DataFrame, *, tolerance: float, title: str) -> Figure:
    """Draw realised against requested amplitude, and their ratio, a line for each condition.

    Parameters
    ----------
    amplitudes
        One row for each amplitude tried, in ascending order: columns ``image``, ``pair``,
        ``distortion``, ``rms`` (not a number where none was tried), ``gain``, ``scatter`` and
        ``in_range``.
    tolerance
        How far from 1 a gain may be.
    title
        What it is of.
    """
    figure = new_figure(9, 4)
    left, right = figure.subplots(1, 2)
    conditions = [c for _, c in amplitudes.dropna(subset=["rms"]).groupby(_CONDITION, sort=False)]
    for c in conditions:
        _gain(left, right, c, 0.3 / len(conditions))
    if conditions:
        edges = np.array(left.get_xlim())
        left.fill_between(edges, (1 - tolerance) * edges, (1 + tolerance) * edges, color=BAND)
        left.set(xscale="log", yscale="log", ylabel="realised RMS contrast, on average")
    right.axhspan(1 - tolerance, 1 + tolerance, color=BAND, zorder=0)
    right.set(xscale="log", ylabel="gain: realised / requested, ± scatter")
    right.set_ylim(0, 1.5)
    for ax in (left, right):
        ax.set_xlabel("requested RMS contrast α/√D")
        clean(ax)
    figure.suptitle(f"{title}; dots: ends of the range", fontsize="medium")
    return figure


def _gain(left: Axes, right: Axes, c: pd.DataFrame, alpha: float) -> None:
    """Draw the amplitudes of one condition."""
    asked, gains, scatter = (c[name].to_numpy(float) for name in ("rms", "gain", "scatter"))
    inside = np.flatnonzero(c["in_range"])
    colour = BLUE if len(inside) else GREY
    left.plot(asked, asked * np.where(gains > 0, gains, np.nan), color=colour, linewidth=0.8)
    right.plot(asked, gains, color=colour, linewidth=0.8)
    right.fill_between(asked, gains - scatter, gains + scatter, color=colour, alpha=alpha)
    if len(inside):
        ends = inside[[0, -1]]
        left.plot(asked[ends], (asked * gains)[ends], "o", color=colour, markersize=3)
        right.plot(asked[ends], gains[ends], "o", color=colour, markersize=3)


def plot_coverage(ranges: pd.DataFrame, thresholds: pd.DataFrame, *, title: str) -> Figure:
    """Draw the range that each condition can have, with the thresholds expected under models.

    Parameters
    ----------
    ranges
        One row for each condition: columns ``condition``, ``tried``, ``smallest``, ``largest``,
        ``inside_gamut`` and ``most``, in RMS contrast.
    thresholds
        One row for each condition and model: columns ``condition``, ``model`` and ``threshold``.
    title
        What it is of.
    """
    figure = new_figure(8, 1.6 + _A_ROW * len(ranges))
    ax = figure.subplots()
    for row, c in enumerate(ranges.itertuples()):
        _range(ax, row, c)
    rows = {name: row for row, name in enumerate(ranges["condition"])}
    _thresholds(ax, thresholds.assign(row=thresholds["condition"].map(rows)))
    ax.set_yticks(range(len(ranges)), ranges["condition"].tolist(), fontsize="small")
    ax.set_ylim(len(ranges) - 0.4, -0.6)
    ax.set_xscale("log")
    ax.set_xlabel("RMS contrast α/√D")
    clean(ax)
    ax.set_title(
        f"{title}\nbars: shown faithfully; thin: up to the largest inside the gamut "
        "(mark) and with clipping",
        fontsize="medium",
    )
    if len(thresholds):
        figure.legend(
            loc="outside lower center", ncols=5, frameon=False, title="threshold expected under"
        )
    return figure


def _range(ax: Axes, row: int, c: Any) -> None:
    if not np.isnan(c.tried):
        ax.hlines(row, c.tried, c.most, color=GREY, linewidth=0.8)
    if c.inside_gamut > 0:
        ax.plot(c.inside_gamut, row, "|", color=BLACK, markersize=9)
    if not np.isnan(c.smallest):
        ax.hlines(row, c.smallest, c.largest, color=BLUE, linewidth=4, alpha=0.45)


def _thresholds(ax: Axes, thresholds: pd.DataFrame) -> None:
    """Draw the thresholds in their rows; of many models all alike."""
    models = thresholds["model"].unique().tolist()
    few = len(models) <= len(_MODELS)
    for number, model in enumerate(models):
        own = thresholds[thresholds["model"] == model]
        ax.plot(
            own["threshold"],
            own["row"],
            "o" if few else "|",
            color=_MODELS[number] if few else BLACK,
            alpha=1 if few else 0.4,
            markersize=4 if few else 7,
            label=model if few else ("each model" if number == 0 else None),
        )
