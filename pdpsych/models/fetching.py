"""Weights that are downloaded before they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pdpsych.common.results import Result
from pdpsych.models.address import parse_network
from pdpsych.models.sources.source import build, fingerprint


class FetchedNetwork(NamedTuple):
    """A network that is ready.

    Attributes
    ----------
    name
        Its address.
    training
        What it was trained on.
    weights_sha256
        SHA-256 of its weights.
    checkpoint
        What it has of the file of weights that its address names.

    Examples
    --------
    >>> from pdpsych import models
    >>> models.fetch(["torchvision:squeezenet1_1@random"]).networks[0].training
    'random weights, seed 0'
    """

    name: str
    training: str
    weights_sha256: str
    checkpoint: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class FetchedNetworks(Result):
    """What :func:`fetch` made ready.

    Attributes
    ----------
    networks
        A :class:`FetchedNetwork` for each.

    Examples
    --------
    >>> from pdpsych import models
    >>> models.fetch(["torchvision:squeezenet1_1@random"])
    <FetchedNetworks: 1 ready>
    """

    networks: tuple[FetchedNetwork, ...]

    def _line(self) -> str:
        return f"{len(self.networks)} ready"

    def describe(self) -> str:
        """Say which are ready, a line each."""
        return "\n".join(
            f"{network.name}: ready" + (f"; {network.checkpoint}" if network.checkpoint else "")
            for network in self.networks
        )


def fetch(networks: Sequence[str], *, folder: Path | None = None) -> FetchedNetworks:
    """Download weights beforehand, and check that the networks take them.

    Parameters
    ----------
    networks
        ``source:model[@weights]`` of each.
    folder
        What relative paths and Python modules are relative to; the working directory by default.

    Raises
    ------
    InputError
        If a network or its weights are not known or cannot be had, or do not fit each other.

    Examples
    --------
    >>> from pdpsych import models
    >>> print(models.fetch(["torchvision:squeezenet1_1@random"]).describe())
    torchvision:squeezenet1_1@random: ready
    """
    found = []
    for network in networks:
        built = build(parse_network(network), folder)
        of_file = built.loaded.describe() if built.loaded else ""
        found.append(FetchedNetwork(network, built.training, fingerprint(built.module), of_file))
    return FetchedNetworks(tuple(found))
