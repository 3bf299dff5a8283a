"""Figures of log sensitivity ratios: model by model, and image by image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdpsych.analysis.figures.bounds import draw_intervals, joint, opposite, ratio_bounds
from pdpsych.analysis.names import EVERYONE
from pdpsych.common.drawing import (
    BLACK,
    BLUE,
    GREY,
    MARKERS,
    ORANGE,
    SERIES,
    clean,
    name_rows,
    new_axes,
    new_figure,
    panels,
)

_MOST_BESIDE = 3
# Of a row of a legend, inches.
_LEGEND = 0.22
_AXIS = "log sensitivity ratio  log d(u)/d(v)  [nat]"
# Of a legend, letters an inch.
_LETTERS = 11
# Colours of models; that of the human is left out.
_COLOURS = tuple(colour for colour in SERIES if colour != ORANGE)
MOST_MODELS = len(_COLOURS)
"""More models than these are not told apart by their looks."""


def plot_log_ratios(
    scores: pd.DataFrame,
    human: pd.DataFrame,
    *,
    kind: str = "principal",
    pair: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw log sensitivity ratios of all models and the human on one kind of distortion.

    One row each; a dot is an image (its pairs of the kind averaged), always at the same height in
    its row, a bar the mean over images. The human's dots have the intervals of the analysis, and
    arrows where they are bounds. Which of a pair's distortions is u changes signs only; other than
    random pairs are turned so that models deviate from their mean as on the first image.

    Parameters
    ----------
    scores
        Columns image, pair, kind, model, log_ratio: that table of
        :class:`pdpsych.analysis.Scores`.
    human
        Columns participant, image, pair, kind, log_ratio, low, high, bound: that table of the
        same; what stands there for participant "all" is drawn.
    kind
        Kind of distortions.
    pair
        Name of the pairs to draw, by default all of the kind.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> pairs = pd.DataFrame({"image": ["a", "b"], "pair": "principal", "kind": "principal"})
    >>> scores = pd.concat(
    ...     [pairs.assign(model="LN", log_ratio=-1.2), pairs.assign(model="LGN", log_ratio=1.5)]
    ... )
    >>> human = pairs.assign(participant="all", log_ratio=1.3, low=1.0, high=1.6, bound="exact")
    >>> ax = analysis.plot_log_ratios(scores, human)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['LN', 'LGN', 'Human']
    """
    ax = ax or new_axes(5, 3.2)
    models, people = _ratios(scores, human, kind, pair)
    rows = {name: models[models["model"] == name] for name in dict.fromkeys(models["model"])}
    ax.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    for row, (name, table) in enumerate({**rows, "Human": people}.items()):
        by_image = _by_image(table)
        number = len(by_image)
        y = row + (np.linspace(-0.28, 0.28, number) if number > 1 else np.zeros(number))
        colour = ORANGE if name == "Human" else BLUE
        draw_intervals(ax, by_image, y, colour=colour)
        ax.vlines(by_image["value"].mean(), row - 0.38, row + 0.38, color=BLACK, linewidth=2)
        ax.plot(
            by_image["value"], y, "o", color=colour, markersize=5, markeredgecolor="white", zorder=3
        )
    name_rows(ax, range(len(rows) + 1), [*rows, "Human"])
    ax.set_ylim(len(rows) + 0.55, -0.55)
    ax.set_xlabel(_AXIS)
    ax.set_title(f"{pair or kind} distortions", fontsize="medium")
    return clean(ax)


def log_ratio_panels(scores: pd.DataFrame, human: pd.DataFrame) -> Figure:
    """Draw :func:`plot_log_ratios` for each kind side by side, on one x axis (figure 1C).

    Several pairs of an image that are not random are drawn apart: what models make of one says
    nothing of another, and an average over them would say nothing at all.

    Parameters
    ----------
    scores, human
        As for :func:`plot_log_ratios`.
    """
    drawn = [
        (kind, pair) for kind in dict.fromkeys(scores["kind"]) for pair in pairs_of(scores, kind)
    ]
    columns = min(len(drawn), _MOST_BESIDE)
    rows = -(-len(drawn) // columns)
    size = (max(4.2 * columns, 6), rows * (1.3 + 0.42 * (scores["model"].nunique() + 1)))
    figure = new_figure(*size)
    axes = panels(figure, len(drawn), columns, sharex=True, sharey=True)
    for (kind, pair), ax in zip(drawn, axes, strict=True):
        plot_log_ratios(scores, human, kind=kind, pair=pair, ax=ax)
    return figure


def plot_images(
    scores: pd.DataFrame,
    human: pd.DataFrame,
    *,
    models: Sequence[str] | None = None,
    kind: str = "principal",
    pair: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw every image as a line through the log ratios of the models and the human.

    The human is the bar on a broad line, its interval, with arrows where it is a bound; images are
    in the order of the human's ratios. Where a model leaves people, its mark is away from that
    bar: with all images on one side it is wrong throughout, with some on each side by image. Pairs
    are averaged and turned as for :func:`plot_log_ratios`.

    Parameters
    ----------
    scores
        Columns image, pair, kind, model, log_ratio and, if some are bounds, log_ratio_bound: the
        tables ``scores`` or ``at_threshold`` of :class:`pdpsych.analysis.Scores`.
    human
        As for :func:`plot_log_ratios`.
    models
        Models to tell apart, by default the first six; the others are grey.
    kind
        Kind of distortions.
    pair
        Name of the pairs to draw, by default all of the kind.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> pairs = pd.DataFrame({"image": ["a", "b"], "pair": "principal", "kind": "principal"})
    >>> scores = pairs.assign(model="LN", log_ratio=[-1.2, 0.3])
    >>> human = pairs.assign(participant="all", log_ratio=[1.3, 0.2], low=0.0, high=1.6)
    >>> human["bound"] = "exact"
    >>> ax = analysis.plot_images(scores, human)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['b', 'a']
    """
    drawn, people = _ratios(scores, human, kind, pair)
    own = _by_image(people).dropna(subset="value").sort_values("value")
    ax = ax or new_axes(6, _height(len(own)))
    found = {
        str(name): _by_image(rows).reindex(own.index)
        for name, rows in drawn.groupby("model", sort=False)
    }
    y = np.arange(len(own))
    ax.axvline(0, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
    every = np.stack([own["value"], *(table["value"] for table in found.values())])
    ax.hlines(y, np.nanmin(every, axis=0), np.nanmax(every, axis=0), color=GREY, linewidth=0.8)
    ax.hlines(y, own["low"], own["high"], color=ORANGE, alpha=0.35, linewidth=5)
    told = [name for name in (models or found) if name in found][:MOST_MODELS]
    _draw_marks(ax, own, ORANGE, "|", "Human")
    for name in [*(name for name in found if name not in told), *told]:
        _draw_marks(ax, found[name], *_look(name, told), name if name in told else "_")
    ax.set_yticks(y, list(own.index))
    ax.set_ylim(len(own) - 0.5, -0.5)
    ax.set_xlabel(_AXIS)
    ax.set_title(f"{pair or kind} distortions", fontsize="medium")
    return clean(ax)


def image_panels(
    scores: pd.DataFrame, human: pd.DataFrame, models: Sequence[str], kind: str
) -> Figure:
    """Draw :func:`plot_images` for each pair of a kind, with one legend.

    Parameters
    ----------
    scores, human, models, kind
        As for :func:`plot_images`.
    """
    pairs = pairs_of(scores, kind)
    columns = min(len(pairs), _MOST_BESIDE)
    rows = -(-len(pairs) // columns)
    images = scores["image"][scores["kind"] == kind].nunique()
    size = (max(4.0 * columns, 7), rows * _height(images) + 0.4)
    figure = new_figure(*size)
    axes = panels(figure, len(pairs), columns, sharex=True)
    for pair, ax in zip(pairs, axes, strict=True):
        plot_images(scores, human, models=models, kind=kind, pair=pair, ax=ax)
        ax.tick_params(labelbottom=True)
    handles, labels = axes[0].get_legend_handles_labels()
    fit = int(size[0] * _LETTERS / (max(map(len, labels)) + 6))
    beside = max(1, min(fit, len(labels)))
    # Above the panels, which are not to be smaller for it.
    figure.set_size_inches(size[0], size[1] + _LEGEND * (-(-len(labels) // beside) - 1))
    figure.legend(handles, labels, loc="outside upper center", ncols=beside, frameon=False)
    return figure


def pairs_of(scores: pd.DataFrame, kind: str) -> list[str | None]:
    """Return the pairs of a kind to draw apart; None for all together."""
    own = scores[scores["kind"] == kind]
    several = own.groupby("image")["pair"].nunique().max() > 1
    return list(dict.fromkeys(own["pair"])) if several and kind != "random" else [None]


def _height(images: int) -> float:
    return 1.2 + 0.24 * images


def _look(model: str, told: Sequence[str]) -> tuple[str, str]:
    """Return colour and marker of a model."""
    number = told.index(model) if model in told else -1
    return (GREY, ".") if number < 0 else (_COLOURS[number], MARKERS[1:][number])


def _draw_marks(ax: Axes, table: pd.DataFrame, colour: str, marker: str, label: str) -> None:
    """Draw a mark for each image, (K) rows from above, with arrows at bounds."""
    y = np.arange(len(table))
    # Intervals of the human are drawn below all marks.
    draw_intervals(ax, table.assign(low=np.nan, high=np.nan), y, colour=colour)
    size, edge, width = (15, colour, 3) if marker == "|" else (6, "white", 0.5)
    ax.plot(
        table["value"], y, marker, color=colour, markersize=size, markeredgecolor=edge,
        markeredgewidth=width, zorder=4, label=label,
    )  # fmt: skip


def _ratios(
    scores: pd.DataFrame, human: pd.DataFrame, kind: str, pair: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return log ratios of models and of the mean human, with bounds, of pairs of a kind."""
    models, people = (
        table[(table["kind"] == kind) & (pair is None or table["pair"] == pair)]
        for table in (scores, human[human["participant"] == EVERYONE])
    )
    # Ends and bounds of the same name in the table of models are those of scores.
    bounds = ratio_bounds(models)
    models = models.assign(low=np.nan, high=np.nan, bound=bounds)
    return (models, people) if kind == "random" else _turned(models, people)


def _by_image(table: pd.DataFrame) -> pd.DataFrame:
    """Return value, low, high and bound of each image, mean over its pairs."""
    ends = {"value": "log_ratio", "low": "low", "high": "high"}
    how = {name: (column, "mean") for name, column in ends.items()}
    return table.groupby("image", sort=True).agg(**how, bound=("bound", joint))


def _turned(models: pd.DataFrame, human: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Swap u and v of the pairs on which models deviate opposite to the first pair."""
    wide = models.pivot(index="model", columns=["image", "pair"], values="log_ratio")
    deviation = (wide - wide.mean()).fillna(0.0)
    sign = np.sign(deviation.T @ deviation.iloc[:, 0]).replace(0.0, 1.0).rename("sign")
    return _swapped(models, sign), _swapped(human, sign)


def _swapped(table: pd.DataFrame, sign: pd.Series) -> pd.DataFrame:
    """Swap u and v of the pairs whose sign is −1."""
    swap = table.join(sign, on=["image", "pair"])["sign"] < 0
    swapped = table.assign(
        log_ratio=-table["log_ratio"],
        low=-table["high"],
        high=-table["low"],
        bound=opposite(table["bound"]),
    )
    return table.where(~swap, swapped)
