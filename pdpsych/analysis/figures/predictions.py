"""Figures of what models predict of people's answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdpsych.analysis.figures.psychometric import (
    Condition,
    draw_answers,
    finish,
    psychometric_panels,
)
from pdpsych.analysis.names import CONDITION
from pdpsych.analysis.scoring.questions import NO_PART
from pdpsych.analysis.tasks.links import LINKS, TWO
from pdpsych.common.drawing import BLUE, GREY, SERIES, clean, in_lines, name_rows, new_axes

_STYLES = ("-", "--", "-.", ":")
# Of the label of an axis, letters a line.
_LINE = 60


def plot_predictive(
    ranking: pd.DataFrame,
    *,
    kind: str = "principal",
    level: float = 0.95,
    ax: Axes | None = None,
) -> Axes:
    """Draw how much worse than the best each model predicts answers, with intervals.

    Parameters
    ----------
    ranking
        Columns kind, model, took_part, log_probability, difference, difference_low,
        difference_high: the table ``predictive_ranking`` of :class:`pdpsych.analysis.Scores`.
    kind
        Kind of distortions.
    level
        Probability of the intervals.
    ax
        Axes to draw on, new ones by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from pdpsych import analysis
    >>> table = pd.DataFrame({"kind": "principal", "model": ["LGN", "LN"], "took_part": True})
    >>> table = table.assign(log_probability=[-0.45, -0.49], difference=[0.0, 0.04])
    >>> table = table.assign(difference_low=[0.0, 0.03], difference_high=[0.0, 0.05])
    >>> ax = analysis.plot_predictive(table)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['LGN', 'LN']
    """
    table = ranking[ranking["kind"] == kind]
    ax = ax or new_axes(6, 1.9 + 0.38 * len(table))
    y = np.arange(len(table))
    best = table.iloc[0]
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.hlines(y, -table["difference_high"], -table["difference_low"], color=BLUE, linewidth=2)
    ax.plot(-table["difference"], y, "o", color=BLUE, markersize=7)
    name_rows(ax, y, _names(table))
    ax.set_ylim(len(table) - 0.5, -0.5)
    compared = f"{best['model']}, \N{MINUS SIGN}{-best['log_probability']:.3f}  [nat]"
    text = in_lines(f"log probability per trial, minus that of {compared}", _LINE)
    ax.set_xlabel(f"{text}\n{100 * level:g} % intervals")
    ax.set_title(f"predictive score, {kind} distortions")
    return clean(ax)


def _names(table: pd.DataFrame) -> list[str]:
    return [
        name + ("" if taken else NO_PART)
        for name, taken in zip(table["model"], table["took_part"], strict=True)
    ]


def plot_predicted(
    trials: pd.DataFrame,
    curves: pd.DataFrame,
    condition: Condition,
    *,
    dimension: int,
    level: float = 0.95,
    task: str = TWO.name,
    ax: Axes | None = None,
) -> Axes:
    """Draw the answers to a condition, and what each model predicts of them.

    Parameters
    ----------
    trials
        Columns participant, image, pair, distortion, amplitude, correct, a row a trial: the table
        of :func:`pdpsych.analysis.read_trials`.
    curves
        Columns model, amplitude, correct: the proportion correct that each model predicts, up to
        the largest amplitude at which it is known.
    condition
        Participant, image, pair, distortion.
    dimension
        D = C·H·W of the image: RMS contrast is α/√D.
    level
        Probability of the intervals of proportions.
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
    >>> curves = pd.DataFrame({"model": "LGN", "amplitude": [0.5, 2.0], "correct": [0.6, 0.9]})
    >>> ax = analysis.plot_predicted(trials, curves, tuple(where.values()), dimension=256)
    >>> [line.get_label() for line in ax.get_lines()][-2]
    'LGN'
    """
    ax = ax or new_axes(3.6, 2.8)
    draw_answers(ax, trials, condition, dimension=dimension, level=level)
    for number, (model, rows) in enumerate(curves.groupby("model", sort=False)):
        ax.plot(
            rows["amplitude"] / np.sqrt(dimension),
            rows["correct"],
            _STYLES[number // len(SERIES) % len(_STYLES)],
            color=SERIES[number % len(SERIES)],
            label=str(model),
        )
    return finish(ax, condition, dimension, LINKS[task])


def predicted_panels(
    trials: pd.DataFrame,
    curves: pd.DataFrame,
    conditions: Sequence[tuple[Condition, int]],
    level: float,
    task: str = TWO.name,
) -> Figure:
    """Draw :func:`plot_predicted` of conditions, each with its dimension, in panels.

    ``curves`` has columns participant, image, pair, distortion besides those it draws.
    """
    known = dict(list(curves.groupby(CONDITION)))
    dimensions = dict(conditions)

    def draw(condition: Condition, ax: Axes) -> None:
        # Nothing is predicted of what has no room in the gamut.
        own, dimension = known.get(condition, curves[:0]), dimensions[condition]
        plot_predicted(trials, own, condition, dimension=dimension, level=level, task=task, ax=ax)

    figure = psychometric_panels(list(dimensions), draw)
    models = [[line for line in ax.lines if str(line.get_label())[0] != "_"] for ax in figure.axes]
    handles = max(models, key=len)
    figure.legend(handles=handles, loc="outside upper center", ncols=6, frameon=False)
    return figure
