"""The tree of commands, and the options that several of them have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdpsych import __version__
from pdpsych.common.terminal import say

# As a summary it is not cut, as help is, to what fits a line.
_MODELS = "List, show and fetch models."
_DISPLAY = "Describe a display: its size, and its luminance at each level."

app = typer.Typer(
    name="pdpsych",
    help="Find the image distortions on which models of vision disagree most, measure how "
    "visible they are to a person, and score the models.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    # Markup would take [@weights] for a style.
    rich_markup_mode=None,
)
models = typer.Typer(
    name="models",
    help=_MODELS,
    short_help=_MODELS,
    no_args_is_help=True,
    rich_markup_mode=None,
)
displays = typer.Typer(
    name="display",
    help=_DISPLAY,
    short_help=_DISPLAY,
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(models)
app.add_typer(displays)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"pdpsych {__version__}")
        raise typer.Exit


@app.callback()
def _whole(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


RecipeFile = Annotated[Path, typer.Argument(help="Recipe, stimuli/NAME.yaml.")]
SetFolder = Annotated[Path, typer.Argument(metavar="SET", help="Folder of a stimulus set.")]
AnalysisFile = Annotated[
    Path,
    typer.Argument(help="Analysis, analysis/NAME.yaml, or the folder of a study that has one."),
]
AnalysisFiles = Annotated[
    Path,
    typer.Argument(
        metavar="ANALYSIS", help="Analysis, analysis/NAME.yaml, or a study: all with sessions."
    ),
]
DisplayFile = Annotated[
    Path, typer.Argument(metavar="DISPLAY", help="Display, experiments/displays/NAME.yaml.")
]
Windowed = Annotated[bool, typer.Option("--windowed", help="Do not fill the screen.")]
