"""One self-contained page: what was found, on what data, and how."""

from __future__ import annotations

import os
from collections.abc import Callable
from html import escape
from pathlib import Path
from textwrap import shorten
from typing import Any

from pdpsych.analysis.definition import Analysis, open_analysis
from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.fitting.fit import fit as fit_analysis
from pdpsych.analysis.fitting.trials import read_trials
from pdpsych.analysis.reporting import (
    comparison_sections,
    prediction_sections,
    sections,
    set_sections,
)
from pdpsych.analysis.reporting.findings import Findings
from pdpsych.analysis.reporting.markup import Gallery, PageSection, page
from pdpsych.analysis.reporting.methods import MARKDOWN, methods
from pdpsych.analysis.scoring.score import score as score_analysis
from pdpsych.analysis.scoring.scores import Scores
from pdpsych.analysis.written import record_written
from pdpsych.common.files.atomic import sync_folder, unfinished, unwritable, write_text
from pdpsych.common.files.locks import locked
from pdpsych.experiments.logs.collected import read_logs

# Of the words for an observer, which may list all thresholds; the logs have them whole.
_LONGEST = 240

SECTIONS: dict[str, Callable[[Findings], str]] = {
    "Where people are between models": comparison_sections.sides,
    "Predictive score": prediction_sections.predictive,
    "Predicted curves": prediction_sections.curves,
    "Score at threshold": prediction_sections.at_threshold,
    "Scores": sections.ranking,
    "Image by image": comparison_sections.images,
    "Log sensitivity ratios": comparison_sections.ratios,
    "Stimuli": set_sections.stimuli,
    "Participants": sections.participants,
    "Thresholds": sections.thresholds,
    "Psychometric functions": sections.curves,
    "Data quality": sections.quality,
    "Methods": sections.method,
    "How far the models are linear": set_sections.linearity,
    "Disagreement at visible amplitudes": set_sections.visible,
    "Objective of further pairs": set_sections.scree,
    "Certificates of the solver": set_sections.certificates,
    "Settings": sections.provenance,
}
"""The sections of every report in their order; one that gives "" is left out."""


def report(
    analysis: str | Path | Analysis, *, fit: Fit | None = None, scores: Scores | None = None
) -> Path:
    """Write ``report.html`` into the results folder of an analysis and return its path.

    Its figures are written too, as PNG and PDF, into the folder ``figures`` beside it, from which
    those of an earlier report are removed, and the methods paragraph as ``methods.md``.

    Parameters
    ----------
    analysis
        An analysis, its YAML file, or the folder of a study that has exactly one.
    fit
        Its fit, made anew if not given, and not written.
    scores
        Its scores, made anew if not given, and not written.

    Raises
    ------
    InputError
        If the analysis, its experiment, a log or the stimulus set cannot be used.

    Examples
    --------
    >>> from pdpsych import analysis
    >>> fitted = analysis.fit("study")
    >>> scores = analysis.score("study", fit=fitted)
    >>> analysis.report("study", fit=fitted, scores=scores).name  # doctest: +SKIP
    'report.html'
    """
    opened = open_analysis(analysis)
    fitted = fit or fit_analysis(opened, write=False)
    scored = scores or score_analysis(opened, fit=fitted, write=False)
    figures = opened.results / "figures"
    with unfinished(figures) as drawn:
        text, done = report_texts(opened, fitted, scored, Gallery(drawn))
        # Drawing takes long, and the lock would keep other commands waiting.
        with locked(opened.results, doing="the report is written"):
            move_into(figures, drawn)
            told = write_text(opened.results / MARKDOWN, done)
            written = write_text(opened.results / "report.html", text)
            record_written(opened.results, [told, written])
            return written


def report_texts(analysis: Analysis, fit: Fit, scores: Scores, gallery: Gallery) -> tuple[str, str]:
    """Return the page, its pictures in ``gallery``, and the methods as Markdown."""
    trials = read_trials(analysis)
    logs = [
        log
        for experiment in analysis.open_experiments()
        for log in read_logs(experiment)
        if log.header.participant in fit.posteriors
    ]
    page = _page(Findings(trials, logs, fit, scores, gallery))
    return page, methods(trials, fit, scores).to_markdown()


def move_into(folder: Path, drawn: Path) -> None:
    """Move figures into a folder, in the place of those that an earlier report left there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = {file.name for file in drawn.iterdir()}
        for name in names:
            os.replace(drawn / name, folder / name)
        for picture in folder.glob("*.png"):
            printed = picture.with_suffix(".pdf")
            # As reports write them: somebody else's picture has not both endings.
            if picture.name not in names and printed.exists():
                picture.unlink()
                printed.unlink()
        sync_folder(folder)
    except OSError as error:
        raise unwritable(folder, error) from None


def _page(found: Findings) -> str:
    top = f'<p class="conclusion">{escape(found.scores.conclusion)}</p>\n'
    top += _simulated(found.fit.source["sessions"]) + _elsewhere(found.fit.source)
    parts = [PageSection(heading, body(found)) for heading, body in SECTIONS.items()]
    return page(f"{found.fit.analysis['name']}: models against the human", top, parts)


def _elsewhere(source: dict[str, Any]) -> str:
    """Say prominently that the data are not of sessions of pdpsych."""
    measured = source.get("measured")
    if measured is None:
        return ""
    return (
        f'<p class="dim">Measured elsewhere: {escape(measured["kind"])} of '
        f"{escape(measured['file'])}, taken as they were given.</p>\n"
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
        f"<li>{escape(', '.join(who))}: {escape(shorten(description, _LONGEST, placeholder=' …'))}."
        "</li>"
        for description, who in groups.items()
    )
    share = "All" if len(made) == len(sessions) else f"{len(made)} of {len(sessions)}"
    return (
        f'<div class="simulated"><p><strong>{share} sessions are simulated.</strong> No person '
        "answered them; they test the method, and say nothing about human vision.</p>"
        f"<ul>{lines}</ul></div>"
    )
