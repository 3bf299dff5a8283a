"""The sections of a report, each a function from what was found to its HTML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from pdpsych.analysis.fitting.exclusion import describe_excluded
from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.names import CONDITION
from pdpsych.analysis.reporting.findings import Findings
from pdpsych.analysis.reporting.markup import Gallery, html_table, p_text, with_interval
from pdpsych.analysis.reporting.methods import methods
from pdpsych.analysis.scoring.questions import NO_PART
from pdpsych.analysis.scoring.scores import Scores
from pdpsych.analysis.scoring.separation import gain_over_random
from pdpsych.analysis.words import capitalised
from pdpsych.experiments.logs.session_log import SessionLog

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# More would be scrolled past; the results folder has the numbers of all.
_MOST_CURVES = 12
_MOST_PAIRS_OF_MODELS = 15


def ranking(found: Findings) -> str:
    """Rank the models by their mean distance to the human."""
    scores, gallery = found.scores, found.gallery
    parts = []
    for kind, rows in scores.ranking.groupby("kind", sort=False):
        shown = pd.DataFrame(
            {
                "rank": rows["rank"],
                "model": rows["model"].where(rows["took_part"], rows["model"] + NO_PART),
                "mean score [nat]": with_interval(rows, "score", "low", "high"),
                "median score [nat]": with_interval(rows, "median", "median_low", "median_high"),
                "difference to the closest [nat]": with_interval(
                    rows, "difference", "difference_low", "difference_high"
                ).where(rows["rank"] > 1, "–"),
                "to single participants [nat]": rows["individual"].map("{:.2f}".format),
            }
        )
        parts.append(html_table(shown, _ranking_caption(scores, str(kind), rows.iloc[0])))
        drawn = _of(scores.plot(kind=str(kind)))
        parts.append(gallery.show(drawn, f"scores-{kind}", f"Scores, {kind} distortions."))
    return "\n".join([*parts, f"<p>{escape(gain_over_random(scores.separation))}</p>"])


def _ranking_caption(scores: Scores, kind: str, first: pd.Series) -> str:
    asked = scores.source.get("questions", {})
    about = f", {asked[kind]}" if kind in asked else ""
    local = ""
    if len(scores.predictive_ranking):
        local = "By local sensitivities, as though models were linear up to thresholds. "
    text = (
        f"{local}{capitalised(kind)} distortions{about}; images: {first['images']}; "
        f"{100 * scores.level:g} % intervals. With data as noisy as these a perfect model "
        f"would score about {first['expected_perfect']:.2f}."
    )
    if not scores.ranking[scores.ranking["kind"] == kind]["took_part"].all():
        text += f"{NO_PART}: the distortions were chosen by other models."
    limits = scores.ceiling[scores.ceiling["kind"] == kind]
    if limits.empty:
        return text
    bounds = ("everyone", "others")
    if limits["determined"].iloc[0]:
        ends = [with_interval(limits, b, f"{b}_low", f"{b}_high").iloc[0] for b in bounds]
    else:
        ends = [f"{limits[b].iloc[0]:.2f}" for b in bounds]
        ends[1] += ", which so few people and images do not determine"
    return (
        f"{text} Noise ceiling, the distance of single participants to the mean of all and to that "
        f"of the others: {' to '.join(ends)}. No model is expected to come closer to single "
        "participants, the last column, than about that."
    )


def differences(found: Findings) -> str:
    """Compare all pairs of models."""
    from pdpsych.analysis.figures.comparisons import plot_differences

    scores, gallery = found.scores, found.gallery
    parts = []
    for kind, rows in scores.sides.groupby("kind", sort=False):
        drawn = _of(plot_differences(rows, kind=str(kind)))
        parts.append(
            gallery.show(
                drawn,
                f"differences-{kind}",
                f"On whose side people are, of all pairs of models, {kind} distortions.",
                "1 where people are at the model of the column, 0 half-way, \N{MINUS SIGN}1 at "
                "that of the row. Framed: separated, the interval leaves 0 out.",
            )
        )
        shown = rows.head(_MOST_PAIRS_OF_MODELS)
        parts.append(
            html_table(
                pd.DataFrame(
                    {
                        "closer": shown["model"],
                        "further": shown["other"],
                        "side": with_interval(shown, "side", "low", "high"),
                        "p": shown["p_value"].map(p_text),
                        "separated": shown["separated"].map({True: "yes", False: "no"}),
                    }
                ),
                f"{capitalised(str(kind))} distortions; {100 * scores.level:g} % intervals; "
                f"{len(shown)} of {len(rows)} pairs, all are in sides.csv.",
            )
        )
    return "\n".join(parts)


def ratios(found: Findings) -> str:
    """Draw the log sensitivity ratios of the models and the human."""
    from pdpsych.analysis.figures.scores import log_ratio_panels

    scores = found.scores
    return found.gallery.show(
        log_ratio_panels(scores.scores, scores.human),
        "log-ratios",
        "Log sensitivity ratios by model and kind of distortion",
        "Log sensitivity ratios of the models and the human. A dot is an image, a bar the mean "
        f"over images; human with {100 * scores.level:g} % intervals. Which of a pair "
        "is called u changes the sign only; it is chosen so that images agree.",
    )


def participants(found: Findings) -> str:
    """List the participants with what they share over conditions, and flags."""
    fit = found.fit
    rows = fit.participants
    shown = pd.DataFrame(
        {
            "participant": rows["participant"],
            "exponent b": with_interval(rows, "exponent", "exponent_low", "exponent_high"),
            "lapse λ": with_interval(rows, "lapse", "lapse_low", "lapse_high", 3),
            "trials": rows["trials"],
            "correct": rows["proportion_correct"].map("{:.0%}".format),
            "flags": rows["flags"].where(rows["flags"] != "", "none"),
        }
    )
    caption = f"{100 * fit.level:g} % intervals; trials {describe_excluded(fit.excluded)}."
    return html_table(shown, caption)


def thresholds(found: Findings) -> str:
    """Map the thresholds of participants and conditions."""
    return found.gallery.show(
        _of(found.fit.plot(found.opened)),
        "thresholds",
        "Thresholds of participants and conditions",
        "Thresholds in RMS contrast. Cross: not determined by the trials; dot: outside the "
        "amplitudes shown. All are in thresholds.csv, with intervals.",
    )


def curves(found: Findings) -> str:
    """Draw some of the psychometric functions."""
    from matplotlib.figure import Figure

    trials, fit = found.trials, found.fit
    every = list(fit.thresholds[CONDITION].itertuples(index=False, name=None))
    # Whole pairs, evenly over participants and images: u beside v.
    pairs = list(dict.fromkeys(condition[:3] for condition in every))
    pick = np.linspace(0, len(pairs) - 1, min(_MOST_CURVES // 2, len(pairs))).astype(int)
    shown = [c for c in every if c[:3] in {pairs[i] for i in pick}]
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(3.0 * columns, 2.6 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    for ax, condition in zip(axes, shown, strict=False):
        dimension = trials.stimulus_set[condition[1]].dimension
        fit.plot_condition(trials.table, condition, dimension=dimension, ax=ax)
    return found.gallery.show(
        figure,
        "psychometric",
        "Proportion correct against RMS contrast with fitted curves",
        f"{len(shown)} of {len(every)} conditions. Dots: trials in bins of equal number, with "
        f"{100 * fit.level:g} % binomial intervals. Curve: median of the fit, with its "
        f"{100 * fit.level:g} % band.",
    )


def quality(found: Findings) -> str:
    """Check the trials: learning, biases, response times, residuals, frames."""
    from pdpsych.analysis.figures.quality import quality_panels

    fit, gallery = found.fit, found.gallery
    people = fit.participants
    shown = pd.DataFrame(
        {
            "participant": people["participant"],
            "learning, first to last trial [nat]": with_interval(
                people, "learning", "learning_low", "learning_high"
            ),
            "answers for position 1": with_interval(
                people, "first_share", "first_low", "first_high"
            ),
            "overdispersion": people["overdispersion"].map("{:.2f}".format),
            "p of the curve": people["curve_p"].map(p_text),
        }
    )
    panels = gallery.show(
        quality_panels(fit.with_expected(found.trials.table), fit.bins, level=fit.level),
        "quality",
        "Response times, and residuals against d′ and against the order of trials",
        "Left: median, quartiles, and 5th to 95th percentile of response times. Middle and right: "
        "what the fit leaves over, by d′ and by the order of trials.",
    )
    checks = html_table(
        shown,
        f"{100 * fit.level:g} % intervals; learning below 0 is improvement. Overdispersion is 1 "
        "where answers are independent; a small p of the curve says that its shape does not fit.",
    )
    parts = [_notes(fit), panels, checks, _excluded(fit.excluded), _frames(found.logs, gallery)]
    return "\n".join(parts)


def _notes(fit: Fit) -> str:
    """List what was noticed in reading the logs: unfinished sessions, lines changed later."""
    lines = "".join(f"<li>{escape(note)}</li>" for note in fit.source["notes"])
    return f"<ul>{lines}</ul>" if lines else ""


def _excluded(excluded: pd.DataFrame) -> str:
    wide = excluded.pivot(index="participant", columns="reason", values="count")
    order = list(dict.fromkeys(excluded["reason"]))
    return html_table(
        wide[order].reset_index(), "Trials left out, by the first reason that applies."
    )


def _frames(logs: Sequence[SessionLog], gallery: Gallery) -> str:
    """Say how the frames of the sessions came, where somebody timed them."""
    from pdpsych.analysis.figures.quality import plot_dropped_frames

    timed = {
        f"{log.header.participant}, session {log.header.session}": log.trials
        for log in logs
        if "dropped" in log.trials and log.trials["dropped"].notna().any()
    }
    if not timed:
        return '<p class="dim">The frames of the sessions were not timed.</p>'
    dropped = pd.concat(
        [
            rows["dropped"].dropna().set_axis([name] * rows["dropped"].count())
            for name, rows in timed.items()
        ]
    )
    shown = pd.DataFrame(
        {
            "participant, session": list(timed),
            "trials timed": [rows["dropped"].count() for rows in timed.values()],
            "with dropped frames": [(rows["dropped"] > 0).sum() for rows in timed.values()],
            "dropped frames": [int(rows["dropped"].sum()) for rows in timed.values()],
            "off by more than a frame": [rows["off"].eq(True).sum() for rows in timed.values()],
        }
    )
    return html_table(shown, "Frames as measured.") + gallery.show(
        _of(plot_dropped_frames(dropped)), "frames", "Trials with dropped frames by session"
    )


def method(found: Findings) -> str:
    """Say in words how it was done."""
    return methods(found.trials, found.fit, found.scores)


def provenance(found: Findings) -> str:
    """Say what all of it was made from."""
    fit, opened = found.fit, found.opened
    session = fit.source["sessions"][0]
    items = {
        "Analysis": json.dumps(fit.analysis, ensure_ascii=False),
        "Stimulus set": f"{opened.name}, made {opened.manifest.created}",
        "SHA-256 of the set": opened.sha256,
        "Models": ", ".join(opened.models),
        "Versions that made the set": _versions(opened.manifest.versions),
        "Experiment": fit.source["experiment"],
        "Settings of the experiment": json.dumps(session["config"], ensure_ascii=False),
        "Versions that ran the sessions": _versions(session["versions"]),
        "Trials": f"{fit.source['trials']} in {len(fit.source['sessions'])} session(s)",
    }
    lines = (f"<dt>{escape(k)}</dt><dd><code>{escape(v)}</code></dd>" for k, v in items.items())
    return f"<dl>{''.join(lines)}</dl>"


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _of(ax: Axes) -> Figure:
    """Return the figure that an Axes is alone in."""
    return cast("Figure", ax.figure)
