"""Figures of a display: what was measured, what was fitted, and how far they are apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdpsych.common.drawing import BAND, BLACK, GREY, SERIES, clean, new_figure

_WIDEST_SLOPE = 30.0


def plot_comparison(
    measured: pd.DataFrame,
    curves: pd.DataFrame,
    residuals: pd.DataFrame,
    slopes: pd.DataFrame,
    chosen: str,
    title: str,
) -> Figure:
    """Draw measurements, fits, residuals and slope errors, a column for each channel.

    Parameters
    ----------
    measured, curves, residuals, slopes
        As :func:`plot_curves`, :func:`plot_residuals` and :func:`plot_slope_errors` take them,
        with a column ``channel``.
    chosen
        The model that is drawn thick.
    title
        What it is.
    """
    channels = measured["channel"].unique().tolist()
    drawn = new_figure(max(4.6, 3.2 * len(channels)), 8)
    axes = drawn.subplots(3, len(channels), squeeze=False, sharex=True)
    for column, channel in enumerate(channels):
        own = [table[table["channel"] == channel] for table in (measured, curves, residuals)]
        plot_curves(own[0], own[1], chosen, axes[0, column])
        plot_residuals(own[0], own[2], chosen, axes[1, column])
        plot_slope_errors(slopes[slopes["channel"] == channel], chosen, axes[2, column])
        axes[2, column].set_xlabel("level / highest level")
        axes[0, column].set_title(channel)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    drawn.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=5 if len(channels) > 1 else 3,
        frameon=False,
    )
    drawn.suptitle(f"{title}\nbands: ± 2 standard errors", fontsize="medium")
    return drawn


def plot_curves(measured: pd.DataFrame, curves: pd.DataFrame, chosen: str, ax: Axes) -> Axes:
    """Draw luminance against level: means of the readings, and each model's fit.

    Parameters
    ----------
    measured
        Columns ``level`` (0 to 1) and ``luminance`` (cd/m²).
    curves
        Columns ``model``, ``level`` and ``luminance``.
    """
    for number, (model, curve) in enumerate(curves.groupby("model", sort=False)):
        ax.plot(curve["level"], curve["luminance"], **_style(number, model, chosen))
    ax.plot(
        measured["level"], measured["luminance"], "o", color=BLACK, markersize=3.5, label="measured"
    )
    ax.set_ylabel("luminance [cd/m²]")
    return _about_zero(ax)


def plot_residuals(measured: pd.DataFrame, residuals: pd.DataFrame, chosen: str, ax: Axes) -> Axes:
    """Draw fit − measured as a share of the range; the band is ± 2 standard errors.

    Parameters
    ----------
    measured
        Columns ``level``, ``luminance`` and ``sd``, its standard error.
    residuals
        Columns ``model``, ``level`` and ``residual`` (cd/m²).
    """
    span = 100 / float(np.ptp(measured["luminance"]))
    band = 2 * span * measured["sd"]
    ax.fill_between(measured["level"], -band, band, color=BAND)
    for number, (model, found) in enumerate(residuals.groupby("model", sort=False)):
        ax.plot(found["level"], span * found["residual"], **_style(number, model, chosen))
    ax.set_ylabel("fit − measured [% of range]")
    return _about_zero(ax)


def plot_slope_errors(slopes: pd.DataFrame, chosen: str, ax: Axes) -> Axes:
    """Draw the relative error of the slope between levels that were left out.

    Parameters
    ----------
    slopes
        Columns ``model``, ``level``, ``error`` and ``sd``, the standard error of the measured
        slope, both as shares of it; that of the chosen model makes the band of ± 2.
    """
    for number, (model, found) in enumerate(slopes.groupby("model", sort=False)):
        ax.plot(found["level"], 100 * found["error"], **_style(number, model, chosen))
        if model == chosen:
            noise = 200 * found["sd"]
            ax.fill_between(found["level"], -noise, noise, color=BAND, zorder=0)
    ax.set_ylim(-_WIDEST_SLOPE, _WIDEST_SLOPE)
    ax.set_ylabel("error of the left-out slope [%]")
    return _about_zero(ax)


def _style(number: int, model: Any, chosen: str) -> dict[str, Any]:
    width = 2.2 if model == chosen else 0.9
    return {"color": SERIES[number % len(SERIES)], "linewidth": width, "label": model}


def _about_zero(ax: Axes) -> Axes:
    ax.axhline(0, color=GREY, linewidth=0.6, zorder=0)
    return clean(ax)
