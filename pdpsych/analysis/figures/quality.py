"""Figures of how good the data are: response times, residuals, frames."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from pdpsych.analysis.binomial import wilson
from pdpsych.common.drawing import BLACK, BLUE, GREY, MARKERS, SERIES, clean, new_axes, new_figure

# Parts of a participant's trials in order, over which residuals are averaged.
_PARTS = 10
# More participants than these are drawn in one colour.
_MOST_SERIES = len(SERIES)


def plot_response_times(trials: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw each participant's response times: median, quartiles, and 5th to 95th percentile.

    Parameters
    ----------
    trials
        Columns participant and response_time (s), a row a trial; those without a response time,
        as of most simulated participants, are left out.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> table = pd.DataFrame({"participant": ["01", "01", "02"], "response_time": [0.4, 0.6, 1.0]})
    >>> ax = analysis.plot_response_times(table)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['01', '02']
    """
    timed = trials[trials["response_time"] > 0]
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    table = timed.groupby("participant", sort=True)["response_time"].quantile(levels).unstack()
    ax = ax or new_axes(4, 1.4 + 0.25 * len(table))
    y = np.arange(len(table))
    if len(table):
        ax.hlines(y, table[0.05], table[0.95], color=BLUE, linewidth=1)
        ax.hlines(y, table[0.25], table[0.75], color=BLUE, linewidth=5)
        ax.plot(table[0.5], y, "|", color=BLACK, markersize=11, markeredgewidth=2)
        _on_log_axis(ax)
        ax.set_ylim(len(table) - 0.5, -0.5)
    else:
        ax.text(0.5, 0.5, "no response times", ha="center", transform=ax.transAxes)
        ax.set_axis_off()
    ax.set_yticks(y, list(table.index))
    ax.set_xlabel("response time [s]")
    ax.set_ylabel("participant")
    return clean(ax)


def plot_residuals_by_signal(bins: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw proportion correct less what the fit expects, by d′, for each participant.

    Bars are intervals by the trials of a bin alone.

    Parameters
    ----------
    bins
        Columns participant, signal, proportion_correct, expected_correct, low, high: that table of
        :class:`pdpsych.analysis.Fit`.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> table = pd.DataFrame({"participant": "01", "signal": [0.5, 2.0]}).assign(
    ...     proportion_correct=[0.6, 0.9], expected_correct=[0.63, 0.92], low=0.5, high=0.95
    ... )
    >>> analysis.plot_residuals_by_signal(table).get_xlabel()
    'd′ by earlier trials'
    """
    ax = ax or new_axes(4, 3)
    for name, rows, colour, marker in _participants(bins):
        residual = rows["proportion_correct"] - rows["expected_correct"]
        error = [
            rows["proportion_correct"] - rows["low"],
            rows["high"] - rows["proportion_correct"],
        ]
        ax.errorbar(
            rows["signal"], residual, np.maximum(error, 0), fmt=marker, color=colour, label=name,
            markersize=4, linewidth=0.8,
        )  # fmt: skip
    _on_log_axis(ax)
    ax.set_xlabel("d′ by earlier trials")
    return _around_zero(ax)


def plot_residuals_by_order(
    trials: pd.DataFrame, *, level: float = 0.95, ax: Axes | None = None
) -> Axes:
    """Draw proportion correct less what the fit expects, from first to last trials.

    Tenths of each participant's trials. Steady learning is in the fit; what is left is a warm-up,
    fatigue, or a lapse of attention.

    Parameters
    ----------
    trials
        Columns participant, order, correct, expected, a row a trial, as
        :meth:`pdpsych.analysis.Fit.with_expected` returns them.
    level
        Probability of the intervals.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> table = pd.DataFrame({"participant": "01", "order": range(40), "expected": 0.75})
    >>> ax = analysis.plot_residuals_by_order(table.assign(correct=table["order"] % 4 > 0))
    >>> ax.get_xlabel()
    'order of trials, first to last'
    """
    ax = ax or new_axes(4, 3)
    for name, rows, colour, marker in _participants(trials):
        ordered = rows.sort_values("order")
        places = np.array_split(np.arange(len(rows)), min(_PARTS, len(rows)))
        parts = [ordered.iloc[place] for place in places]
        counts = np.array([len(part) for part in parts])
        share = np.array([part["correct"].mean() for part in parts])
        expected = np.array([part["expected"].mean() for part in parts])
        low, high = wilson(share * counts, counts, level)
        x = (np.arange(len(parts)) + 0.5) / len(parts)
        error = np.maximum([share - low, high - share], 0)
        ax.errorbar(
            x, share - expected, error, fmt=f"{marker}-", color=colour, label=name, markersize=4,
            linewidth=0.8,
        )  # fmt: skip
    ax.set_xlabel("order of trials, first to last")
    return _around_zero(ax)


def plot_dropped_frames(dropped: pd.Series, *, ax: Axes | None = None) -> Axes:
    """Draw in how many trials frames were dropped, for each session.

    Parameters
    ----------
    dropped
        Number of dropped frames of each trial, with the name of the session as index.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> dropped = pd.Series([0, 2, 0, 0], index=["first", "first", "second", "second"])
    >>> [float(bar.get_width()) for bar in analysis.plot_dropped_frames(dropped).patches]
    [50.0, 0.0]
    """
    trials = (dropped > 0).groupby(level=0, sort=True).agg(["sum", "size"])
    ax = ax or new_axes(4, 1.4 + 0.25 * len(trials))
    y = np.arange(len(trials))
    ax.barh(y, 100 * trials["sum"] / trials["size"], color=BLUE)
    ax.set_yticks(y, list(trials.index))
    ax.set_ylim(len(trials) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("trials with dropped frames [%]")
    return clean(ax)


def quality_panels(trials: pd.DataFrame, bins: pd.DataFrame, *, level: float = 0.95) -> Figure:
    """Draw response times, where there are any, and both residuals side by side.

    Parameters
    ----------
    trials
        As for :func:`plot_residuals_by_order`, with response_time.
    bins
        As for :func:`plot_residuals_by_signal`.
    level
        Probability of the intervals over trials.
    """
    people = trials["participant"].nunique()
    timed = bool((trials["response_time"] > 0).any())
    size = (10.5 if timed else 8.0, max(3.0, 1.4 + 0.25 * people))
    figure = new_figure(*size)
    *times, signal, order = figure.subplots(1, 2 + timed)
    if timed:
        plot_response_times(trials, ax=times[0])
    plot_residuals_by_signal(bins, ax=signal)
    plot_residuals_by_order(trials, level=level, ax=order).set_ylabel("")
    if people <= _MOST_SERIES:
        figure.legend(
            *order.get_legend_handles_labels(),
            loc="outside right center",
            frameon=False,
            fontsize="small",
            title="participant",
        )
    return figure


def _participants(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, str, str]]:
    groups = table.groupby("participant", sort=True)
    few = groups.ngroups <= _MOST_SERIES
    looks = zip(cycle(SERIES if few else (GREY,)), cycle(MARKERS))
    for (name, rows), look in zip(groups, looks, strict=False):
        yield str(name), rows, *look


def _on_log_axis(ax: Axes) -> None:
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter("{x:.3g}")
    ax.xaxis.set_minor_formatter("")


def _around_zero(ax: Axes) -> Axes:
    ax.axhline(0, color=BLACK, linewidth=0.8)
    reach = max(abs(limit) for limit in ax.get_ylim())
    ax.set_ylim(-reach, reach)
    ax.set_ylabel("proportion correct − expected")
    return clean(ax)
