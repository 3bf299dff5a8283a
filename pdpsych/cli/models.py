"""Commands about models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pdpsych.cli.app import models as app
from pdpsych.cli.command import command, tell


@command(app, "list")
def list_models() -> None:
    """List the built-in models and checkpoints, and which are on this machine."""
    from pdpsych import models

    known = models.known()
    tell(known.describe(), known)


@command(app)
def show(
    network: Annotated[str, typer.Argument(help="source:model[@weights]; random without.")],
    shape: Annotated[
        tuple[int, int, int] | None,
        typer.Option(help="Channels, height and width of the image, where not known."),
    ] = None,
    tap: Annotated[
        list[str] | None,
        typer.Option(help="LAYER+step=value…, in the place of all layers; once or more."),
    ] = None,
    operations: Annotated[
        bool,
        typer.Option("--operations", help="Also what modules compute between those inside them."),
    ] = False,
    image: Annotated[
        Path | None,
        typer.Option(
            help="A photograph: what the network makes of it, and how linear it is there."
        ),
    ] = None,
) -> None:
    """List the layers of a network, in order of execution, with the shapes of their output."""
    from pdpsych import models

    found = models.layers(network, taps=tap or (), operations=operations, shape=shape)
    if image is None:
        tell(found.describe(), found)
        return
    from pdpsych import stimuli

    colour: Literal["grey", "rgb"] = "grey" if found.shape[0] == 1 else "rgb"
    preprocess = stimuli.Preprocess(size=found.shape[1:], colour=colour)
    pixels = stimuli.load_image(image, preprocess)
    looked = models.look(network, pixels, taps=tap or (), operations=operations)
    tell(looked.describe(), looked)


@command(app)
def fetch(
    networks: Annotated[list[str], typer.Argument(help="source:model[@weights] …")],
) -> None:
    """Download weights beforehand, and check that the networks take them."""
    from pdpsych import models

    for network in networks:
        fetched = models.fetch([network])
        tell(fetched.describe(), fetched)
