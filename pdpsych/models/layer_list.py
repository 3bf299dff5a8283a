"""What layers a network has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pdpsych.common.errors import InputError
from pdpsych.common.results import Result
from pdpsych.models.address import parse_network
from pdpsych.models.network import ModuleNetwork
from pdpsych.models.sources.source import BuiltNetwork, build
from pdpsych.models.taps.layer_use import LayerUse
from pdpsych.models.text_table import aligned


@dataclass(frozen=True, eq=False, repr=False)
class Layers(Result):
    """What one forward pass does with each layer of a network.

    Attributes
    ----------
    network
        Its address.
    shape
        Of the image, (channels, height, width).
    uses
        A :class:`LayerUse` for each layer, in order of execution; those out of use come last.
    checkpoint
        What the network has of the file of weights that its address names.

    Examples
    --------
    >>> from pdpsych import models
    >>> found = models.layers("torchvision:alexnet", shape=(3, 64, 64))
    >>> found
    <Layers: of torchvision:alexnet, 23, of which 23 can be read>
    >>> found.uses[0].outputs
    ('(64, 15, 15)',)
    """

    network: str
    shape: tuple[int, int, int]
    uses: tuple[LayerUse, ...]
    checkpoint: str = ""

    @property
    def readable(self) -> tuple[str, ...]:
        """Names of the layers that an address may end with."""
        return tuple(use.name for use in self.uses if use.usable)

    def _line(self) -> str:
        return f"of {self.network}, {len(self.uses)}, of which {len(self.readable)} can be read"

    def describe(self) -> str:
        """List the layers, with type, shape of the output, and how often each runs."""
        rows = [("layer", "type", "output", "runs"), *map(_row, self.uses)]
        heading = (
            f"{self.network}, one image {self.shape}; readable: layers that run once and give one "
            "tensor; of others LAYER+call=N or LAYER+output=KEY"
        )
        lines = [heading, self.checkpoint] if self.checkpoint else [heading]
        return "\n".join([*lines, *aligned(rows)])


def layers(
    network: str,
    *,
    taps: Sequence[str] = (),
    operations: bool = False,
    shape: tuple[int, int, int] | None = None,
    folder: Path | None = None,
) -> Layers:
    """Return the layers of a network, or what some taps read of them, by one forward pass.

    Parameters
    ----------
    network
        ``source:model[@weights]``; without weights they are random, and nothing is downloaded.
    taps
        Layers with what of their output is read, as in ``blocks.3+token=0``; all layers of the
        network without.
    operations
        Whether to return what modules compute themselves as well, as in ``layer1.0.add``.
    shape
        Channels, height and width of the image, where the source does not say.
    folder
        What relative paths and Python modules are relative to; the working directory by default.

    Raises
    ------
    InputError
        If the network is not known, cannot take such an image, or takes images of unknown shape;
        if a tap cannot be read.

    Examples
    --------
    >>> from pdpsych import models
    >>> models.layers("python:torch.nn:ReLU", shape=(1, 2, 2)).uses
    ()
    >>> models.layers("torchvision:alexnet", shape=(3, 64, 64)).readable[:2]
    ('features.0', 'features.1')
    >>> taps = ["features.0+channels=0:8+pool=mean"]
    >>> models.layers("torchvision:alexnet", taps=taps, shape=(3, 64, 64)).uses[0].outputs
    ('(8)',)
    """
    built = built_as_shown(network, folder)
    if shape is None and built.takes.channels and built.takes.size:
        shape = (built.takes.channels, *built.takes.size)
    if shape is None:
        raise InputError(
            "takes images of unknown shape",
            file=network,
            field="shape",
            allowed="channels, height and width, as in 3 224 224",
        )
    made = ModuleNetwork(built.module, name=network, folder=folder)
    image = torch.zeros((1, *shape))
    uses = made.taps(image, taps) if taps else made.uses(image, operations=operations)
    return Layers(network, shape, tuple(uses), built.loaded.describe() if built.loaded else "")


def built_as_shown(network: str, folder: Path | None) -> BuiltNetwork:
    """Build a network, with random weights where none are named: nothing is downloaded unasked."""
    address = parse_network(network)
    if address.weights is None and address.source != "python":
        address = address.model_copy(update={"weights": "random"})
    return build(address, folder)


def _row(use: LayerUse) -> tuple[str, str, str, str]:
    times = {0: "never", 1: "once"}.get(len(use.outputs), f"{len(use.outputs)} times")
    return use.name, use.kind, " ".join(dict.fromkeys(use.outputs)), times
