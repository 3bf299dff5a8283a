"""One self-contained page: what was found, on what data, and how."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from pdpsych.analysis import tables
from pdpsych.analysis.definition import Analysis, open_analysis
from pdpsych.analysis.exclusion import describe
from pdpsych.analysis.fit import Fit, fit_trials
from pdpsych.analysis.score import Scores, score_fit
from pdpsych.analysis.trials import CONDITION, Trials, gather
from pdpsych.stimuli.stimulus_set import StimulusSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# More would be scrolled past; the results folder has the numbers of all.
_MOST_STIMULI = 6
_MOST_CURVES = 12
_SCREEN_DPI = 96


def report(
    analysis: str | Path | Analysis, fit: Fit | None = None, scores: Scores | None = None
) -> Path:
    """Write ``report.html`` into the results folder of an analysis and return its path.

    Parameters
    ----------
    analysis
        An analysis, its YAML file, or the folder of a study that has exactly one.
    fit, scores
        Its fit and scores, made anew if not given.

    Raises
    ------
    InputError
        If the analysis, its experiment, a log or the stimulus set cannot be used.
    """
    opened = open_analysis(analysis)
    trials = gather(opened)
    fitted = fit or fit_trials(trials, opened)
    scored = scores or score_fit(fitted, trials.stimulus_set)
    return tables.write_text(opened.results / "report.html", _page(trials, fitted, scored))


def _page(trials: Trials, fit: Fit, scores: Scores) -> str:
    title = f"{fit.analysis['name']}: models against the human"
    css = files("pdpsych.analysis").joinpath("report.css").read_text(encoding="utf-8")
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="conclusion">{escape(scores.conclusion)}</p>',
        _simulated(fit.source["sessions"]),
        _ranking(scores),
        _ratios(scores),
        _stimuli(trials.stimulus_set, fit),
        _participants(fit),
        _curves(trials, fit),
        _methods(fit),
        _linearity(trials.stimulus_set),
        _certificates(trials.stimulus_set),
        _provenance(trials, fit),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def _simulated(sessions: list[dict[str, Any]]) -> str:
    """Say prominently which sessions nobody sat in front of."""
    made = [s for s in sessions if s["observer"] != "person"]
    if not made:
        return ""
    groups: dict[str, list[str]] = {}
    for session in made:
        groups.setdefault(session["observer"], []).append(
            f"{session['participant']} (session {session['session']})"
        )
    lines = "".join(
        f"<li>{escape(', '.join(who))}: {escape(description)}.</li>"
        for description, who in groups.items()
    )
    share = "All" if len(made) == len(sessions) else f"{len(made)} of {len(sessions)}"
    return (
        f'<div class="simulated"><p><strong>{share} sessions are simulated.</strong> No person '
        "answered them; they test the method, and say nothing about human vision.</p>"
        f"<ul>{lines}</ul></div>"
    )


def _ranking(scores: Scores) -> str:
    from pdpsych.analysis.figures import plot_scores

    parts = ["<h2>Scores</h2>"]
    for kind, rows in scores.ranking.groupby("kind", sort=False):
        shown = pd.DataFrame(
            {
                "rank": rows["rank"],
                "model": rows["model"],
                "score [nat]": _with_interval(rows, "score", "low", "high"),
                "difference to the closest [nat]": _with_interval(
                    rows, "difference", "difference_low", "difference_high"
                ).where(rows["rank"] > 1, "–"),
                "probability to be the closest": rows["probability_closest"].map("{:.2f}".format),
            }
        )
        first = rows.iloc[0]
        parts.append(
            _table(
                shown,
                f"{str(kind).capitalize()} distortions; images: {first['images']}; "
                f"{100 * scores.level:g} % intervals. With data as noisy as these a perfect model "
                f"would score about {first['expected_perfect']:.2f}.",
            )
        )
        parts.append(_drawn(plot_scores(scores, str(kind)), f"Scores, {kind} distortions."))
    return "\n".join(parts)


def _ratios(scores: Scores) -> str:
    from pdpsych.analysis.figures import log_ratio_panels

    return "<h2>Log sensitivity ratios</h2>" + _figure(
        log_ratio_panels(scores),
        "Log sensitivity ratios by model and kind of distortion",
        "Log sensitivity ratios of the models and the human. A dot is an image, a bar the mean "
        f"over images; human with {100 * scores.level:g} % intervals. Which of a pair "
        "is called u changes the sign only; it is chosen so that images agree.",
    )


def _stimuli(opened: StimulusSet, fit: Fit) -> str:
    from pdpsych.analysis.figures import plot_stimuli

    measured = (
        fit.thresholds[["image", "pair"]].drop_duplicates().itertuples(index=False, name=None)
    )
    kinds = {(e.name, p.name): p.kind for e in opened.manifest.images for p in e.pairs}
    first: dict[tuple[str, str], tuple[str, str]] = {}
    for image, pair in measured:
        first.setdefault((image, kinds[image, pair]), (image, pair))
    every = sorted(first.values(), key=lambda row: kinds[row] != "principal")
    shown = every[:_MOST_STIMULI]
    note = f"{len(shown)} of {len(kinds)} pairs of the set; all are in its previews."
    drawn = [_drawn(plot_stimuli(opened, image, pair), f"{image}, {pair}") for image, pair in shown]
    return "\n".join([f'<h2>Stimuli</h2><p class="dim">{note}</p>', *drawn])


def _participants(fit: Fit) -> str:
    rows = fit.participants
    shown = pd.DataFrame(
        {
            "participant": rows["participant"],
            "exponent b": _with_interval(rows, "exponent", "exponent_low", "exponent_high"),
            "lapse λ": _with_interval(rows, "lapse", "lapse_low", "lapse_high", 3),
            "trials": rows["trials"],
            "correct": rows["proportion_correct"].map("{:.0%}".format),
            "flags": rows["flags"].where(rows["flags"] != "", "none"),
        }
    )
    caption = f"{100 * fit.level:g} % intervals; trials {describe(fit.excluded)}."
    return "<h2>Participants</h2>" + _table(shown, caption)


def _curves(trials: Trials, fit: Fit) -> str:
    from matplotlib.figure import Figure

    from pdpsych.analysis.figures import plot_psychometric

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
        shape = trials.stimulus_set.entry(condition[1]).shape
        plot_psychometric(fit, trials.table, condition, int(np.prod(shape)), ax)
    return "<h2>Psychometric functions</h2>" + _figure(
        figure,
        "Proportion correct against RMS contrast with fitted curves",
        f"{len(shown)} of {len(every)} conditions. Dots: trials in bins of equal number, with "
        f"{100 * fit.level:g} % binomial intervals. Curve: median of the fit, with its "
        f"{100 * fit.level:g} % band.",
    )


def _methods(fit: Fit) -> str:
    settings = fit.analysis
    return (
        "<h2>Methods</h2><p>Two-alternative forced choice; P(correct) = ½ + (½ − λ)(2Φ(d′/√2) − 1) "
        "with d′ = (α/τ)<sup>b</sup> at the realised amplitude α. The threshold τ is the "
        "amplitude at which d′ = 1. Exponent b and lapse λ are shared by the conditions of a "
        "participant, whose log thresholds have a normal prior with mean and spread estimated "
        "from the data. The human log sensitivity ratio is log τ(v) − log τ(u). The score of a "
        "model on a pair is the absolute difference between its log sensitivity ratio and the "
        "human’s (equation 1); noise makes it larger, never smaller, so it is to be read beside "
        "the expected score of a perfect model. Intervals of mean scores carry the uncertainty "
        f"of trials, participants and images ({settings['samples']} draws, seed "
        f"{settings['seed']}). With one participant or one image they do not extend to others."
        "</p>"
    )


def _linearity(opened: StimulusSet) -> str:
    checks = [
        (entry.name, pair.name, pair.linearity)
        for entry in opened.manifest.images
        for pair in entry.pairs
        if pair.linearity
    ]
    if not checks:
        return ""
    table = pd.DataFrame(
        {"image": image, "pair": pair}
        | {model: check.extent(model) for model in check.largest_rms}
        | {"order of the models": check.order()}
        for image, pair, check in checks
    )
    first = checks[0][2]
    return "<h2>How far the models are linear</h2>" + _table(
        table,
        "Largest RMS contrast up to which a model’s response is within "
        f"{100 * first.tolerance:g} % of what its sensitivity predicts, to distortion 1 / 2, and "
        "where the models keep the order of their log sensitivity ratios. Checked at "
        f"{', '.join(f'{a:g}' for a in first.amplitudes_rms)}, both signs, on images that are not "
        "clipped.",
    )


def _certificates(opened: StimulusSet) -> str:
    rows = [
        {"image": entry.name, "pair": pair.name}
        | {k: _short(v) for k, v in pair.certificate.items() if not isinstance(v, dict | list)}
        for entry in opened.manifest.images
        for pair in entry.pairs
        if pair.certificate
    ]
    if not rows:
        return ""
    table = pd.DataFrame(rows).fillna("–").rename(columns=lambda name: name.replace("_", " "))
    return "<h2>Certificates of the solver</h2>" + _table(
        table, f"Floor η = {opened.manifest.floor:g}."
    )


def _provenance(trials: Trials, fit: Fit) -> str:
    opened, session = trials.stimulus_set, fit.source["sessions"][0]
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
        "Left out in reading": "; ".join(fit.source["notes"]) or "nothing",
    }
    lines = (f"<dt>{escape(k)}</dt><dd><code>{escape(v)}</code></dd>" for k, v in items.items())
    return f"<h2>Settings</h2><dl>{''.join(lines)}</dl>"


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _with_interval(
    rows: pd.DataFrame, middle: str, low: str, high: str, digits: int = 2
) -> pd.Series:
    # Adding 0 to what is rounded turns −0.00 into 0.00.
    values = rows[[middle, low, high]].astype(float).round(digits) + 0.0
    return pd.Series(
        [f"{m:.{digits}f} [{a:.{digits}f}, {b:.{digits}f}]" for m, a, b in values.to_numpy()],
        index=rows.index,
    )


def _table(frame: pd.DataFrame, caption: str) -> str:
    def row(cells: Iterable[Any], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(str(c))}</{tag}>" for c in cells) + "</tr>"

    body = "\n".join(row(cells, "td") for cells in frame.itertuples(index=False))
    return (
        f'<div class="table"><table>\n<caption>{escape(caption)}</caption>\n'
        f"<thead>{row(frame.columns, 'th')}</thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _drawn(ax: Axes, alternative: str) -> str:
    """Embed the figure an Axes is alone in, with a text for those who cannot see it."""
    return _figure(cast("Figure", ax.figure), alternative, "")


def _figure(figure: Figure, alternative: str, caption: str) -> str:
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=2 * _SCREEN_DPI)
    data = base64.b64encode(image.getvalue()).decode()
    width = round(figure.get_figwidth() * _SCREEN_DPI)
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure><img width="{width}" alt="{escape(alternative)}" '
        f'src="data:image/png;base64,{data}">{below}</figure>'
    )
