"""Figures of a display: what was measured, what was fitted, and how far they are apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdpsych.displays.curve_fit import MODELS, Validation, fit
from pdpsych.displays.display import Display, MeasuredCurve
from pdpsych.displays.measurements import Channel, Measurements

# Okabe & Ito's colours, which people with any colour vision can tell apart.
_COLOURS: dict[str, str] = dict(
    zip(MODELS, ("#0072B2", "#56B4E9", "#CC79A7", "#D55E00"), strict=True)
)
_BAND = "#E9E4D4"
_WIDEST_SLOPE = 30.0


def figure(display: Display, validations: Sequence[Validation]) -> Figure:
    """Draw the measurements, fits, residuals and slope errors, a column for each channel."""
    measurements = display.measurements
    if measurements is None or not isinstance(display.curve, MeasuredCurve):
        raise ValueError("the display was not measured")
    channels = measurements.channels
    drawn = Figure(figsize=(max(4.6, 3.2 * len(channels)), 8), layout="constrained")
    axes = drawn.subplots(3, len(channels), squeeze=False, sharex=True)
    for column, channel in enumerate(channels):
        own = [v for v in validations if v.channel == channel]
        plot_curves(measurements, channel, display.curve.model, axes[0, column])
        plot_residuals(measurements, channel, display.curve.model, axes[1, column])
        plot_slope_errors(own, display.curve.model, axes[2, column])
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
    drawn.suptitle(
        f"{display.stem}: {display.curve.model} is chosen\nbands: ± 2 standard errors",
        fontsize="medium",
    )
    return drawn


def plot_curves(measurements: Measurements, channel: Channel, chosen: str, ax: Axes) -> Axes:
    """Draw luminance against level: means of the readings, and each model's fit."""
    means = measurements.means(channel)
    fine = np.linspace(0, 1, 300)
    for model in MODELS:
        ax.plot(fine, fit(means, model).candela(fine), **_style(model, chosen))
    ax.plot(means.level, means.luminance, "o", color="black", markersize=3.5, label="measured")
    ax.set_ylabel("luminance [cd/m²]")
    return _clean(ax)


def plot_residuals(measurements: Measurements, channel: Channel, chosen: str, ax: Axes) -> Axes:
    """Draw fit − measured as a share of the range; the band is ± 2 standard errors."""
    means = measurements.means(channel)
    span = 100 / float(np.ptp(means.luminance))
    ax.fill_between(means.level, -2 * span * means.sd, 2 * span * means.sd, color=_BAND)
    for model in MODELS:
        residual = fit(means, model).candela(means.level) - means.luminance
        ax.plot(means.level, span * residual, **_style(model, chosen))
    ax.set_ylabel("fit − measured [% of range]")
    return _clean(ax)


def plot_slope_errors(validations: Sequence[Validation], chosen: str, ax: Axes) -> Axes:
    """Draw the relative error of the slope between levels, mean of leaving out either one.

    The band is ± 2 standard errors of the measured slope.
    """
    for v in validations:
        out = v.left_out
        middle = (out.level[:-1] + out.level[1:]) / 2
        # Noise may leave no slope near black.
        slope = np.maximum(out.slope[1:, 0], 1e-9 * out.slope.max())
        error = (out.slope_error[:-1, 1] + out.slope_error[1:, 0]) / 2
        ax.plot(middle, 100 * error / slope, **_style(v.model, chosen))
        if v.model == chosen:
            noise = 200 * out.slope_sd[1:, 0] / slope
            ax.fill_between(middle, -noise, noise, color=_BAND, zorder=0)
    ax.set_ylim(-_WIDEST_SLOPE, _WIDEST_SLOPE)
    ax.set_ylabel("error of the left-out slope [%]")
    return _clean(ax)


def _style(model: str, chosen: str) -> dict[str, Any]:
    width = 2.2 if model == chosen else 0.9
    return {"color": _COLOURS[model], "linewidth": width, "label": model}


def _clean(ax: Axes) -> Axes:
    ax.axhline(0, color="#7F7F7F", linewidth=0.6, zorder=0)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
