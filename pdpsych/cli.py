"""The commands; each is one call that is open to Python too."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pdpsych.errors import InputError

app = typer.Typer(
    name="pdpsych",
    help="Find the image distortions on which models of vision disagree most, measure how "
    "visible they are to a person, and score the models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

models_app = typer.Typer(no_args_is_help=True, help="List, show and fetch models.")
app.add_typer(models_app, name="models")

RecipeFile = Annotated[Path, typer.Argument(help="Recipe, stimuli/NAME.yaml.")]
SetFolder = Annotated[Path, typer.Argument(metavar="SET", help="Folder of a stimulus set.")]
ExperimentFile = Annotated[Path, typer.Argument(help="Experiment, experiments/NAME.yaml.")]
AnalysisFile = Annotated[
    Path,
    typer.Argument(help="Analysis, analysis/NAME.yaml, or the folder of a study that has one."),
]
Participant = Annotated[str, typer.Option(help="Letters and digits.")]
Session = Annotated[str, typer.Option(help="Letters and digits.")]
Simulate = Annotated[
    str | None,
    typer.Option(
        metavar="OBSERVER",
        help="Let a simulated observer answer: a model of the set, or an observer's YAML file.",
    ),
]
Windowed = Annotated[bool, typer.Option("--windowed", help="Do not fill the screen.")]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the study it makes.")] = Path("pdpsych-demo"),
    quick: Annotated[bool, typer.Option("--quick", help="Fewer, smaller images.")] = False,
    observer: Annotated[
        str, typer.Option(help="The model that the simulated participants see like.")
    ] = "LGN",
) -> None:
    """Run the whole pipeline on real photographs, with simulated participants."""
    from pdpsych import demo

    demo.run(out, quick=quick, observer=observer)


@app.command()
def generate(
    recipe: RecipeFile,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the set; default: sets/NAME beside the recipe.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(help="Worker processes; default: 1, or one per visible GPU."),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="i/N", help="Make every N-th image, from the i-th; for job arrays."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Let a Dask scheduler's workers do it.")
    ] = None,
) -> None:
    """Make a stimulus set from a recipe; goes on where it was interrupted."""
    from pdpsych import stimuli

    try:
        made = stimuli.generate(
            recipe, out, progress=True, jobs=jobs, shard=shard, scheduler=scheduler
        )
    except stimuli.SetUnfinished as unfinished:
        typer.echo(unfinished, err=bool(unfinished.failed))
        raise typer.Exit(1 if unfinished.failed else 0) from None
    except KeyboardInterrupt:
        typer.echo("\ninterrupted; finished images are kept, the same command goes on", err=True)
        raise typer.Exit(130) from None
    typer.echo(made)


@app.command()
def inspect(stimulus_set: SetFolder) -> None:
    """Verify a stimulus set and show what is in it."""
    from pdpsych.stimuli import StimulusSet

    typer.echo(StimulusSet.open(stimulus_set))


@app.command()
def run(
    experiment: ExperimentFile,
    participant: Participant,
    session: Session = "01",
    simulate: Simulate = None,
    windowed: Windowed = False,
) -> None:
    """Run a session, or go on with one that was interrupted."""
    from pdpsych import experiments

    try:
        log = experiments.run(
            experiment, participant, session, simulate, windowed=windowed, progress=bool(simulate)
        )
    except experiments.SessionStopped as stopped:
        typer.echo(f"{stopped}; the same command goes on from there")
        return
    typer.echo(f"{log.path}: complete, {len(log.trials)} trials")


@app.command()
def fit(analysis: AnalysisFile) -> None:
    """Fit thresholds to all sessions of an analysis."""
    from pdpsych import analysis as analyses

    typer.echo(analyses.fit(analysis, progress=True))


@app.command()
def score(analysis: AnalysisFile) -> None:
    """Score the models against the human and write the report."""
    from pdpsych import analysis as analyses

    fitted = analyses.fit(analysis, progress=True)
    scores = analyses.score(analysis, fitted)
    typer.echo(f"{scores}\nreport: {analyses.report(analysis, fitted, scores)}")


@models_app.command("list")
def list_models() -> None:
    """List the built-in models and checkpoints, and which are on this machine."""
    from pdpsych.models import overview

    typer.echo(overview.known())


@models_app.command("show")
def show_model(
    network: Annotated[str, typer.Argument(help="source:model[@weights]; random without.")],
    shape: Annotated[
        tuple[int, int, int] | None,
        typer.Option(help="Channels, height and width of the image, where not known."),
    ] = None,
) -> None:
    """List the layers of a network, in order of execution, with the shapes of their output."""
    from pdpsych.models import overview

    typer.echo(overview.layers(network, shape))


@models_app.command("fetch")
def fetch_models(
    networks: Annotated[list[str], typer.Argument(help="source:model[@weights] …")],
) -> None:
    """Download weights beforehand, and check that the networks take them."""
    from pdpsych.models import address, source

    for network in networks:
        source.build(address.parse_network(network))
        typer.echo(f"{network}: ready")


def main() -> None:
    """Run the command line; what a user got wrong ends with a message and status 2."""
    try:
        app()
    except InputError as error:
        typer.echo(f"pdpsych: {error}", err=True)
        sys.exit(2)
