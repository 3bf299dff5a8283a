"""Networks whose weights are in a file."""

from __future__ import annotations

from pathlib import Path

from pdpsych.models.address import NetworkAddress
from pdpsych.models.sources import checkpoint
from pdpsych.models.sources.from_torchvision import DEFAULT_WEIGHTS, architecture
from pdpsych.models.sources.source import BuiltNetwork


def build(address: NetworkAddress, folder: Path) -> BuiltNetwork:
    """Build an architecture of torchvision with the weights of a checkpoint of one's own."""
    path = folder / str(address.weights)
    module, takes = architecture(address.name, DEFAULT_WEIGHTS)
    checkpoint.load_into(module, checkpoint.read_state(path), str(path))
    return BuiltNetwork(module, address.name, path.stem, takes)
