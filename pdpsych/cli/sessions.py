"""Commands that run sessions and hand them on."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from pdpsych.cli.app import Windowed, app
from pdpsych.cli.command import command, tell
from pdpsych.common.errors import InputError
from pdpsych.common.terminal import is_watched, say

Participant = Annotated[
    str | None,
    typer.Option(help="Letters and digits; without it a dialog asks, or if nobody looks: 01."),
]
Simulate = Annotated[
    str | None,
    typer.Option(
        metavar="OBSERVER",
        help="Let a simulated observer answer: a model of the set, or an observer's YAML file.",
    ),
]


class Frames(str, Enum):
    """Formats of frames."""

    png = "png"
    tiff = "tiff"
    npy = "npy"


@command(app, interrupted="answers are kept, the same command goes on from there")
def run(
    experiment: Annotated[
        Path,
        typer.Argument(
            help="Experiment, experiments/NAME.yaml, or a study: what is due by its sessions.yaml."
        ),
    ],
    participant: Participant = None,
    session: Annotated[
        str | None, typer.Option(help="Letters and digits; without it the one that is due, or 01.")
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="A number; where a session has several runs.")
    ] = None,
    unplanned: Annotated[
        bool,
        typer.Option(
            "--unplanned", help="Even where it is not due by sessions.yaml; the log says so."
        ),
    ] = False,
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

    try:
        if participant is None and not (simulate or dry_run):
            from pdpsych.experiments.person import dialog

            participant, session, run = dialog.ask(experiment, session, run, unplanned=unplanned)
        who = "01" if participant is None else participant
        if dry_run:
            planned = experiments.outline(
                experiment,
                who,
                session=session,
                run=run,
                unplanned=unplanned,
                uncalibrated=uncalibrated,
            )
            tell(planned.describe(), planned)
            return
        log = experiments.run(
            experiment,
            who,
            session=session,
            run=run,
            unplanned=unplanned,
            observer=simulate,
            show=show,
            windowed=windowed,
            uncalibrated=uncalibrated,
            progress=(bool(simulate) and not show) or is_watched(),
        )
    except experiments.SessionStopped as stopped:
        say(f"{stopped}; the same command goes on from there")
        return
    tell(log.describe(), log, log=log.path)


@command(app)
def export(
    source: Annotated[
        Path,
        typer.Argument(
            help="Experiment, experiments/NAME.yaml; with --frames, the folder of a stimulus set."
        ),
    ],
    bids: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Folder of a BIDS dataset to make.")
    ] = None,
    psych_ds: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Folder of a Psych-DS dataset to make.")
    ] = None,
    frames: Annotated[
        Frames | None, typer.Option(help="Write a set's frames, for other programs to show.")
    ] = None,
    display: Annotated[
        Path | None, typer.Option(help="What shows the frames, experiments/displays/NAME.yaml.")
    ] = None,
    contrasts: Annotated[
        str | None, typer.Option(metavar="X,X,…", help="RMS contrasts of the frames.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the frames to make.")] = None,
    uncalibrated: Annotated[
        bool, typer.Option("--uncalibrated", help="Do without a calibration; for trying out.")
    ] = False,
) -> None:
    """Write all sessions of an experiment, or the frames of a set, for other programs."""
    from pdpsych import experiments

    if frames is not None:
        if display is None or contrasts is None or out is None:
            raise InputError("frames need --display, --contrasts and --out", field="frames")
        made = experiments.export_frames(
            source,
            out,
            display=display,
            contrasts=_numbers(contrasts),
            frames=frames.value,
            uncalibrated=uncalibrated,
            progress=True,
        )
        tell(f"frames: {made}; how to show them: {made / 'README.md'}", frames=made)
        return
    experiment = source
    if bids is None and psych_ds is None:
        raise InputError(
            "nothing to export to", remedy="give --bids OUT, --psych-ds OUT or --frames"
        )
    if bids is not None:
        made = experiments.export(experiment, bids, layout="bids")
        tell(f"BIDS: {made}", bids=made)
    if psych_ds is not None:
        made = experiments.export(experiment, psych_ds, layout="psych-ds")
        tell(f"Psych-DS: {made}", psych_ds=made)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            "numbers with commas between, as in 0.005,0.01", field="contrasts", value=text
        ) from None
