"""The commands; each is one call that is open to Python too."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pdpsych.common.errors import InputError, clipped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pdpsych.analysis import Analysis

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
displays = typer.Typer(
    help="Describe a display: its size, and its luminance at each level.", no_args_is_help=True
)
app.add_typer(displays, name="display")

RecipeFile = Annotated[Path, typer.Argument(help="Recipe, stimuli/NAME.yaml.")]
SetFolder = Annotated[Path, typer.Argument(metavar="SET", help="Folder of a stimulus set.")]
ExperimentFile = Annotated[Path, typer.Argument(help="Experiment, experiments/NAME.yaml.")]
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
Participant = Annotated[
    str | None,
    typer.Option(help="Letters and digits; without it a dialog asks, or if nobody looks: 01."),
]
Session = Annotated[str, typer.Option(help="Letters and digits.")]
Simulate = Annotated[
    str | None,
    typer.Option(
        metavar="OBSERVER",
        help="Let a simulated observer answer: a model of the set, or an observer's YAML file.",
    ),
]
DisplayFile = Annotated[
    Path, typer.Argument(metavar="DISPLAY", help="Display, experiments/displays/NAME.yaml.")
]
MeterName = Annotated[
    str,
    typer.Option(
        help="typed: numbers from a hand-held meter; psychopy:CLASS[:PORT]: a photometer that "
        "PsychoPy knows; buffer: no light, the window's memory, for trying out."
    ),
]
PatchSide = Annotated[
    int | None,
    typer.Option(metavar="PIXELS", help="Side of the patch; default: half the screen's height."),
]
Settle = Annotated[
    float, typer.Option(metavar="SECONDS", help="From showing a level to a photometer's reading.")
]
Windowed = Annotated[bool, typer.Option("--windowed", help="Do not fill the screen.")]
_NUMBERS = "N,N,…"
_OF_MODELS = ("torch", "torchvision")


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
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Missing or empty.")],
    template: Annotated[
        str, typer.Option("--from", help="What it begins with: early-vision or deep-networks.")
    ] = "early-vision",
) -> None:
    """Make a new study, with a README that says what to run."""
    from pdpsych import studies

    typer.echo(f"new study; read {studies.init(folder, template)}")


@app.command()
def check(
    path: Annotated[
        Path, typer.Argument(metavar="DIR|FILE", help="A study, or one of its files.")
    ] = Path("."),
) -> None:
    """Check a study and say what it needs next; status 2 if something is wrong."""
    from pdpsych import studies

    found = studies.check(path)
    typer.echo(found)
    if found.problems:
        raise typer.Exit(2)


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A study.")] = Path("."),
) -> None:
    """Show what of a study is generated, run, fitted and scored, and what is out of date."""
    from pdpsych import studies

    typer.echo(studies.status(folder))


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
    display: Annotated[
        Path | None,
        typer.Option(help="Then calibrate it for this display, with the models' sensitivities."),
    ] = None,
) -> None:
    """Make a stimulus set from a recipe; goes on where it was interrupted."""
    from pdpsych import stimuli
    from pdpsych.common.section import load
    from pdpsych.displays import Display

    if display is not None:
        load(display, Display)
    try:
        made = stimuli.generate(
            recipe, out=out, progress=True, jobs=jobs, shard=shard, scheduler=scheduler
        )
    except stimuli.SetUnfinished as unfinished:
        typer.echo(unfinished, err=bool(unfinished.failed))
        raise typer.Exit(1 if unfinished.failed else 0) from None
    except KeyboardInterrupt:
        typer.echo("\ninterrupted; finished images are kept, the same command goes on", err=True)
        raise typer.Exit(130) from None
    typer.echo(made.summary())
    if display is not None:
        calibrate(made.path, display, models=True)


@app.command()
def calibrate(
    stimulus_set: SetFolder,
    display: Annotated[Path, typer.Option(help="Display, experiments/displays/NAME.yaml.")],
    max_clipped: Annotated[
        float, typer.Option(help="Share of an image's values that the largest amplitude may clip.")
    ] = 0.05,
    threshold_rms: Annotated[
        float, typer.Option(help="Thresholds to expect: their mean over the set, RMS contrast.")
    ] = 0.01,
    models: Annotated[
        bool,
        typer.Option(
            "--models", help="Also the models' sensitivities to what is shown; needs torch."
        ),
    ] = False,
) -> None:
    """Find out which amplitudes of a set's distortions a display shows faithfully."""
    from pdpsych import stimuli

    found = stimuli.calibrate(
        stimulus_set,
        display,
        max_clipped=max_clipped,
        threshold_rms=threshold_rms,
        models=models,
        progress=True,
    )
    drawn = found.draw()
    typer.echo(f"{found.describe()}\nwritten: {found.label}, {', '.join(map(str, drawn))}")


@app.command()
def inspect(stimulus_set: SetFolder) -> None:
    """Verify a stimulus set and show what is in it."""
    from pdpsych.stimuli import Calibration, StimulusSet

    opened = StimulusSet.open(stimulus_set)
    known = [calibration.display for calibration in Calibration.all_of(opened)]
    typer.echo(f"{opened.describe()}\ncalibrated for: {', '.join(known) or 'no display'}")


@app.command()
def run(
    experiment: ExperimentFile,
    participant: Participant = None,
    session: Session = "01",
    run: Annotated[
        str | None, typer.Option(help="A number; where a session has several runs.")
    ] = None,
    simulate: Simulate = None,
    show: Annotated[
        bool, typer.Option("--show", help="Let the simulated observer answer in a window.")
    ] = False,
    windowed: Windowed = False,
    uncalibrated: Annotated[
        bool,
        typer.Option("--uncalibrated", help="Do without a calibration; for trying out."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what the session will be.")
    ] = False,
) -> None:
    """Run a session, or go on with one that was interrupted."""
    from pdpsych import experiments
    from pdpsych.common.section import load

    loaded = load(experiment, experiments.Experiment)
    try:
        if participant is None and not (simulate or dry_run):
            from pdpsych.experiments.person import dialog

            participant, session, run = dialog.ask(loaded, session, run)
        if dry_run:
            who = "01" if participant is None else participant
            typer.echo(
                experiments.outline(
                    loaded, who, session=session, run=run, uncalibrated=uncalibrated
                ).describe()
            )
            return
        log = experiments.run(
            loaded,
            "01" if participant is None else participant,
            session=session,
            run=run,
            observer=simulate,
            show=show,
            windowed=windowed,
            uncalibrated=uncalibrated,
            progress=bool(simulate) and not show,
        )
    except experiments.SessionStopped as stopped:
        typer.echo(f"{stopped}; the same command goes on from there")
        return
    typer.echo(log.describe())


@app.command()
def export(
    experiment: ExperimentFile,
    bids: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Folder of a BIDS dataset to make.")
    ] = None,
    psych_ds: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Folder of a Psych-DS dataset to make.")
    ] = None,
) -> None:
    """Write all sessions of an experiment as a dataset that others can read."""
    from pdpsych import experiments

    if bids is None and psych_ds is None:
        raise InputError("export: give --bids OUT, --psych-ds OUT or both")
    if bids is not None:
        typer.echo(f"BIDS: {experiments.export(experiment, bids, layout='bids')}")
    if psych_ds is not None:
        typer.echo(f"Psych-DS: {experiments.export(experiment, psych_ds, layout='psych-ds')}")


@app.command()
def fit(analysis: AnalysisFiles) -> None:
    """Fit thresholds to all sessions of an analysis."""
    from pdpsych import analysis as analyses

    for opened in _with_sessions(analysis):
        typer.echo(f"{analyses.fit(opened, progress=True)}\ntables: {opened.results}")


@app.command()
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
    from pdpsych.analysis.scoring import added_models
    from pdpsych.analysis.scoring import leaderboard as board

    # What cannot be used is refused before the fit, which takes longer than to find that.
    if leaderboard is not None:
        board.check(leaderboard)
    for opened in _with_sessions(analysis):
        added = added_models.add_to(opened, add_model, progress=True) if add_model else ()
        fitted = analyses.fit(opened, progress=True)
        scores = analyses.score(opened, fitted, added)
        page = analyses.report(opened, fitted, scores)
        typer.echo(f"{fitted}\n\n{scores}\n\nreport: {page}")
        if leaderboard is not None:
            typer.echo(f"leaderboard: {board.append(opened, scores, leaderboard)}")


def _with_sessions(source: Path) -> Iterator[Analysis]:
    """Go through the analysis of a file, or those of a study in whose experiment somebody was."""
    from pdpsych.analysis.definition import open_analyses

    found = open_analyses(source)
    if len(found) == 1:
        yield found[0]
        return
    begun = [analysis for analysis in found if analysis.has_sessions]
    if not begun:
        raise InputError(
            f"{source}: nobody took part in any experiment of its analyses yet; "
            "pdpsych check says what is next"
        )
    for analysis in found:
        missing = "" if analysis in begun else ": no sessions yet"
        typer.echo(f"\n{analysis.stem}{missing}")
        if analysis in begun:
            yield analysis


@app.command()
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
    from pdpsych.analysis.definition import open_analysis

    opened = open_analysis(analysis)
    planned = analyses.plan(
        opened,
        truth,
        participants=_numbers("participants", participants),
        images=_numbers("images", images),
        trials=_numbers("trials", trials),
        studies=studies,
        jobs=jobs,
        progress=True,
    )
    typer.echo(f"{planned}\ntable: {opened.results / 'plan.csv'}, figure: plan.pdf beside it")


def _numbers(name: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f'--{name}: whole numbers with commas between, as in 5,10,20; got "{text}"'
        ) from None


@models_app.command("list")
def list_models() -> None:
    """List the built-in models and checkpoints, and which are on this machine."""
    from pdpsych import models

    typer.echo(models.known().describe())


@models_app.command("show")
def show_model(
    network: Annotated[str, typer.Argument(help="source:model[@weights]; random without.")],
    shape: Annotated[
        tuple[int, int, int] | None,
        typer.Option(help="Channels, height and width of the image, where not known."),
    ] = None,
) -> None:
    """List the layers of a network, in order of execution, with the shapes of their output."""
    from pdpsych import models

    typer.echo(models.layers(network, shape=shape).describe())


@models_app.command("fetch")
def fetch_models(
    networks: Annotated[list[str], typer.Argument(help="source:model[@weights] …")],
) -> None:
    """Download weights beforehand, and check that the networks take them."""
    from pdpsych import models

    for network in networks:
        typer.echo(models.fetch([network]).describe())


@displays.command("show")
def display_show(
    display: DisplayFile,
    figure: Annotated[
        Path | None, typer.Option(help="Where to draw it; default: NAME.png beside the file.")
    ] = None,
) -> None:
    """Say what a display is, and draw its measurements, fits and their errors."""
    from pdpsych.displays import inspect

    found = inspect(display)
    typer.echo(found.describe())
    if found.comparison is not None:
        path = figure or display.with_suffix(".png")
        _save(found.plot(), path)
        typer.echo(f"figure: {path}")


def _save(figure: Figure, path: Path) -> None:
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise InputError("no format of figures", file=path, allowed=".png, .pdf, .svg")
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", file=path) from None


@displays.command("import")
def display_import(
    out: Annotated[Path, typer.Option(help="The display's file, NAME.yaml.")],
    table: Annotated[
        Path | None,
        typer.Argument(
            metavar="CSV",
            help="Columns level (0 to 2^bits − 1, or 0 to 1), luminance (cd/m²) and, with more "
            "than grey, channel (grey, red, green, blue).",
        ),
    ] = None,
    monitor: Annotated[
        str | None, typer.Option(help="Instead of a CSV: a monitor in PsychoPy's monitor centre.")
    ] = None,
    bit_depth: Annotated[int, typer.Option(help="Of the CSV's levels: 8, 10 or 16.")] = 8,
    instrument: Annotated[str | None, typer.Option(help="What measured it.")] = None,
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When it was measured.")
    ] = None,
) -> None:
    """Make a display of measured luminances; chooses the curve by cross-validation."""
    from pdpsych.displays import import_csv, import_monitor

    if (table is None) == (monitor is None):
        raise InputError("display import: give either a CSV file or --monitor NAME")
    if monitor is not None:
        described = import_monitor(monitor, out)
    else:
        day = date.date() if date else None
        described = import_csv(
            str(table), out, bit_depth=bit_depth, instrument=instrument, date=day
        )
    typer.echo(f"{described.describe()}\nwritten: {out}; add the screen's size to it")


@displays.command("export")
def display_export(
    display: DisplayFile,
    monitor: Annotated[
        str | None, typer.Option(help="Name of the monitor; default: the display's.")
    ] = None,
) -> None:
    """Add a display to PsychoPy's monitor centre, as a new calibration."""
    from pdpsych.displays import export_monitor

    typer.echo(export_monitor(display, monitor=monitor))


@displays.command("fit")
def display_fit(display: DisplayFile) -> None:
    """Compare the models of a measured display's curve and write the best into its file."""
    from pdpsych.displays import choose_model

    found = choose_model(display)
    typer.echo(f"{found.describe()}\n{display}: curve.model: {found.chosen}")


@displays.command("measure")
def display_measure(
    display: DisplayFile,
    instrument: MeterName = "typed",
    levels: Annotated[int, typer.Option(help="Levels of each channel.")] = 17,
    repeats: Annotated[int, typer.Option(help="Readings of each level.")] = 3,
    grey: Annotated[bool, typer.Option("--grey", help="Leave out red, green and blue.")] = False,
    patch: PatchSide = None,
    settle: Settle = 1.0,
    windowed: Windowed = False,
) -> None:
    """Measure a display with a light meter; goes on where it was interrupted."""
    from pdpsych.displays import MeasurementStopped, measure

    try:
        done = measure(
            display,
            instrument=instrument,
            levels=levels,
            repeats=repeats,
            grey_only=grey,
            patch=patch,
            settle=settle,
            windowed=windowed,
        )
    except MeasurementStopped as stopped:
        typer.echo(f"{stopped}; the same command goes on from there")
        return
    figure = display.with_suffix(".png")
    _save(done.plot(), figure)
    typer.echo(done.describe())
    typer.echo(f"written: the curve into {display}, its figure into {figure}")


@displays.command("verify")
def display_verify(
    display: DisplayFile,
    instrument: MeterName = "typed",
    limit: Annotated[
        float, typer.Option(help="Largest error allowed, as a share of white − black.")
    ] = 0.05,
    patch: PatchSide = None,
    settle: Settle = 1.0,
    windowed: Windowed = False,
) -> None:
    """Compare a display with its measured curve; status 1 if it has drifted."""
    from pdpsych.common.section import load
    from pdpsych.displays import Display, MeasurementStopped, verify

    try:
        found = verify(
            display,
            instrument=instrument,
            limit=limit,
            patch=patch,
            settle=settle,
            windowed=windowed,
        )
    except MeasurementStopped as stopped:
        typer.echo(f"{stopped}; nothing was verified")
        raise typer.Exit(1) from None
    typer.echo(found.describe(load(display, Display)))
    if not found.passed:
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; what a user got wrong ends with a message and status 2.

    So does what the file system refuses where no command expects it: a name that is too long, a
    folder that may not be read; and PyTorch, where a command needs it and it is not installed.
    """
    for stream in (sys.stdout, sys.stderr):
        # Text out of a file may hold characters that a terminal, or any encoding, has not.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except InputError as error:
        _refuse(str(error))
    except ModuleNotFoundError as error:
        if error.name not in _OF_MODELS:
            raise
        _refuse(f"this needs {error.name}, which is not installed; pip install 'pdpsych[models]'")
    except OSError as error:
        if error.filename is None:
            raise
        _refuse(f"{clipped(str(error.filename))}: {error.strerror}")


def _refuse(message: str) -> NoReturn:
    typer.echo(f"pdpsych: {clipped(message, 5000)}", err=True)
    sys.exit(2)
