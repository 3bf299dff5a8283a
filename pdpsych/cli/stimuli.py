"""Commands that make stimulus sets and fit them to displays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdpsych.cli.app import RecipeFile, SetFolder, app
from pdpsych.cli.command import command, tell
from pdpsych.common.terminal import quoted, say

TrustCode = Annotated[
    bool,
    typer.Option("--trust-code", help="Run Python that the set names; read it before."),
]


@command(app, interrupted="finished images are kept, the same command goes on")
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
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Refuse images made by unlike versions, devices or threads."),
    ] = False,
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
            recipe,
            out=out,
            jobs=jobs,
            shard=shard,
            scheduler=scheduler,
            strict=strict,
            progress=True,
        )
    except stimuli.SetUnfinished as unfinished:
        say(str(unfinished), error=bool(unfinished.failed))
        raise typer.Exit(1 if unfinished.failed else 0) from None
    tell(made.summary(), made, set=made.path)
    if display is not None:
        # The code that the recipe names was run to make the set.
        calibrate(made.path, display, models=True, trust_code=True)


@command(app)
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
    trust_code: TrustCode = False,
) -> None:
    """Find out which amplitudes of a set's distortions a display shows faithfully."""
    from pdpsych import stimuli

    found = stimuli.calibrate(
        stimulus_set,
        display,
        max_clipped=max_clipped,
        threshold_rms=threshold_rms,
        models=models,
        trust_code=trust_code,
        progress=True,
    )
    drawn = found.draw()
    text = f"{found.describe()}\nwritten: {found.label}, {', '.join(map(str, drawn))}"
    tell(text, found, calibration=found.label, figures=drawn)


@command(app)
def respond(stimulus_set: SetFolder, trust_code: TrustCode = False) -> None:
    """Add what the models of a set respond to its distortions at visible amplitudes.

    Nothing is solved again, and the set stays the one that sessions and calibrations know.
    """
    from pdpsych import stimuli

    made = stimuli.add_finite_responses(stimulus_set, trust_code=trust_code, progress=True)
    count = len(made)
    text = f"{made.path}: responses to the distortions of {count} image{'s' * (count > 1)}"
    tell(text, made, set=made.path)


@command(app)
def inspect(stimulus_set: SetFolder) -> None:
    """Verify a stimulus set and show what is in it; draw what its models respond by amplitude."""
    from pdpsych.stimuli import Calibration, StimulusSet

    opened = StimulusSet.open(stimulus_set)
    known = [calibration.display for calibration in Calibration.all_of(opened)]
    text = f"{opened.describe()}\ncalibrated for: {', '.join(known) or 'no display'}"
    drawn: list[Path] = []
    if opened.has_finite_responses:
        from pdpsych.stimuli.responses.figures import draw_responses

        drawn = draw_responses(opened)
        some = f"{', '.join(map(str, drawn[:3]))}{', …' * (len(drawn) > 3)}"
        text += f"\nresponses by amplitude: {some}"
    elif opened.models:
        text += "\nresponses by amplitude: not known; to add them, run: "
        text += f"pdpsych respond {quoted(opened.path)}"
    tell(text, opened, responses=drawn)
