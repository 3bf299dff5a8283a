"""Commands for whole studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pdpsych.cli.app import app
from pdpsych.cli.command import command, tell
from pdpsych.common.terminal import quoted, say


@command(app, interrupted="what is done is kept, the same command goes on")
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the study it makes.")] = Path("pdpsych-demo"),
    quick: Annotated[bool, typer.Option("--quick", help="Fewer, smaller images.")] = False,
    observer: Annotated[
        str, typer.Option(help="The model that the simulated participants see like.")
    ] = "LGN",
) -> None:
    """Run the whole pipeline on real photographs, with simulated participants."""
    from pdpsych import demo

    tell("", demo.run(out, quick=quick, observer=observer), study=out)


@command(app)
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Missing or empty.")],
    template: Annotated[
        str,
        typer.Option("--from", help="What it begins with: early-vision, deep-networks or trained."),
    ] = "early-vision",
) -> None:
    """Make a new study, with a README that says what to run."""
    from pdpsych import studies

    readme = studies.init(folder, template=template)
    tell(f"new study; read {readme}", readme=readme)


@command(app)
def check(
    path: Annotated[
        Path, typer.Argument(metavar="DIR|FILE", help="A study, or one of its files.")
    ] = Path("."),
    contact_sheet: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Draw the base images that are not in a set yet."),
    ] = None,
) -> None:
    """Check a study and say what it needs next; status 2 if something is wrong."""
    from pdpsych import studies

    found = studies.check(path, contact_sheet=contact_sheet)
    tell(found.describe(), found)
    if found.problems:
        raise typer.Exit(2)


@command(app)
def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A study.")] = Path("."),
) -> None:
    """Show what of a study is generated, run, fitted and scored, and what is out of date."""
    from pdpsych import studies

    found = studies.status(folder)
    tell(found.describe(), found)


@command(app)
def verify(
    study: Annotated[
        Path, typer.Argument(metavar="STUDY", help="A study, or one of its analyses.")
    ] = Path("."),
) -> None:
    """Compute all results again and compare every number; status 2 if one is not proved."""
    from pdpsych import studies

    found = studies.verify(study, progress=True)
    tell(found.describe(), found)
    if not found.proved:
        raise typer.Exit(2)


@command(app)
def pack(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a study.")],
    out: Annotated[
        Path | None, typer.Option(metavar="ZIP", help="The archive; default: beside the study.")
    ] = None,
    incomplete: Annotated[
        bool,
        typer.Option(
            "--incomplete", help="Even with problems, or without README, licence or citation."
        ),
    ] = False,
) -> None:
    """Write a study as one archive with checksums, for OSF or Zenodo."""
    from pdpsych import studies
    from pdpsych.experiments.roster.roster import ANSWERS

    made = studies.pack(study, out, incomplete=incomplete, progress=True)
    answers = study / ANSWERS
    if answers.is_file():
        say(f"left out: {answers}, what people answered; exports have what may leave")
    how = f"pdpsych unpack {quoted(made.name)}"
    tell(f"{made}; others check and unpack it by: {how}", archive=made)


@command(app)
def unpack(
    archive: Annotated[Path, typer.Argument(metavar="ZIP", help="What pdpsych pack wrote.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to make; default: its own name.")
    ] = None,
) -> None:
    """Verify an archive of a study and unpack it."""
    from pdpsych import studies

    made = studies.unpack(archive, out, progress=True)
    tell(f"verified; {made}", study=made)
