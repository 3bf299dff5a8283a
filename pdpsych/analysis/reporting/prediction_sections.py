"""The sections of a report about what models predict at the amplitudes that people were shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from pdpsych.analysis.names import CONDITION
from pdpsych.analysis.prediction.curves import predicted_curves
from pdpsych.analysis.reporting.findings import Findings
from pdpsych.analysis.reporting.markup import html_table, number, with_interval
from pdpsych.analysis.scoring.questions import NO_PART
from pdpsych.analysis.words import capitalised

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# More would be scrolled past; curves of more models cannot be told apart.
_MOST_PAIRS = 6
_MOST_MODELS = 7


def predictive(found: Findings) -> str:
    """Rank the models by the log probability of people's answers."""
    scores, parts = found.scores, []
    for kind, rows in found.by_kind(scores.predictive_ranking):
        shown = pd.DataFrame(
            {
                "rank": rows["rank"],
                "model": rows["model"].where(rows["took_part"], rows["model"] + NO_PART),
                "log probability per trial [nat]": rows["log_probability"].map(_text),
                "less than the best [nat]": with_interval(
                    rows, "difference", "difference_low", "difference_high", 4
                ).where(rows["rank"] > 1, "–"),
            }
        )
        parts.append(html_table(shown, _caption(found, kind, rows.iloc[0])))
        drawn = cast("Figure", scores.plot_predictive(kind=kind).figure)
        stated = "; ".join(f"{model}: {text}" for model, text in shown.iloc[:, 1:3].to_numpy())
        text = f"Log probability per trial, {kind} distortions. {stated} nats."
        parts.append(found.gallery.show(drawn, f"predictive-{kind}", text))
    return "\n".join(parts)


def _caption(found: Findings, kind: str, first: pd.Series) -> str:
    text = (
        f"{capitalised(kind)} distortions; images: {first['images']}, trials: {first['trials']}. "
        "Each image’s answers are predicted from what the model sees at the amplitude and sign of "
        "each trial; efficiency, exponent and what the model leaves unexplained are as the other "
        f"images leave them. {100 * found.scores.level:g} % intervals."
    )
    if found.of_two:
        text += f" A coin would have {_text(-np.log(2))}."
    if first["beyond"]:
        text += (
            f" Left out: {first['beyond']} trials above the largest amplitude at which some model "
            "is known."
        )
    limits = found.scores.predictive_ceiling
    limits = limits[limits["kind"] == kind]
    if limits.empty:
        return text
    return (
        f"{text} By the thresholds of the other participants: {_text(limits['others'].iloc[0])}; "
        f"of all: {_text(limits['everyone'].iloc[0])}."
    )


def _text(log_probability: float) -> str:
    return number(log_probability, 4)


def at_threshold(found: Findings) -> str:
    """Rank the models by equation 1 with the thresholds that they predict."""
    scores, parts = found.scores, []
    for kind, rows in found.by_kind(scores.at_threshold_ranking):
        at_least = np.where(rows["bounds"] > 0, "at least ", "")
        shown = pd.DataFrame(
            {
                "rank": rows["rank"],
                "model": rows["model"].where(rows["took_part"], rows["model"] + NO_PART),
                "mean score [nat]": at_least + with_interval(rows, "score", "low", "high"),
                "ratios that are bounds": rows["bounds"],
                "efficiency": np.where(rows["identified"], "identified", "not identified"),
            }
        )
        caption = (
            f"{capitalised(kind)} distortions; {100 * scores.level:g} % intervals. The "
            "threshold of a model is the first amplitude at which it is right as often as a person "
            "is at threshold, its efficiency k from all thresholds of the person. One that is not "
            "reached at any known amplitude is a bound, and the score at least so much. Where "
            "what a model sees hardly grows at people’s thresholds, they do not tell k: not "
            "identified."
        )
        parts.append(html_table(shown, caption))
    return "\n".join(parts)


def curves(found: Findings) -> str:
    """Draw what each model predicts beside people's answers, condition by condition."""
    from pdpsych.analysis.figures.predictions import predicted_panels

    evidence, ranking = found.evidence, found.scores.predictive_ranking
    if evidence is None or ranking.empty:
        return ""
    best = pd.concat([rows["model"] for _, rows in found.by_kind(ranking)])
    known = [model for model in dict.fromkeys(best) if model in found.opened.models]
    every = list(found.fit.thresholds[CONDITION].itertuples(index=False, name=None))
    pairs = list(dict.fromkeys(condition[:3] for condition in every))
    pick = np.linspace(0, len(pairs) - 1, min(_MOST_PAIRS, len(pairs))).astype(int)
    shown = [c for c in every if c[:3] in {pairs[i] for i in pick}]
    drawn = predicted_curves(found.fit, evidence, known[:_MOST_MODELS], shown)
    # Nothing is known of models at what has no room in the gamut.
    known_of = set(drawn[CONDITION[:3]].itertuples(index=False, name=None))
    shown = [c for c in shown if c[:3] in known_of]
    if not shown:
        return ""
    dimensions = [(c, found.opened[c[1]].dimension) for c in shown]
    task = found.fit.posterior(shown[0][0]).observations.link.name
    figure = predicted_panels(found.trials.table, drawn, dimensions, found.fit.level, task)
    return found.gallery.show(
        figure,
        "predicted",
        "Proportion correct against RMS contrast with the curves that models predict",
        f"{len(shown)} of {len(every)} conditions; the best {len(known[:_MOST_MODELS])} models of "
        f"the set. Dots: trials in bins of equal number, with {100 * found.fit.level:g} % binomial "
        "intervals. Curves: what a model predicts, mean over both signs, up to the largest "
        "amplitude at which it is known, at the efficiency that fits the answers to the pair best: "
        "u and v share it, so that one curve too far left and one too far right is what a model "
        "gets wrong.",
    )
