"""What models there are, and what layers a network has, as text to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from pdpsych.common.errors import InputError
from pdpsych.models.address import BUILT_IN, FORM, parse_network
from pdpsych.models.network import LayerUse, ModuleNetwork
from pdpsych.models.registry import SOURCES
from pdpsych.models.sources.cache import folder as checkpoint_folder
from pdpsych.models.sources.cache import on_disk
from pdpsych.models.sources.catalogue import checkpoints
from pdpsych.models.sources.source import build


def known() -> str:
    """List the built-in models, and the built-in checkpoints with what is on this machine."""
    rows = [("checkpoint", "trained on", "here", "file")]
    for found in checkpoints():
        name = f"torchvision:{found.architecture}@{found.weights}"
        rows.append((name, found.training, "yes" if on_disk(found.file) else "no", found.file))
    return "\n".join(
        [
            f"built in: {', '.join(BUILT_IN)}",
            f"others: {FORM}, with the sources {', '.join(SOURCES)};",
            "torchvision's own weights go by its names for them, such as IMAGENET1K_V1",
            f"checkpoints are kept in {checkpoint_folder()}",
            "",
            *_table(rows),
        ]
    )


def layers(network: str, shape: tuple[int, int, int] | None = None) -> str:
    """List what one forward pass does with each layer, in order of execution.

    Parameters
    ----------
    network
        ``source:model[@weights]``; without weights they are random, and nothing is downloaded.
    shape
        Channels, height and width of the image, where the source does not say.

    Raises
    ------
    InputError
        If the network is not known, cannot take such an image, or takes images of unknown shape.
    """
    address = parse_network(network)
    if address.weights is None and address.source != "python":
        address = address.model_copy(update={"weights": "random"})
    built = build(address, Path())
    if shape is None and built.takes.channels and built.takes.size:
        shape = (built.takes.channels, *built.takes.size)
    if shape is None:
        raise InputError(f"{network}: takes images of unknown shape; give --shape, as in 3 224 224")
    uses = ModuleNetwork(built.module, name=network).uses(torch.zeros((1, *shape)))
    rows = [("layer", "type", "output", "runs"), *(_row(use) for use in uses)]
    heading = f"{network}, one image {shape}; readable: layers that run once and give one tensor"
    return "\n".join([heading, *_table(rows)])


def _row(use: LayerUse) -> tuple[str, str, str, str]:
    times = {0: "never", 1: "once"}.get(len(use.outputs), f"{len(use.outputs)} times")
    return use.name, use.kind, " ".join(dict.fromkeys(use.outputs)), times


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
