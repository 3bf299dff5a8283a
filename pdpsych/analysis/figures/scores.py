"""Figures; each function draws into one Axes and returns it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdpsych.analysis.names import EVERYONE, Floats
from pdpsych.analysis.scoring.questions import NO_PART
from pdpsych.common.drawing import BAND, BLACK, BLUE, GREY, ORANGE, clean, new_axes

Condition = tuple[str, str, str, int]
_MOST_BESIDE = 3


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
    its row, a bar the mean over images. The human's dots have the intervals of the analysis. Which
    of a pair's distortions is u changes signs only; other than random pairs are turned so that
    models deviate from their mean as on the first image.

    Parameters
    ----------
    scores
        Columns image, pair, kind, model, log_ratio: that table of
        :class:`pdpsych.analysis.Scores`.
    human
        Columns participant, image, pair, kind, log_ratio, low, high: that table of the same;
        what stands there for participant "all" is drawn.
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
    >>> human = pairs.assign(participant="all", log_ratio=1.3, low=1.0, high=1.6)
    >>> ax = analysis.plot_log_ratios(scores, human)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['LN', 'LGN', 'Human']
    """
    ax = ax or new_axes(5, 3.2)
    models = scores[scores["kind"] == kind]
    human = human[(human["kind"] == kind) & (human["participant"] == EVERYONE)]
    if pair is not None:
        models, human = (table[table["pair"] == pair] for table in (models, human))
    if kind != "random":
        models, human = _turned(models, human)
    names = [*dict.fromkeys(models["model"]), "Human"]
    ax.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    for row, name in enumerate(names):
        rows = human if name == "Human" else models[models["model"] == name]
        columns = ["log_ratio", "low", "high"] if name == "Human" else ["log_ratio"]
        by_image = rows.groupby("image", sort=True)[columns].mean()
        x = by_image["log_ratio"].to_numpy()
        y = row + np.linspace(-0.28, 0.28, len(x)) if len(x) > 1 else np.array([float(row)])
        colour = ORANGE if name == "Human" else BLUE
        if name == "Human":
            ax.hlines(y, by_image["low"], by_image["high"], color=colour, linewidth=1.2)
        ax.vlines(x.mean(), row - 0.38, row + 0.38, color=BLACK, linewidth=2)
        ax.plot(x, y, "o", color=colour, markersize=5, markeredgecolor="white", zorder=3)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.45, -0.55)
    ax.set_xlabel("log sensitivity ratio  log d(u)/d(v)  [nat]")
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
        (kind, pair) for kind in dict.fromkeys(scores["kind"]) for pair in _pairs(scores, kind)
    ]
    columns = min(len(drawn), _MOST_BESIDE)
    rows = -(-len(drawn) // columns)
    size = (max(4.2 * columns, 6), rows * (1.3 + 0.42 * (scores["model"].nunique() + 1)))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for (kind, pair), ax in zip(drawn, axes, strict=False):
        plot_log_ratios(scores, human, kind=kind, pair=pair, ax=ax)
    for ax in axes[len(drawn) :]:
        ax.set_axis_off()
    for ax in axes[len(drawn) - columns : len(drawn)]:
        # There may be none below.
        ax.tick_params(labelbottom=True)
    return figure


def _pairs(scores: pd.DataFrame, kind: str) -> list[str | None]:
    """Return the pairs of a kind to draw apart; None for all together."""
    own = scores[scores["kind"] == kind]
    several = own.groupby("image")["pair"].nunique().max() > 1
    return list(dict.fromkeys(own["pair"])) if several and kind != "random" else [None]


def plot_scores(
    ranking: pd.DataFrame,
    ceiling: pd.DataFrame | None = None,
    *,
    kind: str = "principal",
    level: float = 0.95,
    ax: Axes | None = None,
) -> Axes:
    """Draw each model's mean score with its interval, and how close it could have come.

    The band ends at the score of a perfect model. With several participants, open squares are
    mean distances to single participants, to be compared with the noise ceiling, the hatched
    band: participants predicted by the mean of the others, or of all. The shade around it goes
    from the lower end of the interval of one to the upper end of that of the other.

    Parameters
    ----------
    ranking
        Columns kind, model, took_part, score, low, high, expected_perfect, individual: that table
        of :class:`pdpsych.analysis.Scores`.
    ceiling
        Columns kind, everyone, others and the ends of their intervals: that table of the same;
        without it no noise ceiling is drawn.
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
    >>> table = table.assign(score=[0.3, 1.2], low=[0.2, 1.0], high=[0.4, 1.4])
    >>> ax = analysis.plot_scores(table.assign(expected_perfect=0.25, individual=[0.4, 1.3]))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['LGN', 'LN']
    """
    table = ranking[ranking["kind"] == kind]
    ax = ax or new_axes(6, 1.9 + 0.38 * len(table))
    y = np.arange(len(table))
    perfect = float(table["expected_perfect"].iloc[0])
    ax.axvspan(0, perfect, color=BAND, zorder=0, label=f"a perfect model: {perfect:.2f}")
    if ceiling is not None and kind in set(ceiling["kind"]):
        limits = ceiling[ceiling["kind"] == kind].iloc[0]
        _draw_ceiling(limits, table["individual"].to_numpy(), level, ax)
    ax.hlines(y, table["low"], table["high"], color=BLUE, linewidth=2)
    ax.plot(table["score"], y, "o", color=BLUE, markersize=7, label="to the mean of all")
    names = [
        name + ("" if taken else NO_PART)
        for name, taken in zip(table["model"], table["took_part"], strict=True)
    ]
    ax.set_yticks(y, names)
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("mean |log ratio of model − log ratio of human|  [nat]")
    ax.set_title(f"distance to the human, {kind} distortions")
    ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return clean(ax)


def _draw_ceiling(limit: pd.Series, individual: Floats, level: float, ax: Axes) -> None:
    ax.axvspan(
        limit["everyone"], limit["others"], zorder=0, facecolor="none", edgecolor=ORANGE,
        hatch="////", linewidth=0, label="noise ceiling",
    )  # fmt: skip
    ax.axvspan(
        limit["everyone_low"], limit["others_high"], zorder=0, facecolor=ORANGE, alpha=0.12,
        linewidth=0, label=f"its {100 * level:g} % interval",
    )  # fmt: skip
    # Beside the dots, which they would cover.
    ax.plot(
        individual, np.arange(len(individual)) + 0.22, "s", color=ORANGE, markersize=5,
        markerfacecolor="white", label="to single participants",
    )  # fmt: skip


def _turned(models: pd.DataFrame, human: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Swap u and v of the pairs on which models deviate opposite to the first pair."""
    wide = models.pivot(index="model", columns=["image", "pair"], values="log_ratio")
    deviation = wide - wide.mean()
    sign = np.sign(deviation.T @ deviation.iloc[:, 0]).replace(0.0, 1.0).rename("sign")
    turned = []
    for table in (models, human):
        signs = table.join(sign, on=["image", "pair"])["sign"]
        columns = [c for c in ("log_ratio", "low", "high") if c in table]
        turned.append(table.assign(**{column: table[column] * signs for column in columns}))
    return turned[0], turned[1]
