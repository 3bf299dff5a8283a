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
from pdpsych.analysis.reporting.markup import Gallery, html_table, number, p_text, with_interval
from pdpsych.analysis.reporting.methods import methods
from pdpsych.analysis.scoring.questions import NO_PART
from pdpsych.analysis.scoring.scores import Scores
from pdpsych.analysis.scoring.separation import gain_over_random
from pdpsych.analysis.tasks.links import LINKS
from pdpsych.analysis.words import capitalised, counted
from pdpsych.experiments.logs.session_log import SessionLog

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# More would be scrolled past; the results folder has the numbers of all.
_MOST_CURVES = 12


def ranking(found: Findings) -> str:
    """Rank the models by their mean distance to the human."""
    scores, gallery = found.scores, found.gallery
    parts = []
    for kind, rows in found.by_kind(scores.ranking):
        at_least = np.where(rows["bounds"] > 0, "at least ", "")
        shown = pd.DataFrame(
            {
                "rank": _places(rows),
                "model": rows["model"].where(rows["took_part"], rows["model"] + NO_PART),
                "mean score [nat]": at_least + with_interval(rows, "score", "low", "high"),
                "median score [nat]": at_least
                + with_interval(rows, "median", "median_low", "median_high"),
                "difference to the closest [nat]": with_interval(
                    rows, "difference", "difference_low", "difference_high"
                ).where(rows["rank"] > 1, "–"),
                "to single participants [nat]": rows["individual"].map("{:.2f}".format),
            }
        )
        parts.append(html_table(shown, _ranking_caption(scores, kind, rows.iloc[0])))
        drawn = _of(scores.plot(kind=kind))
        stated = "; ".join(f"{model}: {score}" for model, score in shown.iloc[:, 1:3].to_numpy())
        alternative = f"Mean distances to the human, {kind} distortions. {stated} nats."
        parts.append(gallery.show(drawn, f"scores-{kind}", alternative))
    return "\n".join([*parts, f"<p>{escape(gain_over_random(scores.separation))}</p>"])


def _places(rows: pd.DataFrame) -> list[str]:
    """Return the rank of each model, from and to where bounds leave it open."""
    ends = zip(rows["rank"], rows["rank_high"], strict=True)
    return [f"{low}" if low == high else f"{low} to {high}" for low, high in ends]


def _ranking_caption(scores: Scores, kind: str, first: pd.Series) -> str:
    asked = scores.source.get("questions", {})
    about = f", {asked[kind]}" if kind in asked else ""
    local = ""
    if len(scores.predictive_ranking):
        local = "By local sensitivities, as though models were linear up to thresholds. "
    text = (
        f"{local}{capitalised(kind)} distortions{about}; images: {first['images']}; "
        f"{100 * scores.level:g} % intervals. "
    )
    perfect = f"a perfect model would score about {first['expected_perfect']:.2f}."
    text += (
        f"The noise of people’s ratios is taken off; with it {perfect} Distances to single "
        "participants, and the ceiling, hold that of theirs."
    )
    if not scores.ranking[scores.ranking["kind"] == kind]["took_part"].all():
        text += f"{NO_PART}: the distortions were chosen by other models."
    limits = scores.ceiling[scores.ceiling["kind"] == kind]
    return text if limits.empty else f"{text} {_ceiling(limits)}"


def _ceiling(limits: pd.DataFrame) -> str:
    """State the noise ceiling of a kind, a row, or that it cannot be."""
    first = limits.iloc[0]
    if not first["determined"]:
        return (
            "The noise ceiling cannot be determined with "
            f"{counted(first['participants'], 'participant')} and "
            f"{counted(first['images'], 'image')}: its interval spans more than a factor of 10."
        )
    bounds = ("everyone", "others")
    if limits["determined"].iloc[0]:
        ends = [with_interval(limits, b, f"{b}_low", f"{b}_high").iloc[0] for b in bounds]
    else:
        ends = [f"{limits[b].iloc[0]:.2f}" for b in bounds]
        ends[1] += ", which so few people and images do not determine"
    return (
        "Noise ceiling, the distance of single participants to the mean of all and to that of the "
        f"others: {' to '.join(ends)}. No model is expected to come closer to single "
        "participants, the last column, than about that."
    )


def participants(found: Findings) -> str:
    """List the participants with what they share over conditions, and flags."""
    fit = found.fit
    if not fit.of_trials:
        return ""
    rows = fit.participants
    shown = pd.DataFrame(
        {
            "participant": rows["participant"],
            "exponent b": with_interval(rows, "exponent", "exponent_low", "exponent_high"),
            **_exponents(fit),
            "lapse λ": with_interval(rows, "lapse", "lapse_low", "lapse_high", 3),
            "trials": rows["trials"],
            "correct": rows["proportion_correct"].map("{:.0%}".format),
            "flags": rows["flags"].where(rows["flags"] != "", "none"),
        }
    )
    caption = f"{100 * fit.level:g} % intervals; trials {describe_excluded(fit.excluded)}."
    return html_table(shown, caption)


def _exponents(fit: Fit) -> dict[str, list[str]]:
    """Return the exponents of either distortion of a pair, from and to, of each participant."""
    table = fit.thresholds.groupby(["distortion", "participant"], sort=True)["exponent"]
    ends = {key: (number(values.min()), number(values.max())) for key, values in table}
    people = fit.participants["participant"]
    equal = {"p of equal exponents": fit.participants["exponents_p"].map(p_text).to_list()}
    return {
        f"b of {'uv'[n - 1]}": [" to ".join(dict.fromkeys(ends[n, who])) for who in people]
        for n in (1, 2)
    } | equal


def thresholds(found: Findings) -> str:
    """Map the thresholds of participants and conditions."""
    return found.gallery.show(
        _of(found.fit.plot(found.trials.stimulus_set)),
        "thresholds",
        f"Thresholds of {counted(len(found.fit.participants), 'participant')} in "
        f"{counted(len(found.fit.thresholds), 'condition')}",
        f"Thresholds in {'RMS contrast' if found.has_set else 'model units'}. Triangles: bounds, "
        "at least (up) or at most (down) so much; cross: the trials say nothing; dot: outside the "
        "amplitudes shown. All are in thresholds.csv, with intervals.",
    )


def curves(found: Findings) -> str:
    """Draw some of the psychometric functions."""
    from pdpsych.analysis.figures.psychometric import Condition, psychometric_panels

    trials, fit = found.trials, found.fit
    if not fit.of_trials:
        return ""
    every = list(fit.thresholds[CONDITION].itertuples(index=False, name=None))
    # Whole pairs, evenly over participants and images: u beside v.
    pairs = list(dict.fromkeys(condition[:3] for condition in every))
    pick = np.linspace(0, len(pairs) - 1, min(_MOST_CURVES // 2, len(pairs))).astype(int)
    shown = [c for c in every if c[:3] in {pairs[i] for i in pick}]

    def draw(condition: Condition, ax: Axes) -> None:
        dimension = found.dimension(condition[1])
        fit.plot_condition(trials.table, condition, dimension=dimension, ax=ax)

    return found.gallery.show(
        psychometric_panels(shown, draw),
        "psychometric",
        f"Proportion correct against {'RMS contrast' if found.has_set else 'amplitude'} with "
        "fitted curves",
        f"{len(shown)} of {len(every)} conditions. Dots: trials in bins of equal number, with "
        f"{100 * fit.level:g} % binomial intervals, triangles where answers to both signs differ. "
        f"Curve: median of the fit, with its {100 * fit.level:g} % band. Bar: the threshold with "
        "its interval; arrow: a bound, the trials alone do not limit it on this side.",
    )


def quality(found: Findings) -> str:
    """Check the trials: learning, biases, response times, residuals, frames."""
    from pdpsych.analysis.figures.quality import quality_panels

    fit, gallery = found.fit, found.gallery
    if not fit.of_trials:
        return _notes(fit)
    timed = ""
    if (found.trials.table["response_time"] > 0).any():
        timed = "Response times: median, quartiles, and 5th to 95th percentile. "
    panels = gallery.show(
        quality_panels(fit.with_expected(found.trials.table), fit.bins, level=fit.level),
        "quality",
        f"{timed}Residuals against d′ and against the order of trials",
        f"{timed}Residuals: what the fit leaves over, by d′ and by the order of trials.",
    )
    parts = [_notes(fit), panels, _checks(fit), _excluded(fit.excluded)]
    frames = [] if found.trials.measured else [_frames(found.logs, gallery)]
    return "\n".join([*parts, *frames])


def _checks(fit: Fit) -> str:
    """List what else than distortions moved the answers of each participant."""
    people = fit.participants
    moved = {
        "change of preference [d′]": "criterion_drift",
        "preference after the same answer [d′]": "repetition",
        "signs apart [nat]": "asymmetry",
    }
    tested = {
        name: people[column].map(number) + ", p " + people[f"{column}_p"].map(p_text)
        for name, column in moved.items()
    }
    learning = with_interval(people, "learning", "learning_low", "learning_high")
    first = with_interval(people, "first_share", "first_low", "first_high")
    shown = pd.DataFrame(
        {
            "participant": people["participant"],
            "learning, first to last trial [nat]": learning,
            "answers for position 1": first,
            **tested,
            "overdispersion": people["overdispersion"].map(number),
            "p of the curve": people["curve_p"].map(p_text),
        }
    )
    return html_table(
        shown,
        f"{100 * fit.level:g} % intervals; learning below 0 is improvement. Overdispersion is 1 "
        "where answers are independent; a small p of the curve says that its shape does not fit.",
    )


def _notes(fit: Fit) -> str:
    """List what was noticed in reading the logs: unfinished sessions, lines changed later."""
    lines = "".join(f"<li>{escape(note)}</li>" for note in fit.source["notes"])
    return f"<ul>{lines}</ul>" if lines else ""


def _excluded(excluded: pd.DataFrame) -> str:
    if excluded.empty:
        return ""
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
    return methods(found.trials, found.fit, found.scores).to_html()


def provenance(found: Findings) -> str:
    """Say what all of it was made from."""
    items = {"Analysis": json.dumps(found.fit.analysis, ensure_ascii=False)}
    items |= _set_provenance(found) | _data_provenance(found.fit)
    lines = (f"<dt>{escape(k)}</dt><dd><code>{escape(v)}</code></dd>" for k, v in items.items())
    return f"<dl>{''.join(lines)}</dl>"


def _set_provenance(found: Findings) -> dict[str, str]:
    """Say what models are known by."""
    if not found.has_set:
        shown = found.fit.source["set"]
        models = ", ".join(found.scores.source["models"])
        return {"Ratios": shown["name"], "SHA-256 of the ratios": shown["sha256"], "Models": models}
    opened = found.opened
    return {
        "Stimulus set": f"{opened.name}, made {opened.manifest.created}",
        "SHA-256 of the set": opened.sha256,
        "Models": ", ".join(opened.models),
        "Versions that made the set": _versions(opened.manifest.versions),
    }


def _data_provenance(fit: Fit) -> dict[str, str]:
    """Say where trials or thresholds come from."""
    measured = fit.source.get("measured")
    if measured is not None:
        columns = {ours: theirs for ours, theirs in measured["columns"].items() if ours != theirs}
        number = fit.source["trials"] if fit.of_trials else len(fit.thresholds)
        return {
            "Measured elsewhere": f"{number} {measured['kind']} in {measured['file']}",
            f"SHA-256 of the {measured['kind']}": measured["sha256"],
            **({"Task": LINKS[measured["task"]].words} if fit.of_trials else {}),
            **({"Names of columns": json.dumps(columns, ensure_ascii=False)} if columns else {}),
        }
    sessions = fit.source["sessions"]
    experiments = {s["experiment"]: s for s in reversed(sessions)}
    configs = {name: s["config"] for name, s in reversed(experiments.items())}
    shown = next(iter(configs.values())) if len(configs) == 1 else configs
    return {
        "Experiment": fit.source["experiment"],
        "Settings of the experiment": json.dumps(shown, ensure_ascii=False),
        "Versions that ran the sessions": _versions(sessions[0]["versions"]),
        "Trials": f"{fit.source['trials']} in {len(sessions)} session(s)",
    }


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _of(ax: Axes) -> Figure:
    """Return the figure that an Axes is alone in."""
    return cast("Figure", ax.figure)
