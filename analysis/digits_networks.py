"""Two small architectures for 8×8 digits, with the weights that lie beside this file.

``analysis/digits.py`` puts a copy of this file beside the weights of each training, where the
recipe it writes finds the networks as ``python:FOLDER.digits_networks:convolutional``.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor, nn

SIDE = 8
CLASSES = 10


class Convolutional(nn.Sequential):
    """Four 3×3 convolutions, the second and fourth with stride 2, and a hidden layer."""

    layers = ("relu1", "relu2", "relu3", "relu4", "relu5")

    def __init__(self) -> None:
        parts: list[tuple[str, nn.Module]] = []
        channels = 1
        for number, (width, stride) in enumerate([(16, 1), (32, 2), (32, 1), (64, 2)], start=1):
            parts.append((f"conv{number}", nn.Conv2d(channels, width, 3, stride, padding=1)))
            parts.append((f"relu{number}", nn.ReLU()))
            channels = width
        parts += [("flat", nn.Flatten()), ("fc5", nn.Linear(64 * 2 * 2, 128)), ("relu5", nn.ReLU())]
        super().__init__(OrderedDict([*parts, ("final", nn.Linear(128, CLASSES))]))


class Connected(nn.Sequential):
    """Five fully connected layers of 128 units."""

    layers = ("relu1", "relu2", "relu3", "relu4", "relu5")

    def __init__(self) -> None:
        parts: list[tuple[str, nn.Module]] = [("flat", nn.Flatten())]
        inputs = SIDE * SIDE
        for number in range(1, 6):
            parts += [(f"fc{number}", nn.Linear(inputs, 128)), (f"relu{number}", nn.ReLU())]
            inputs = 128
        super().__init__(OrderedDict([*parts, ("final", nn.Linear(inputs, CLASSES))]))


ARCHITECTURES: dict[str, type[Convolutional] | type[Connected]] = {
    "convolutional": Convolutional,
    "connected": Connected,
}


def read_weights(file: Path) -> dict[str, Tensor]:
    """Return the weights in a file, which may hold nothing but tensors."""
    state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return state


def convolutional() -> nn.Module:
    """Return the convolutional network with the weights beside this file."""
    return _trained("convolutional")


def connected() -> nn.Module:
    """Return the fully connected network with the weights beside this file."""
    return _trained("connected")


def _trained(architecture: str) -> nn.Module:
    network = ARCHITECTURES[architecture]()
    network.load_state_dict(read_weights(Path(__file__).with_name(f"{architecture}.pt")))
    return network.eval()
