"""A representation: a layer of a network, a noise model, a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import nn

from pdpsych.errors import InputError, did_you_mean
from pdpsych.geometry.local import Network
from pdpsych.geometry.noise import Gaussian, NoiseModel
from pdpsych.models.early_vision import CHANNELS, EarlyVisualModel, Padding
from pdpsych.models.network import ModuleNetwork

IDENTITY = "identity"


@dataclass(frozen=True)
class Representation:
    """A model's response distribution p(r|s): a deterministic response plus a noise model."""

    name: str
    network: Network
    layer: str
    noise: NoiseModel = field(default_factory=Gaussian)


def names() -> list[str]:
    """Return the names :func:`load` knows."""
    return [*CHANNELS, IDENTITY]


def load(wanted: Sequence[str], padding: Padding = "replicate") -> list[Representation]:
    """Return representations by name: LN, LG, LGG, LGN, and identity (the pixels themselves).

    Parameters
    ----------
    padding
        How the early visual models continue the image beyond its border.

    Raises
    ------
    InputError
        If a name is not known.
    """
    return [_load_one(name, padding) for name in wanted]


def from_module(
    module: nn.Module, layers: Sequence[str], name: str, noise: NoiseModel | None = None
) -> list[Representation]:
    """Return one representation a layer of any module, named ``name/layer``.

    Parameters
    ----------
    module
        Takes images (B, C, H, W); its own preprocessing is inside the derivative. It is put
        into evaluation mode and its parameters are frozen.
    layers
        Dotted names of sub-modules, as in ``module.named_modules()``.
    noise
        Noise model of each; unit Gaussian when not given.

    Raises
    ------
    InputError
        If a layer does not exist.
    """
    network = ModuleNetwork(module, name)
    for layer in layers:
        network.layer(layer)
    kept = noise or Gaussian()
    return [Representation(f"{name}/{layer}", network, layer, kept) for layer in layers]


def _load_one(name: str, padding: Padding) -> Representation:
    if name in CHANNELS:
        return Representation(name, EarlyVisualModel(CHANNELS[name], padding), "response")
    if name == IDENTITY:
        return Representation(name, ModuleNetwork(nn.Identity(), name), "")
    raise InputError(f'models: unknown model "{name}"; {did_you_mean(name, names())}')
