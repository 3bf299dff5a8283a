"""Networks whose weights are in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from pdpsych.common.errors import InputError
from pdpsych.models.address import NetworkAddress
from pdpsych.models.preprocessing import InputFormat
from pdpsych.models.sources.checkpoint import classes_in, load_tensors, split_part
from pdpsych.models.sources.from_torchvision import DEFAULT_WEIGHTS, architecture
from pdpsych.models.sources.source import BuiltNetwork
from pdpsych.models.sources.tensor_file import read_tensors

Make = Callable[[int | None], tuple[nn.Module, InputFormat]]
"""Makes a network with some number of classes, its own without."""


def build(address: NetworkAddress, folder: Path) -> BuiltNetwork:
    """Build an architecture of torchvision with the weights of a checkpoint of one's own."""
    return from_file(
        address, folder, lambda classes: architecture(address.name, DEFAULT_WEIGHTS, classes)
    )


def from_file(address: NetworkAddress, folder: Path, make: Make) -> BuiltNetwork:
    """Build a network with the weights of ``PATH[#PART]``, and a head of as many classes."""
    path, part = split_part(str(address.weights), folder)
    tensors = read_tensors(path)
    module, takes = make(None)
    try:
        classes = classes_in(module, tensors, part)
        if classes is not None:
            module, takes = make(classes)
        loaded = load_tensors(module, tensors, path, part, takes.changed_by(address.preprocess))
    except InputError as error:
        raise error.within(file=path) from error.__cause__
    training = f"{path.stem} {part}".rstrip()
    return BuiltNetwork(module, address.name, training, takes, loaded=loaded)
