"""The methods paragraph, with numbers from the data, and what to cite."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from pdpsych.analysis.exclusion import describe
from pdpsych.analysis.fit import Fit
from pdpsych.analysis.score import Scores
from pdpsych.analysis.trials import Trials

_BIBTEX = """@inproceedings{feather2025,
  author = {Feather, Jenelle and Lipshutz, David and Harvey, Sarah E. and Williams, Alex H. and
            Simoncelli, Eero P.},
  title = {Discriminating image representations with principal distortions},
  booktitle = {International Conference on Learning Representations},
  year = {2025},
  note = {arXiv:2410.15433},
}
@inproceedings{berardino2017,
  author = {Berardino, Alexander and Ball{\\'e}, Johannes and Laparra, Valero and
            Simoncelli, Eero P.},
  title = {Eigen-distortions of hierarchical representations},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {30},
  year = {2017},
  note = {arXiv:1710.02266},
}
@article{dersimonian1986,
  author = {DerSimonian, Rebecca and Laird, Nan},
  title = {Meta-analysis in clinical trials},
  journal = {Controlled Clinical Trials},
  volume = {7},
  number = {3},
  pages = {177--188},
  year = {1986},
}
@article{hothorn2008,
  author = {Hothorn, Torsten and Bretz, Frank and Westfall, Peter},
  title = {Simultaneous inference in general parametric models},
  journal = {Biometrical Journal},
  volume = {50},
  number = {3},
  pages = {346--363},
  year = {2008},
}
@article{nili2014,
  author = {Nili, Hamed and Wingfield, Cai and Walther, Alexander and Su, Li and
            Marslen-Wilson, William and Kriegeskorte, Nikolaus},
  title = {A toolbox for representational similarity analysis},
  journal = {PLoS Computational Biology},
  volume = {10},
  number = {4},
  pages = {e1003553},
  year = {2014},
}"""


def methods(trials: Trials, fit: Fit, scores: Scores) -> str:
    """Return what was done as a paragraph ready to paste, and BibTeX of what it cites."""
    sentences = [
        _people(fit),
        _stimuli(trials, fit),
        _procedure(fit.source["sessions"][0]["config"]),
        _data(trials, fit),
        _model(fit),
        _score(fit, scores),
    ]
    paragraph = " ".join(sentence for sentence in sentences if sentence)
    return f'<p>{paragraph}</p>\n<h3>Citations</h3>\n<pre class="cite">{escape(_BIBTEX)}</pre>'


def _people(fit: Fit) -> str:
    sessions = fit.source["sessions"]
    names = {session["participant"] for session in sessions}
    simulated = {s["participant"] for s in sessions if s["observer"] != "person"}
    text = (
        f"{_counted(len(names), 'participant')} took part in {_counted(len(sessions), 'session')}"
    )
    if simulated:
        text += f" ({len(simulated)} of them simulated)"
    return text + "."


def _stimuli(trials: Trials, fit: Fit) -> str:
    opened = trials.stimulus_set
    pairs = fit.thresholds[["image", "pair"]].drop_duplicates()
    kinds = {(e.name, p.name): p.kind for e in opened.manifest.images for p in e.pairs}
    shown = [kinds[key] for key in zip(pairs["image"], pairs["pair"], strict=True)]
    counts = pd.Series(shown).value_counts(sort=False)
    listed = " and ".join(f"{count} {escape(str(kind))}" for kind, count in counts.items())
    shapes = {opened.entry(image).shape[-2:] for image in pairs["image"].unique()}
    sizes = ", ".join(f"{width} × {height}" for height, width in sorted(shapes))
    return (
        f"Stimuli were {_counted(pairs['image'].nunique(), 'image')} ({sizes} pixels), each with "
        f"pairs of distortions ({listed} in all); principal distortions maximise the variance of "
        f"the log sensitivity ratio over {_counted(len(opened.models), 'model')} (Feather et al. "
        f"2025), with a floor of η = {opened.manifest.floor:g} on sensitivities."
    )


def _procedure(config: dict[str, Any]) -> str:
    """Describe a session as its log says it was set up; settings of older logs may be missing."""
    parts = []
    if "task" in config:
        parts.append(f"The task was a two-alternative forced choice ({escape(config['task'])}).")
    timing = config.get("timing") or {}
    if {"image", "blank"} <= timing.keys():
        parts.append(
            f"Images were shown for {timing['image']:g} ms, with {timing['blank']:g} ms between "
            "them where they followed each other."
        )
    method = config.get("method") or {}
    if "kind" in method:
        parts.append(f"Amplitudes were placed by the method “{escape(method['kind'])}”.")
    if config.get("easy_share"):
        parts.append(f"{config['easy_share']:.0%} of the trials had a clearly visible amplitude.")
    return " ".join(parts)


def _data(trials: Trials, fit: Fit) -> str:
    each = fit.thresholds["trials"]
    seconds = trials.table["response_time"].median()
    text = (
        f"{fit.source['trials']} trials were analysed, {each.median():g} for each distortion and "
        f"participant (median); {escape(describe(fit.excluded))}."
    )
    if np.isfinite(seconds):
        text += f" The median response time was {seconds:.2f} s."
    return text


def _model(fit: Fit) -> str:
    people = fit.participants
    exponent, lapse = people["exponent"], people["lapse"]
    flagged = int((people["flags"] != "").sum())
    return (
        "P(correct) = ½ + (½ − λ)(2Φ(d′/√2) − 1) with d′ = (α/τ)<sup>b</sup> at the realised "
        "amplitude α was fitted to all trials of a participant; the threshold τ is the amplitude "
        "at which d′ = 1 (Berardino et al. 2017). Exponent b, lapse λ and a steady change of log "
        "thresholds from the first to the last trial (learning) are shared by the conditions of a "
        "participant, whose log thresholds have a normal prior with means for each distortion and "
        f"a spread estimated from the data. Exponents were {_range(exponent)}, "
        f"lapses {_range(lapse)}; {flagged} of {len(people)} participants were flagged by the "
        "checks of the fit."
    )


def _score(fit: Fit, scores: Scores) -> str:
    settings = fit.analysis
    return (
        "The human log sensitivity ratio of a pair (u, v) is log τ(v) − log τ(u), with the prior "
        "of thresholds taken off, pooled over participants as random effects (DerSimonian &amp; "
        "Laird 1986). The score of a model on a pair is the absolute difference between its log "
        "sensitivity ratio and the human’s "
        "(equation 1 of Feather et al. 2025); noise makes it larger, never smaller, so it is to be "
        "read beside the expected score of a perfect model. Intervals "
        f"({100 * scores.level:g} %) of mean scores carry the uncertainty of trials, participants "
        f"and images ({settings['samples']} draws, seed {settings['seed']}); differences between "
        "models have simultaneous intervals over all pairs of models (max-t; Hothorn, Bretz &amp; "
        "Westfall 2008). With one participant or one image they do not extend to others."
        + _ceiling(scores)
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


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
