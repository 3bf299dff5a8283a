"""Commands about models."""

from __future__ import annotations

from typing import Annotated

import typer

from pdpsych.cli.app import models as app
from pdpsych.common.terminal import say


@app.command("list")
def list_models() -> None:
    """List the built-in models and checkpoints, and which are on this machine."""
    from pdpsych import models

    say(models.known().describe())


@app.command()
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
) -> None:
    """List the layers of a network, in order of execution, with the shapes of their output."""
    from pdpsych import models

    say(models.layers(network, taps=tap or (), shape=shape).describe())


@app.command()
def fetch(
    networks: Annotated[list[str], typer.Argument(help="source:model[@weights] …")],
) -> None:
    """Download weights beforehand, and check that the networks take them."""
    from pdpsych import models

    for network in networks:
        say(models.fetch([network]).describe())
