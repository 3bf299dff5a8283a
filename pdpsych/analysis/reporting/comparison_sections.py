"""The sections of a report that put models beside each other and beside people."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pandas as pd

from pdpsych.analysis.names import EVERYONE
from pdpsych.analysis.reporting.findings import Findings
from pdpsych.analysis.reporting.markup import html_table, p_text, with_interval
from pdpsych.analysis.scoring.scores import Scores
from pdpsych.analysis.turned import against
from pdpsych.analysis.words import capitalised

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# More would be scrolled past.
_MOST_PANELS = 6
# Share of predicted ratios that have to be known for these to be drawn.
_LEAST_KNOWN = 0.5


def sides(found: Findings) -> str:
    """State, for the best model and each other, which of both people are at."""
    from pdpsych.analysis.figures.sides import plot_sides

    parts, level = [], found.scores.level
    for kind, rows in found.by_kind(found.scores.sides):
        best = found.ranked(kind)[0]
        drawn = cast("Figure", plot_sides(rows, best, kind=kind, level=level).figure)
        shown = _stated(against(rows, best).sort_index())
        stated = "; ".join(f"{name}: {side}" for name, side in shown.iloc[:, :2].to_numpy())
        alternative = (
            f"Where people are between {best} (1) and each other model (\N{MINUS SIGN}1), {kind} "
            f"distortions. {stated}."
        )
        caption = (
            f"Where people’s answers are between {best} and each other model. Framed and bold: "
            "separated, the interval leaves half-way out. This is what the conclusion rests on; "
            "all else describes."
        )
        below = (
            f"{capitalised(kind)} distortions. A side is 1 where people are at {best}, 0 half-way, "
            f"\N{MINUS SIGN}1 at the other model; {100 * level:g} % intervals. All pairs of models "
            "are in sides.csv."
        )
        parts.append(found.gallery.show(drawn, f"sides-{kind}", alternative, caption))
        parts.append(html_table(shown, below))
    return "\n".join(parts)


def _stated(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": rows["other"],
            "side of people": with_interval(rows, "side", "low", "high"),
            "p": rows["p_value"].map(p_text),
            "separated": rows["separated"].map({True: "yes", False: "no"}),
        }
    )


def images(found: Findings) -> str:
    """Draw models and people image by image, on other than random distortions."""
    scores, parts = found.scores, []
    people = scores.human[scores.human["participant"] == EVERYONE]
    known = people[people["log_ratio"].notna()]
    asked = [kind for kind, _ in found.by_kind(known)]
    for kind in [kind for kind in asked if kind != "random"] or asked:
        table, whose = drawn_ratios(scores, kind)
        there = set(table["model"])
        models = [model for model in found.ranked(kind) if model in there]
        parts += _image_figures(found, kind, table, models, whose)
    return "\n".join(parts)


def drawn_ratios(scores: Scores, kind: str) -> tuple[pd.DataFrame, str]:
    """Return log ratios of models on a kind, and in words whose they are.

    Those of predicted thresholds, if most are known, else those of sensitivities.
    """
    table = scores.at_threshold[scores.at_threshold["kind"] == kind]
    if table["log_ratio"].notna().sum() <= _LEAST_KNOWN * len(table):
        return scores.scores[scores.scores["kind"] == kind], "of sensitivities"
    return table, "of the thresholds that models predict"


def _image_figures(
    found: Findings, kind: str, table: pd.DataFrame, models: list[str], whose: str
) -> list[str]:
    """Draw images as lines through all ratios, and each model against the human."""
    from pdpsych.analysis.figures.agreement import agreement_panels
    from pdpsych.analysis.figures.ratios import MOST_MODELS, image_panels

    human, level = found.scores.human, 100 * found.scores.level
    told = models[:MOST_MODELS]
    rest = f" Grey: the other {len(models) - len(told)} models." if len(models) > len(told) else ""
    panels = models[:_MOST_PANELS]
    best = f"the best {len(panels)} of {len(models)}" if len(models) > len(panels) else "all"
    return [
        found.gallery.show(
            image_panels(table, human, told, kind),
            f"images-{kind}",
            f"Log ratios of {', '.join(told)} and the human, a row an image, {kind} distortions",
            f"Image by image, {kind} distortions: log ratios {whose} and of people. Bar and broad "
            f"line: the human with the {level:g} % interval; arrows: bounds. A mark away from the "
            f"bar is where a model leaves people.{rest}",
        ),
        found.gallery.show(
            agreement_panels(table, human, panels, kind),
            f"agreement-{kind}",
            f"Log ratios of {', '.join(panels)} over those of the human, {kind} distortions",
            f"Models against the human, {kind} distortions, {best} models: log ratios {whose}. A "
            f"dot is an image and pair, its line the human’s {level:g} % interval; arrows: bounds. "
            "On the diagonal a model sees like people.",
        ),
    ]


def ratios(found: Findings) -> str:
    """Draw the log sensitivity ratios of the models and the human."""
    from pdpsych.analysis.figures.ratios import log_ratio_panels

    scores = found.scores
    return found.gallery.show(
        log_ratio_panels(scores.scores, scores.human),
        "log-ratios",
        "Log sensitivity ratios by model and kind of distortion",
        "Log sensitivity ratios of the models and the human. A dot is an image, a bar the mean "
        f"over images; human with {100 * scores.level:g} % intervals, arrows where they are "
        "bounds. Which of a pair is called u changes the sign only; it is chosen so that images "
        "agree.",
    )
