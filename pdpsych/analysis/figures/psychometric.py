"""Figures of psychometric functions: proportion correct against contrast."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from pdpsych.analysis.binomial import wilson
from pdpsych.analysis.figures.bounds import draw_intervals, known_thresholds
from pdpsych.analysis.names import CONDITION, Floats
from pdpsych.analysis.tasks.links import LINKS, TWO, Link
from pdpsych.common.drawing import BLACK, BLUE, GREY, ORANGE, clean, new_axes, new_figure, panels

# What an axis shows beyond chance, and beyond 1.
_ROOM = 0.03
# Of a normal variable, beyond which signs differ: p < 0.01.
_DIFFERS = 2.576
# Of log d′: beyond, answers are right to the last bit.
_MOST_SIGNAL = 4.0
# Panels beside each other.
_COLUMNS = 4

Condition = tuple[str, str, str, int]


def plot_psychometric(
    trials: pd.DataFrame,
    curves: pd.DataFrame,
    condition: Condition,
    *,
    dimension: int | None,
    thresholds: pd.DataFrame | None = None,
    level: float = 0.95,
    task: str = TWO.name,
    ax: Axes | None = None,
) -> Axes:
    """Draw proportion correct against RMS contrast, with the fitted curve and its band.

    Both signs of a distortion are drawn apart where answers to them differ (Cochran, Mantel and
    Haenszel's test over the bins, p < 0.01).

    Parameters
    ----------
    trials
        Columns participant, image, pair, distortion, amplitude, correct and, if both were shown,
        sign; a row a trial: the table of :func:`pdpsych.analysis.read_trials`.
    curves
        Columns threshold, exponent, lapse: samples of the curve, as
        :meth:`pdpsych.analysis.Fit.curves` returns them.
    condition
        Participant, image, pair, distortion.
    dimension
        D = C·H·W of the image: RMS contrast is α/√D. None where it is not known; amplitudes are
        then drawn in model units.
    thresholds
        That table of :class:`pdpsych.analysis.Fit`, to mark the threshold: with its interval where
        the trials bound it from both sides, else with the bound and an arrow.
    level
        Probability of the band and of the intervals of proportions.
    task
        ``2afc``, ``3afc``, ``4afc`` or ``oddity``.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> where = {"participant": "01", "image": "camel", "pair": "principal", "distortion": 1}
    >>> trials = pd.DataFrame({"amplitude": [0.5, 1.0, 2.0] * 10, **where})
    >>> trials = trials.assign(correct=trials["amplitude"] > 0.7)
    >>> curves = pd.DataFrame({"threshold": [0.9, 1.1], "exponent": 1.0, "lapse": 0.02})
    >>> ax = analysis.plot_psychometric(trials, curves, tuple(where.values()), dimension=256)
    >>> ax.get_title()
    '01 · camel · principal u'
    """
    ax, link = ax or new_axes(3.6, 2.8), LINKS[task]
    contrast = draw_answers(ax, trials, condition, dimension=dimension, level=level)
    if len(contrast):
        _draw_curve(ax, curves, contrast, dimension, level, link)
    if thresholds is not None:
        own = thresholds[_matches(thresholds, CONDITION, condition)]
        _draw_threshold(ax, own, curves, dimension, link)
    return finish(ax, condition, dimension, link)


def psychometric_panels(
    conditions: Sequence[Condition], draw: Callable[[Condition, Axes], object]
) -> Figure:
    """Draw psychometric functions in panels from one lowest proportion on.

    Parameters
    ----------
    conditions
        Participant, image, pair, distortion of each.
    draw
        Draws one on its Axes.
    """
    columns = min(_COLUMNS, len(conditions))
    rows = -(-len(conditions) // columns)
    figure = new_figure(3.0 * columns, 2.5 * rows + 0.5)
    shown = panels(figure, len(conditions), columns)
    for place, (ax, condition) in enumerate(zip(shown, conditions, strict=True)):
        draw(condition, ax)
        ax.set_ylabel(ax.get_ylabel() if place % columns == 0 else "")
        ax.set_xlabel(ax.get_xlabel() if place + columns >= len(shown) else "")
    lowest = min(ax.get_ylim()[0] for ax in shown)
    for ax in shown:
        ax.set_ylim(bottom=lowest)
    return figure


def draw_answers(
    ax: Axes, trials: pd.DataFrame, condition: Condition, *, dimension: int | None, level: float
) -> Floats:
    """Draw proportions of correct answers in bins, and return the RMS contrast of all trials."""
    rows = trials[_matches(trials, CONDITION, condition) & (trials["amplitude"] > 0)]
    contrast = rows["amplitude"].to_numpy(dtype=float) / np.sqrt(dimension or 1)
    correct = rows["correct"].to_numpy(dtype=float)
    for seen, marker, colour, name in _told_apart(rows, contrast, correct):
        middle, share, below, above = _bins(contrast[seen], correct[seen], level)
        error = np.array([below, above])
        ax.errorbar(
            middle, share, error, fmt=marker, color=colour, label=name, markersize=4, linewidth=1
        )
        if name:
            ax.legend(frameon=False, fontsize="x-small", loc="lower right")
    return contrast


def _told_apart(
    rows: pd.DataFrame, contrast: Floats, correct: Floats
) -> Iterator[tuple[NDArray[np.bool_], str, str, str]]:
    """Return which trials are drawn together, by sign where answers differ: marker, colour, name.

    None where there are no trials.
    """
    if not len(rows):
        return
    plus = rows["sign"].to_numpy() > 0 if "sign" in rows else np.ones(len(rows), dtype=bool)
    if _differ(plus, contrast, correct):
        yield plus, "^", BLACK, "sign +"
        yield ~plus, "v", GREY, "sign \N{MINUS SIGN}"
    else:
        yield np.ones(len(rows), dtype=bool), "o", BLACK, ""


def _differ(plus: NDArray[np.bool_], contrast: Floats, correct: Floats) -> bool:
    """Return whether answers to both signs differ, given the bin of contrast (Mantel-Haenszel)."""
    surplus = variance = 0.0
    for part in _parts(contrast):
        n, m, right = len(part), plus[part].sum(), correct[part].sum()
        surplus += correct[part][plus[part]].sum() - m * right / n
        if n > 1:
            variance += m * (n - m) * right * (n - right) / (n**2 * (n - 1))
    return bool(surplus**2 > _DIFFERS**2 * variance)


def finish(ax: Axes, condition: Condition, dimension: int | None, link: Link) -> Axes:
    """Give the axes of a psychometric function their scales, labels and title."""
    participant, image, pair, number = condition
    ax.axhline(link.chance, color=GREY, linewidth=0.8, linestyle=":")
    ax.set_xscale("log")
    ax.set_ylim(min(link.chance, _lowest_mark(ax)) - _ROOM, 1 + _ROOM)
    _log_ticks(ax)
    ax.set_xlabel("RMS contrast α/√D" if dimension else "amplitude α [model units]")
    ax.set_ylabel("proportion correct")
    ax.set_title(f"{participant} · {image} · {pair} {'uv'[number - 1]}", fontsize="small")
    return clean(ax)


def _bins(contrast: Floats, correct: Floats, level: float) -> tuple[Floats, ...]:
    """Return mean contrast, proportion, and Wilson's interval of bins with as many trials each."""
    parts = _parts(contrast)
    middle = np.array([np.exp(np.log(contrast[part]).mean()) for part in parts])
    count = np.array([len(part) for part in parts])
    share = np.array([correct[part].mean() for part in parts])
    low, high = wilson(share * count, count, level)
    return middle, share, np.maximum(share - low, 0), np.maximum(high - share, 0)


def _parts(contrast: Floats) -> list[NDArray[np.intp]]:
    """Return the trials of each bin."""
    number = int(np.clip(len(contrast) // 10, 1, 8))
    return np.array_split(np.argsort(contrast, kind="stable"), number)


def _draw_threshold(
    ax: Axes, own: pd.DataFrame, curves: pd.DataFrame, dimension: int | None, link: Link
) -> None:
    """Mark a threshold on its curve, where d′ = 1."""
    known = known_thresholds(own)
    known[["value", "low", "high"]] /= np.sqrt(dimension or 1)
    height = float(link.answered(np.zeros(1), 2 * curves["lapse"].median())[0][0])
    shown = known[known["bound"] != "unknown"]
    draw_intervals(ax, shown, height, colour=ORANGE, width=2)
    ax.plot(shown["value"], [height] * len(shown), "|", color=ORANGE, markersize=9)


def _lowest_mark(ax: Axes) -> float:
    return min((float(np.min(bars[0].get_ydata())) for bars in ax.containers), default=1.0)


def _draw_curve(
    ax: Axes,
    curves: pd.DataFrame,
    contrast: Floats,
    dimension: int | None,
    level: float,
    link: Link,
) -> None:
    x = np.geomspace(contrast.min() * 0.8, contrast.max() * 1.25, 200)
    names = "threshold", "exponent", "lapse"
    threshold, exponent, lapse = (curves[[name]].to_numpy(float) for name in names)
    log_signal = exponent * (np.log(x * np.sqrt(dimension or 1)) - np.log(threshold))
    drawn = link.answered(np.minimum(log_signal, _MOST_SIGNAL), 2 * lapse)[0]
    low, middle, high = np.quantile(drawn, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
    ax.fill_between(x, low, high, color=BLUE, alpha=0.2, linewidth=0)
    ax.plot(x, middle, color=BLUE)


def _matches(table: pd.DataFrame, columns: list[str], values: Sequence[str | int]) -> pd.Series:
    return (table[columns] == list(values)).all(axis=1)


def _log_ticks(ax: Axes) -> None:
    """Label 1, 2, 5 of each decade in plain numbers, every decade only over more than two.

    Where the axis holds no two of them, round numbers.
    """
    low, high = ax.get_xlim()
    steps: Sequence[float] = (1.0, 2.0, 5.0) if high / low < 50 else (1.0,)
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    shown = [tick for tick in ticks if low <= tick <= high]
    if len(shown) < 2:
        shown = [t for t in MaxNLocator(3).tick_values(low, high) if low <= t <= high]
    ax.xaxis.set_major_locator(FixedLocator(shown))
    ax.set_xticks(shown, [f"{tick:.3g}" for tick in shown])
    ax.xaxis.set_minor_locator(LogLocator(subs="all"))
    ax.xaxis.set_minor_formatter(NullFormatter())
