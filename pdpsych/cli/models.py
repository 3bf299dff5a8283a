"""Commands about models."""

from __future__ import annotations

from typing import Annotated

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
) -> None:
    """List the layers of a network, in order of execution, with the shapes of their output."""
    from pdpsych import models

    layers = models.layers(network, shape=shape)
    tell(layers.describe(), layers)


@command(app)
def fetch(
    networks: Annotated[list[str], typer.Argument(help="source:model[@weights] …")],
) -> None:
    """Download weights beforehand, and check that the networks take them."""
    from pdpsych import models

    for network in networks:
        fetched = models.fetch([network])
        tell(fetched.describe(), fetched)
