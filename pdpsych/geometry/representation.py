"""What the geometry asks of a representation: a layer of a network, with noise."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.geometry.linearization import Linearization
from pdpsych.geometry.noise.noise_model import NoiseModel


class Network(Protocol):
    """Something whose layers can be linearised together at an image."""

    def linearize(self, image: Tensor, layers: Sequence[Any]) -> Linearization:
        """Linearise the named layers at an image (C, H, W)."""
        ...

    def responses(self, batch: Tensor, layers: Sequence[Any]) -> list[Tensor]:
        """Return the output of each named layer, (B, …), for a batch (B, C, H, W)."""
        ...


class RepresentationLike(Protocol):
    """A layer of a network with a noise model and a name."""

    @property
    def name(self) -> str:
        """Name in tables and figures."""
        ...

    @property
    def network(self) -> Network:
        """The network; representations that share it share its linearisation."""
        ...

    @property
    def layer(self) -> Hashable:
        """Which layer of the network."""
        ...

    @property
    def noise(self) -> NoiseModel:
        """The noise model."""
        ...


def grouped(representations: Sequence[RepresentationLike]) -> list[tuple[Network, list[int]]]:
    """Return the networks, and the numbers of the representations that share each.

    Raises
    ------
    InputError
        If there is no representation.
    """
    if not representations:
        raise InputError("none", field="representations", value=0, allowed="at least 1")
    groups: dict[int, tuple[Network, list[int]]] = {}
    for i, representation in enumerate(representations):
        groups.setdefault(id(representation.network), (representation.network, []))[1].append(i)
    return list(groups.values())


def executed(
    network: Network, representations: Sequence[RepresentationLike], members: Sequence[int]
) -> list[int]:
    """Return the place of each member's layer in a pass, −1 where the network does not know."""
    layers = [representations[i].layer for i in members]
    known = getattr(network, "known_order", None)
    order = known(layers) if known else None
    return [order.index(layer) if order else -1 for layer in layers]
