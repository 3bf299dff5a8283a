"""Figures of networks' layers (figure 2); each ``plot_`` draws into one Axes and returns it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pdpsych.analysis.names import Floats
from pdpsych.common.drawing import BLACK, BLUE, GREY, MARKERS, SERIES, clean, new_axes, new_figure

# With more trainings or architectures than these they repeat.
_COLOURS, _MARKERS = SERIES[:6], MARKERS[:6]
_FAINT = "#ADADAD"
_BESIDE: dict[str, Any] = {
    "loc": "upper left",
    "bbox_to_anchor": (1, 1),
    "fontsize": "small",
    "frameon": False,
}
# Of a layer and a small letter, in inches; between networks, in layers.
_LAYER_WIDTH, _LETTER_WIDTH, _GAP = 0.3, 0.067, 1.3


def plot_layers(
    layers: pd.DataFrame, baseline: pd.DataFrame | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw the mean log sensitivity ratio of each layer, grouped by network (figure 2).

    Colour is training, marker architecture. The thin bar is the standard deviation over images,
    the thick one the interval of the mean.

    Parameters
    ----------
    layers
        Columns network, layer, architecture, training, log_ratio, sd, low, high, the layers of a
        network one after the other: what :meth:`pdpsych.analysis.LayerRatios.summary` returns.
    baseline
        The same on other distortions, as random ones; drawn faintly beside it.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> table = pd.DataFrame({"network": ["a", "a", "b", "b"], "layer": ["1", "2", "1", "2"]})
    >>> table = table.assign(architecture="net", training=table["network"])
    >>> table = table.assign(log_ratio=[0.5, 1.0, -0.6, -0.9], sd=0.2, low=-0.1, high=0.1)
    >>> ax = analysis.plot_layers(table)
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['1', '2', '1', '2']
    """
    ax = ax or new_axes(_width(layers) + 2, 3.8)
    places = _places(layers)
    colours = _styles(layers["training"], _COLOURS)
    markers = _styles(layers["architecture"], _MARKERS)
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=0)
    if baseline is not None:
        _draw(ax, places + 0.25, baseline, _FAINT, ".")
    for _, rows in layers.groupby("network", sort=False):
        first = rows.iloc[0]
        colour, marker = colours[first["training"]], markers[first["architecture"]]
        _draw(ax, places[rows.index], rows, colour, marker)
    ax.set_xticks(places, layers["layer"], rotation=90, fontsize="small")
    ax.set_xlim(places[0] - 1, places[-1] + 1)
    ax.set_ylabel("log sensitivity ratio\nlog d(u)/d(v)  [nat]")
    _write_networks(ax, layers, places)
    _add_legend(ax, colours, markers, baseline is not None)
    return clean(ax)


def plot_shares(shares: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the shares of variance that factors explain, beside chance.

    Parameters
    ----------
    shares
        What :func:`pdpsych.analysis.variance_shares` returns.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> table = pd.DataFrame({"factor": ["training", "remainder"], "share": [0.7, 0.3]})
    >>> table = table.assign(low=[0.6, 0.2], high=[0.8, 0.4], alone=[0.7, None])
    >>> ax = analysis.plot_shares(table.assign(chance=0.1, chance_low=0.0, chance_high=0.2))
    >>> ax.get_xlabel()
    'share of variance over layers'
    """
    ax = ax or new_axes(4, 0.8 + 0.5 * len(shares))
    y = np.arange(len(shares))
    low, high = shares["chance_low"], shares["chance_high"]
    bars = ax.barh(y, shares["share"], 0.5, color=BLUE, alpha=0.6)
    spread = ax.hlines(y, shares["low"], shares["high"], color=BLACK, linewidth=1.5)
    (alone,) = ax.plot(shares["alone"], y, "D", color=BLACK, fillstyle="none", markersize=5)
    chance = ax.hlines(y + 0.36, low, high, color=GREY, linewidth=3)
    ax.set_yticks(y, shares["factor"])
    ax.set_ylim(len(shares) - 0.4, -0.6)
    ax.set_xlim(0, 1)
    ax.set_xlabel("share of variance over layers")
    names = ["share", "interval over images", "explained alone", "chance"]
    ax.legend([bars, spread, alone, chance], names, **_BESIDE)
    return clean(ax)


def layer_figure(
    layers: pd.DataFrame,
    shares: pd.DataFrame,
    title: str,
    *,
    baseline: pd.DataFrame | None = None,
) -> Figure:
    """Draw :func:`plot_layers` and below it :func:`plot_shares`.

    Parameters
    ----------
    layers, baseline
        As for :func:`plot_layers`.
    shares
        As for :func:`plot_shares`.
    title
        What stands above.
    """
    figure = new_figure(max(_width(layers), 4) + 2.2, 6.4)
    above, below = figure.subplots(2, 1, height_ratios=(2.4, 1))
    plot_layers(layers, baseline, ax=above)
    figure.suptitle(title, fontsize="medium")
    plot_shares(shares, ax=below)
    return figure


def _draw(ax: Axes, x: Floats, rows: pd.DataFrame, colour: str, marker: str) -> None:
    mean, sd = rows["log_ratio"], rows["sd"].fillna(0)
    ax.vlines(x, mean - sd, mean + sd, color=colour, linewidth=1)
    ax.vlines(x, rows["low"].fillna(mean), rows["high"].fillna(mean), color=colour, linewidth=3)
    ax.plot(x, mean, marker, color=colour, markersize=6, markeredgecolor="white", zorder=3)


def _places(layers: pd.DataFrame) -> Floats:
    """Return where each layer stands, 1 apart and a gap between networks."""
    network = layers["network"].to_numpy()
    return np.arange(len(layers)) + _GAP * np.cumsum(np.r_[False, network[1:] != network[:-1]])


def _width(layers: pd.DataFrame) -> float:
    return _LAYER_WIDTH * float(_places(layers)[-1] + 2)


def _write_networks(ax: Axes, layers: pd.DataFrame, places: Floats) -> None:
    """Write each network above its layers; upright where one would run into the next."""
    rows = layers.groupby("network", sort=False)
    groups = [(str(name), places[members.index]) for name, members in rows]
    room = [_LAYER_WIDTH * (at[-1] - at[0] + _GAP + 0.7) for _, at in groups]
    fits = all(
        _LETTER_WIDTH * len(name) < width for (name, _), width in zip(groups, room, strict=True)
    )
    for name, at in groups:
        ax.text(
            at.mean(),
            1.02,
            name,
            transform=ax.get_xaxis_transform(),
            ha="center",
            va="bottom",
            fontsize="small",
            rotation="horizontal" if fits else "vertical",
        )


def _styles(labels: pd.Series, styles: Sequence[str]) -> dict[str, str]:
    names = dict.fromkeys(labels)
    return {str(name): styles[i % len(styles)] for i, name in enumerate(names)}


def _add_legend(ax: Axes, colours: dict[str, str], markers: dict[str, str], baseline: bool) -> None:
    handles = [
        Line2D([], [], color=c, marker="o", linewidth=2, label=n) for n, c in colours.items()
    ]
    handles += [
        Line2D([], [], color=BLACK, marker=m, linestyle="none", fillstyle="none", label=n)
        for n, m in markers.items()
    ]
    if baseline:
        handles.append(Line2D([], [], color=_FAINT, marker=".", linewidth=2, label="random"))
    ax.legend(handles=handles, **_BESIDE)
