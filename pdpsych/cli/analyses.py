"""Commands from trials to scores, and to how many of them are needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pdpsych.cli.app import AnalysisFile, AnalysisFiles, app
from pdpsych.cli.command import command, tell
from pdpsych.common.errors import InputError
from pdpsych.common.terminal import say

if TYPE_CHECKING:
    from pdpsych.analysis import Analysis

_NUMBERS = "N,N,…"


@command(app)
def fit(analysis: AnalysisFiles) -> None:
    """Fit thresholds to all sessions of an analysis."""
    from pdpsych import analysis as analyses

    for opened in _with_sessions(analysis):
        fitted = analyses.fit(opened, progress=True)
        tell(f"{fitted.describe()}\ntables: {opened.results}", fitted, tables=opened.results)


@command(app)
def score(
    analysis: AnalysisFiles,
    add_model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Score another model on the same distortions: a built-in name or "
            "source:model[@weights]/layer; may be given several times.",
        ),
    ] = None,
    leaderboard: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Add the scores to the leaderboard.csv of a folder."),
    ] = None,
) -> None:
    """Score the models against the human and write the report."""
    from pdpsych import analysis as analyses

    # What cannot be used is refused before the fit, which takes longer than to find that.
    if leaderboard is not None:
        analyses.read_leaderboard(leaderboard)
    for opened in _with_sessions(analysis):
        added = analyses.add_models(opened, add_model, progress=True) if add_model else ()
        fitted = analyses.fit(opened, progress=True)
        scores = analyses.score(opened, fit=fitted, added=added)
        page = analyses.report(opened, fit=fitted, scores=scores)
        text = f"{fitted.describe()}\n\n{scores.describe()}\n\nreport: {page}"
        files = {"tables": opened.results, "report": page}
        if leaderboard is not None:
            files["leaderboard"] = analyses.add_to_leaderboard(opened, scores, leaderboard)
            text += f"\nleaderboard: {files['leaderboard']}"
        tell(text, scores, **files)


def _with_sessions(source: Path) -> Iterator[Analysis]:
    """Go through the analysis of a file, or those of a study in whose experiment somebody was."""
    from pdpsych.analysis import open_analyses

    found = open_analyses(source)
    if len(found) == 1:
        yield found[0]
        return
    begun = [analysis for analysis in found if analysis.has_data]
    if not begun:
        raise InputError(
            "nobody took part in any experiment of its analyses yet",
            file=source,
            remedy="pdpsych check says what is next",
        )
    for analysis in found:
        missing = "" if analysis in begun else ": no sessions yet"
        say(f"\n{analysis.stem}{missing}")
        if analysis in begun:
            yield analysis


@command(app)
def plan(
    analysis: AnalysisFile,
    truth: Annotated[
        str | None,
        typer.Option(
            metavar="OBSERVER",
            help="What participants see like: a model of the set, or an observer's YAML file; "
            "default: each model in turn.",
        ),
    ] = None,
    participants: Annotated[
        str, typer.Option(metavar=_NUMBERS, help="Numbers of participants.")
    ] = "1,2,4,8",
    images: Annotated[str, typer.Option(metavar=_NUMBERS, help="Numbers of images.")] = "5,10,20",
    trials: Annotated[
        str,
        typer.Option(
            metavar=_NUMBERS, help="Numbers of trials of each distortion and participant."
        ),
    ] = "40,60,100",
    studies: Annotated[int, typer.Option(help="Simulated studies, each of all sizes.")] = 50,
    jobs: Annotated[
        int | None, typer.Option(help="Worker processes; default: one for each core.")
    ] = None,
) -> None:
    """Simulate the experiment, to see how many participants, images and trials are enough."""
    from pdpsych import analysis as analyses

    opened = analyses.open_analysis(analysis)
    planned = analyses.plan(
        opened,
        truth=truth,
        participants=_numbers("participants", participants),
        images=_numbers("images", images),
        trials=_numbers("trials", trials),
        studies=studies,
        jobs=jobs,
        progress=True,
    )
    table, figure = opened.results / "plan.csv", opened.results / "plan.pdf"
    text = f"{planned.describe()}\ntable: {table}, figure: plan.pdf beside it"
    tell(text, planned, table=table, figure=figure)


def _numbers(field: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            "whole numbers with commas between, as in 5,10,20", field=field, value=text
        ) from None
