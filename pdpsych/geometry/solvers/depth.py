"""Layers of one network, each a function of the one before.

A distortion to which a layer is blind does not reach the layers behind it. So those that resist
resist together, and the first of them stands for all: the way to it is a few per cent of the way
through all networks, and its information has as many dimensions as are in the way. What is left out
is in the gradient still, and in the subspace.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Chains = Sequence[Sequence[int]]

# Share of the largest weight of a network from which on a layer stands for those behind it. With
# 0.2 and 0.9, pairs of three pairs of networks were 2 to 5 % behind at 400 products.
STRONG = 0.5
# Share of the contrast below which networks, as wholes, are not what is asked about.
SAME = 1e-9


def leading(weights: Floats, chains: Chains) -> Floats:
    """Move the weights (N,) of layers to the first of their network that weighs about as much."""
    moved = np.array(weights)
    for chain in chains:
        order = np.array(chain)
        own = weights[order]
        first = int(np.argmax(own >= STRONG * own.max()))
        moved[order[first]] = own[first:].sum()
        moved[order[first + 1 :]] = 0.0
    return moved


def of_networks(contrast: Floats, chains: Chains) -> Floats | None:
    """Return the contrast of the means over networks of a contrast L (N, N).

    None where each layer is a network of its own, or L compares layers of the same networks.
    """
    if all(len(chain) == 1 for chain in chains):
        return None
    mean = np.zeros_like(contrast)
    for chain in chains:
        mean[np.ix_(chain, chain)] = 1 / len(chain)
    coarse = np.asarray(mean @ contrast @ mean)
    return coarse if np.trace(coarse) > SAME * np.trace(contrast) else None
