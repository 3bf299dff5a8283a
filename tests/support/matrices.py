"""Explicit networks with known matrices, and a real photograph."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

PHOTOGRAPH = "astronaut"


class MatrixNetwork:
    """Linear layers given as matrices (R, D): the slow obvious thing to compare with."""

    def __init__(self, **matrices: np.ndarray):
        self.matrices = matrices

    def linearize(self, image, layers: Sequence[str]):
        return MatrixLinearization([self.matrices[layer] for layer in layers], image)


class MatrixLinearization:
    def __init__(self, matrices, image):
        import torch

        self._shape = image.shape
        self._matrices = [torch.as_tensor(m).to(image) for m in matrices]
        self.responses = [m @ image.flatten() for m in self._matrices]

    def push(self, distortions):
        return [distortions.flatten(1) @ m.T for m in self._matrices]

    def select(self, taps):
        chosen = copy.copy(self)
        chosen._matrices = [self._matrices[i] for i in taps]
        chosen.responses = [self.responses[i] for i in taps]
        return chosen

    def pull(self, cotangents):
        total = sum(w @ m for w, m in zip(cotangents, self._matrices, strict=True))
        return total.reshape(-1, *self._shape)


@dataclass(frozen=True)
class MatrixRepresentation:
    name: str
    network: MatrixNetwork
    layer: str
    noise: object


@pytest.fixture
def matrix_representations():
    """Return a function from matrices to representations of one network."""
    from pdpsych.geometry import Gaussian

    def build(*matrices: np.ndarray):
        layers = {f"m{i}": matrix for i, matrix in enumerate(matrices)}
        network = MatrixNetwork(**layers)
        return [MatrixRepresentation(name, network, name, Gaussian()) for name in layers]

    return build


@pytest.fixture(scope="session")
def photograph():
    """Return a function from a side length to a real grey photograph (1, side, side), float64."""
    import torch
    from PIL import Image
    from skimage import data

    grey = Image.fromarray(getattr(data, PHOTOGRAPH)()).convert("L")

    def build(side: int):
        pixels = np.asarray(grey.resize((side, side)), dtype=np.float64)
        return torch.from_numpy(pixels / 255)[None]

    return build
