"""The methods paragraph, with numbers from the data, and what to cite."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from pdpsych import __version__
from pdpsych.analysis.fitting.exclusion import describe_excluded
from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.fitting.trials import Trials
from pdpsych.analysis.names import EVERYONE
from pdpsych.analysis.reporting.citations import BIBTEX, PLACED, RELATED
from pdpsych.analysis.scoring.questions import in_words
from pdpsych.analysis.scoring.scores import Scores
from pdpsych.analysis.tasks.links import LINKS
from pdpsych.analysis.words import counted
from pdpsych.stimuli.set_description import unusual_derivatives
from pdpsych.stimuli.stimulus_set import StimulusSet

MARKDOWN = "methods.md"
"""File of the methods beside the page."""
# What Markdown would take for markup.
_MARKUP = re.compile(r"[\\`*_<>\[\]#]")


@dataclass(frozen=True)
class Methods:
    """What was done, in words ready to paste, and BibTeX of what they cite.

    Attributes
    ----------
    paragraph
        Plain text.
    citations
        Entries of a .bib file.
    """

    paragraph: str
    citations: str

    def to_html(self) -> str:
        """Return both for a page, with a link that saves the Markdown without any other file."""
        data = base64.b64encode(self.to_markdown().encode()).decode()
        return (
            f"<p>{escape(self.paragraph)}</p>\n"
            f'<p><a download="{MARKDOWN}" href="data:text/markdown;base64,{data}">'
            f"Save as Markdown</a>, or take {MARKDOWN} beside this page.</p>\n"
            f'<h3>Citations</h3>\n<pre class="cite">{escape(self.citations)}</pre>'
        )

    def to_markdown(self) -> str:
        """Return both as a Markdown document."""
        text = _MARKUP.sub(r"\\\g<0>", self.paragraph)
        return f"# Methods\n\n{text}\n\n## Citations\n\n```bibtex\n{self.citations}\n```\n"


def methods(trials: Trials, fit: Fit, scores: Scores) -> Methods:
    """Say what was done, with numbers from the data."""
    measured, opened = trials.measured, trials.stimulus_set
    config = {} if measured else fit.source["sessions"][0]["config"]
    sentences = [
        _elsewhere(measured) if measured else _people(fit),
        _stimuli(opened, fit) if opened else _ratios(fit, scores),
        _derivatives(opened, scores.source["models"]) if opened else "",
        _procedure(config),
        display_sentence(config.get("display") or {}),
        _data(trials, fit),
        _model(fit, trials),
        _bounds(fit, scores),
        _predictive(scores),
        _sides(scores),
        _score(fit, scores),
        f"The analysis was run with pdpsych {__version__}.",
    ]
    _, placed = PLACED.get(_placement(config), ("", ""))
    _, related = RELATED.get(measured["task"] if measured else "", ("", ""))
    cited = "\n".join(filter(None, (BIBTEX, placed, related)))
    return Methods(" ".join(filter(None, sentences)), cited)


def _elsewhere(measured: dict[str, Any]) -> str:
    people = counted(measured["participants"], "participant")
    text = (
        f"{measured['kind'].capitalize()} of {people} were measured elsewhere "
        f"({measured['file']}, SHA-256 {measured['sha256'][:12]}…) and taken as they were given."
    )
    if measured["kind"] == "trials":
        text += f" The task was {LINKS[measured['task']].words}."
    return text


def _ratios(fit: Fit, scores: Scores) -> str:
    pairs = fit.thresholds[["image", "pair"]].drop_duplicates()
    models = counted(len(scores.source["models"]), "model")
    return (
        f"Distortions were {counted(len(pairs), 'pair')} on "
        f"{counted(pairs['image'].nunique(), 'image')}; log sensitivity ratios of {models} were "
        f"computed elsewhere ({fit.source['set']['name']}, SHA-256 "
        f"{fit.source['set']['sha256'][:12]}…)."
    )


def _people(fit: Fit) -> str:
    sessions = fit.source["sessions"]
    names = {session["participant"] for session in sessions}
    simulated = {s["participant"] for s in sessions if s["observer"] != "person"}
    text = f"{counted(len(names), 'participant')} took part in {counted(len(sessions), 'session')}"
    if simulated:
        text += f" ({len(simulated)} of the participants simulated)"
    return text + "."


def _stimuli(opened: StimulusSet, fit: Fit) -> str:
    pairs = fit.thresholds[["image", "pair"]].drop_duplicates()
    kinds = {(e.name, p.name): p.pooled_as for e in opened.manifest.images for p in e.pairs}
    shown = [kinds[key] for key in zip(pairs["image"], pairs["pair"], strict=True)]
    counts = pd.Series(shown).value_counts(sort=False)
    listed = " and ".join(f"{count} {kind}" for kind, count in counts.items())
    shapes = {opened[image].shape[-2:] for image in pairs["image"].unique()}
    sizes = ", ".join(f"{width} × {height}" for height, width in sorted(shapes))
    return (
        f"Stimuli were {counted(pairs['image'].nunique(), 'image')} ({sizes} pixels), each with "
        f"pairs of distortions ({listed} in all); principal distortions maximise the variance of "
        f"the log sensitivity ratio over {counted(len(opened.models), 'model')} (Feather et al. "
        f"2025){_others(opened, set(shown))}{_rivals(opened, pairs)}, with a floor of η = "
        f"{opened.manifest.floor:g} on sensitivities."
    )


def _rivals(opened: StimulusSet, pairs: pd.DataFrame) -> str:
    """Say of how many images another optimum was shown than the best that was found."""
    measured = pairs.itertuples(index=False, name=None)
    count = sum(opened[image][pair].rival_of is not None for image, pair in measured)
    if not count:
        return ""
    return f" (of {counted(count, 'pair')} another optimum nearly as good took the place)"


def _derivatives(opened: StimulusSet, scored: dict[str, dict[str, Any]]) -> str:
    """Name the models whose derivatives are not simply their own."""
    told = unusual_derivatives(opened.manifest)
    told |= {m: "that of a surrogate" for m, s in scored.items() if "derivative" in s}
    if not told:
        return ""
    listed = "; ".join(f"of {model}: {words}" for model, words in told.items())
    return f"Not all derivatives are confirmed as those of their models: {listed}."


def _others(opened: StimulusSet, shown: set[str]) -> str:
    """Say what the principal distortions maximise that are not of each model of the set."""
    asked = {name: words for name, words in in_words(opened).items() if name in shown}
    return "".join(f"; {name} ones the {words}" for name, words in asked.items())


def _procedure(config: dict[str, Any]) -> str:
    """Describe a session as its log says it was set up; settings of older logs may be missing."""
    parts = []
    if "task" in config:
        parts.append(f"The task was a two-alternative forced choice ({config['task']}).")
    timing = config.get("timing") or {}
    if {"image", "blank"} <= timing.keys():
        parts.append(
            f"Images were shown for {timing['image']:g} ms, with {timing['blank']:g} ms between "
            "them where they followed each other."
        )
    kind = _placement(config)
    if kind:
        words, _ = PLACED.get(kind, (f"by the method “{kind}”", ""))
        parts.append(f"Amplitudes were placed {words}.")
    if config.get("easy_share"):
        share = f"{100 * config['easy_share']:g} %"
        parts.append(f"{share} of the trials had a clearly visible amplitude.")
    return " ".join(parts)


def _placement(config: dict[str, Any]) -> str:
    return str((config.get("method") or {}).get("kind", ""))


def display_sentence(recorded: dict[str, Any]) -> str:
    """Describe a display, as a log has it, as far as it is known, and how far away it was."""
    known = {name: value for name, value in recorded.items() if value is not None}
    words = {
        "width_px": "{width_px} pixels across",
        "width_cm": "{width_cm:g} cm wide",
        "refresh_hz": "{refresh_hz:g} Hz",
        "bit_depth": "{bit_depth} bits a channel",
        "output": "by {output}",
    }
    parts = [text.format(**known) for name, text in words.items() if name in known]
    if isinstance(known.get("curve"), str):
        parts.append(f"luminance taken to follow the curve {known['curve']}")
    elif "curve" in known:
        parts.append("luminance as measured")
    if not parts:
        return ""
    far = f", seen from {known['distance_cm']:g} cm" if "distance_cm" in known else ""
    return f"The display: {', '.join(parts)}{far}."


def _data(trials: Trials, fit: Fit) -> str:
    if not fit.of_trials:
        return (
            f"{counted(len(fit.thresholds), 'threshold')} entered the scores, each with an "
            "independent normal error of its log."
        )
    each = fit.thresholds["trials"]
    seconds = trials.table["response_time"].dropna().median()
    text = (
        f"{fit.source['trials']} trials were analysed, {each.median():g} for each distortion and "
        f"participant (median); {describe_excluded(fit.excluded)}."
    )
    if np.isfinite(seconds):
        text += f" The median response time was {seconds:.2f} s."
    return text


def _model(fit: Fit, trials: Trials) -> str:
    if not fit.of_trials:
        return "A threshold τ is the amplitude at which d′ = 1 (Berardino et al. 2017)."
    people = fit.participants
    exponents = fit.thresholds["exponent"]
    flagged = int((people["flags"] != "").sum())
    related, _ = RELATED.get(trials.measured["task"] if trials.measured else "", ("", ""))
    relation = related or "P(correct) = λ + (1 − 2λ)Φ(d′/√2 ± c)"
    shared = ["lapse λ"]
    if trials.table["response"].notna().any():
        shared.append(
            "a preference c for one position with its steady change and the pull of the answer "
            "before"
        )
    if trials.table["order"].notna().any():
        shared.append(
            "a steady change of log thresholds from the first to the last trial (learning)"
        )
    if len(shared) == 1 and not related:
        relation = "P(correct) = λ + (1 − 2λ)Φ(d′/√2)"
    listed = " and ".join(filter(None, [", ".join(shared[:-1]), shared[-1]]))
    return (
        f"{relation} with d′ = (α/τ)ᵇ at the realised "
        "amplitude α was fitted to all trials of a participant; the threshold τ is the amplitude "
        "at which d′ = 1 (Berardino et al. 2017). Each distortion of a pair has an exponent b of "
        f"its own; {listed} {'is' if len(shared) == 1 else 'are'} shared by the conditions of a "
        "participant, whose log thresholds have a normal prior with means for each distortion and "
        "a spread estimated from the data. "
        "Intervals integrate over all that conditions share. Exponents were "
        f"{_range(exponents)}, lapses {_range(people['lapse'])}; {flagged} of {len(people)} "
        "participants were flagged by the checks of the fit."
    )


def _bounds(fit: Fit, scores: Scores) -> str:
    """Say how many thresholds and ratios are bounds, if any."""
    ratios = scores.human.loc[scores.human["participant"] == EVERYONE, "bound"]
    parts = [
        _bounded(found, noun)
        for found, noun in ((fit.thresholds["bound"], "thresholds"), (ratios, "human ratios"))
        if (found != "exact").any()
    ]
    if not parts:
        return ""
    return (
        f"{' and '.join(parts)} are bounds, because trials alone do not limit a threshold on both "
        "sides; they are kept as bounds, and scores with them are at least so much."
    )


def _bounded(bounds: pd.Series, noun: str) -> str:
    counts = bounds[bounds != "exact"].value_counts()
    listed = ", ".join(f"{count} {bound}" for bound, count in counts.items())
    return f"{counts.sum()} of {len(bounds)} {noun} ({listed})"


def _sides(scores: Scores) -> str:
    table = scores.sides
    if table.empty:
        return ""
    return (
        "Of two models people are on the side of that to which they are closer by equation 1, "
        "summed over images and divided by the distance between the models: 1 at one model, 0 "
        "half-way, −1 at the other. Distances are corrected for the noise of trials; standard "
        "errors are by the jackknife over images and over participants. A model is declared the "
        f"closest if the {100 * scores.level:g} % interval of its side against every other model "
        "is above 0 (intersection–union; Berger 1982), and never from fewer than five images. All "
        "scores are descriptive."
    )


def _score(fit: Fit, scores: Scores) -> str:
    settings = fit.analysis
    return (
        "The human log sensitivity ratio of a pair (u, v) is log τ(v) − log τ(u), with the prior "
        "of thresholds taken off, pooled over participants as random effects (DerSimonian & "
        "Laird 1986). The score of a model on a pair is the absolute difference between its log "
        "sensitivity ratio and the human’s (equation 1 of Feather et al. 2025). Noise makes it "
        "larger, never smaller; it is taken off the mean over images by empirical Bayes, with "
        f"errors of a model normal over images. Intervals ({100 * scores.level:g} %) of mean "
        "scores carry the uncertainty of trials, participants and images "
        f"({settings['samples']} draws, seed {settings['seed']})." + _ceiling(scores)
    )


def _predictive(scores: Scores) -> str:
    if scores.predictive_ranking.empty:
        return ""
    return (
        "For each model, D(ε, ±α), the d′ of an ideal observer of its responses to the image and "
        "to the image with distortion ε at amplitude α and either sign, was computed up to the "
        "largest amplitude that could be shown. The predictive score is the mean over images of "
        "the log probability per trial of the answers, P(correct) = λ + (1 − 2λ) Φ((k eᵋ D)ᵇ/√2), "
        "D at the realised amplitude and sign of the trial: for each image with the exponent b, "
        "the mean and the standard deviation over images of log k and the standard deviation of ε "
        "(normal, of each distortion and image) integrated over what the other images leave open, "
        "and the lapse rate and learning of the fit. The "
        "score at threshold is the local score below with the thresholds that models predict in "
        "place of the inverse sensitivities: the first amplitude at which ½ Σ± Φ(k D±/√2) is "
        "Φ(1/√2), k the median of what a participant’s thresholds ask for."
    )


def _ceiling(scores: Scores) -> str:
    if scores.ceiling.empty:
        return ""
    return (
        " The noise ceiling is the mean distance of single participants to the mean of all and to "
        "that of the others (after Nili et al. 2014); its intervals are by a jackknife over "
        "participants and images."
    )


def _range(values: pd.Series) -> str:
    return f"{values.min():.2g} to {values.max():.2g}" if len(values) > 1 else f"{values[0]:.2g}"
