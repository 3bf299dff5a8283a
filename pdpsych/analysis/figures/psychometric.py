"""Figures of psychometric functions: proportion correct against contrast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter

from pdpsych.analysis.fitting.binomial import wilson
from pdpsych.analysis.names import CONDITION, Floats
from pdpsych.common.drawing import BLACK, BLUE, GREY, clean, new_axes
from pdpsych.experiments.placement.psychometric import proportion_correct

Condition = tuple[str, str, str, int]


def plot_psychometric(
    trials: pd.DataFrame,
    curves: pd.DataFrame,
    condition: Condition,
    *,
    dimension: int,
    level: float = 0.95,
    ax: Axes | None = None,
) -> Axes:
    """Draw proportion correct against RMS contrast, with the fitted curve and its band.

    Parameters
    ----------
    trials
        Columns participant, image, pair, distortion, amplitude, correct, a row a trial: the table
        of :func:`pdpsych.analysis.read_trials`.
    curves
        Columns threshold, exponent, lapse: samples of the curve, as
        :meth:`pdpsych.analysis.Fit.curves` returns them.
    condition
        Participant, image, pair, distortion.
    dimension
        D = C·H·W of the image: RMS contrast is α/√D.
    level
        Probability of the band and of the intervals of proportions.
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
    ax = ax or new_axes(3.6, 2.8)
    contrast = draw_answers(ax, trials, condition, dimension=dimension, level=level)
    if len(contrast):
        _draw_curve(ax, curves, contrast, dimension, level)
    return finish(ax, condition)


def draw_answers(
    ax: Axes, trials: pd.DataFrame, condition: Condition, *, dimension: int, level: float
) -> Floats:
    """Draw proportions of correct answers in bins, and return the RMS contrast of all trials."""
    rows = trials[_matches(trials, CONDITION, condition) & (trials["amplitude"] > 0)]
    contrast = rows["amplitude"].to_numpy(dtype=float) / np.sqrt(dimension)
    if len(contrast):
        middle, share, below, above = _bins(contrast, rows["correct"].to_numpy(float), level)
        ax.errorbar(
            middle, share, np.array([below, above]), fmt="o", color=BLACK, markersize=4, linewidth=1
        )
    return contrast


def finish(ax: Axes, condition: Condition) -> Axes:
    """Give the axes of a psychometric function their scales, labels and title."""
    participant, image, pair, number = condition
    ax.axhline(0.5, color=GREY, linewidth=0.8, linestyle=":")
    ax.set_xscale("log")
    ax.set_ylim(0, 1.03)
    _log_ticks(ax)
    ax.set_xlabel("RMS contrast α/√D")
    ax.set_ylabel("proportion correct")
    ax.set_title(f"{participant} · {image} · {pair} {'uv'[number - 1]}", fontsize="small")
    return clean(ax)


def _bins(contrast: Floats, correct: Floats, level: float) -> tuple[Floats, ...]:
    """Return mean contrast, proportion, and Wilson's interval of bins with as many trials each."""
    number = int(np.clip(len(contrast) // 10, 1, 8))
    parts = np.array_split(np.argsort(contrast, kind="stable"), number)
    middle = np.array([np.exp(np.log(contrast[part]).mean()) for part in parts])
    count = np.array([len(part) for part in parts])
    share = np.array([correct[part].mean() for part in parts])
    low, high = wilson(share * count, count, level)
    return middle, share, np.maximum(share - low, 0), np.maximum(high - share, 0)


def _draw_curve(
    ax: Axes, curves: pd.DataFrame, contrast: Floats, dimension: int, level: float
) -> None:
    x = np.geomspace(contrast.min() * 0.8, contrast.max() * 1.25, 200)
    parameters = (curves[[name]].to_numpy() for name in ("threshold", "exponent", "lapse"))
    drawn = proportion_correct(x * np.sqrt(dimension), *parameters)
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
