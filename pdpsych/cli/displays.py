"""Commands about displays."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pdpsych.cli.app import DisplayFile, Windowed
from pdpsych.cli.app import displays as app
from pdpsych.cli.command import command, tell
from pdpsych.common.errors import InputError
from pdpsych.common.terminal import say

Meter = Annotated[
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


@command(app)
def show(
    display: DisplayFile,
    figure: Annotated[
        Path | None, typer.Option(help="Where to draw it; default: NAME.png beside the file.")
    ] = None,
) -> None:
    """Say what a display is, and draw its measurements, fits and their errors."""
    from pdpsych.displays import inspect

    found = inspect(display)
    if found.comparison is None:
        tell(found.describe(), found)
        return
    from pdpsych.common.drawing import save

    (path,) = save(found.plot(), figure or display.with_suffix(".png"), dpi=150)
    tell(f"{found.describe()}\nfigure: {path}", found, figure=path)


@command(app, "import")
def import_(
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
    bit_depth: Annotated[int, typer.Option(help="Of the CSV's levels: 8, 10, 14 or 16.")] = 8,
    instrument: Annotated[str | None, typer.Option(help="What measured it.")] = None,
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When it was measured.")
    ] = None,
) -> None:
    """Make a display of measured luminances; chooses the curve by cross-validation."""
    from pdpsych.displays import import_csv, import_monitor, inspect

    if (table is None) == (monitor is None):
        raise InputError("nothing to import", remedy="give either a CSV file or --monitor NAME")
    if monitor is not None:
        described = import_monitor(monitor, out)
    else:
        day = date.date() if date else None
        described = import_csv(
            str(table), out, bit_depth=bit_depth, instrument=instrument, date=day
        )
    text = f"{inspect(described).describe()}\nwritten: {out}; add the screen's size to it"
    tell(text, display=out)


@command(app)
def export(
    display: DisplayFile,
    monitor: Annotated[
        str | None, typer.Option(help="Name of the monitor; default: the display's.")
    ] = None,
) -> None:
    """Add a display to PsychoPy's monitor centre, as a new calibration."""
    from pdpsych.displays import export_monitor

    tell(export_monitor(display, monitor=monitor))


@command(app)
def fit(display: DisplayFile) -> None:
    """Compare the models of a measured display's curve and write the best into its file."""
    from pdpsych.displays import choose_model
    from pdpsych.displays.accuracy.doubts import comparison_doubts

    found = choose_model(display)
    told = [found.describe(), *comparison_doubts(found)]
    told.append(f"{display}: curve.model: {found.chosen}")
    tell("\n".join(told), found, display=display)


@command(app)
def measure(
    display: DisplayFile,
    instrument: Meter = "typed",
    levels: Annotated[int, typer.Option(help="Levels of each channel.")] = 17,
    repeats: Annotated[int, typer.Option(help="Readings of each level.")] = 3,
    adaptive: Annotated[
        bool,
        typer.Option(
            "--adaptive", help="After the first pass read where the slope is known least."
        ),
    ] = False,
    grey_only: Annotated[
        bool, typer.Option("--grey", help="Leave out red, green and blue.")
    ] = False,
    patch: PatchSide = None,
    settle: Settle = 1.0,
    windowed: Windowed = False,
) -> None:
    """Measure a display with a light meter; goes on where it was interrupted."""
    from pdpsych import displays

    try:
        done = displays.measure(
            display,
            instrument=instrument,
            levels=levels,
            repeats=repeats,
            adaptive=adaptive,
            grey_only=grey_only,
            patch=patch,
            settle=settle,
            windowed=windowed,
        )
    except displays.MeasurementStopped as stopped:
        say(f"{stopped}; the same command goes on from there")
        return
    from pdpsych.common.drawing import save

    (figure,) = save(done.plot(), display.with_suffix(".png"), dpi=150)
    text = f"{done.describe()}\nwritten: the curve into {display}, its figure into {figure}"
    tell(text, done, display=display, figure=figure)


@command(app)
def verify(
    display: DisplayFile,
    instrument: Meter = "typed",
    limit: Annotated[
        float, typer.Option(help="Largest error allowed, as a share of white − black.")
    ] = 0.05,
    patch: PatchSide = None,
    settle: Settle = 1.0,
    windowed: Windowed = False,
) -> None:
    """Compare a display with its measured curve; status 1 if it has drifted."""
    from pdpsych import displays
    from pdpsych.common.section import load

    try:
        found = displays.verify(
            display,
            instrument=instrument,
            limit=limit,
            patch=patch,
            settle=settle,
            windowed=windowed,
        )
    except displays.MeasurementStopped as stopped:
        say(f"{stopped}; nothing was verified")
        raise typer.Exit(1) from None
    tell(found.describe(load(display, displays.Display)))
    if not found.passed:
        raise typer.Exit(1)
