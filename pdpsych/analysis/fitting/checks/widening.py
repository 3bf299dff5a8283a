"""How much wider intervals are where a state of the person lasts for some trials.

In blocks of m trials the count of right answers then varies D times as much as it does where
answers are independent. As of clusters (Kish 1965), D = 1 + (m − 1)ρ with ρ the correlation of two
answers of a block. A condition has only some of a block's trials, m_c of them beside each trial,
that one counted: its own count varies 1 + (m_c − 1)ρ times as much, which is little where
conditions come in turn, and D where each is a block by itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Widening(NamedTuple):
    """Powers to which likelihoods count.

    Attributes
    ----------
    power
        That of each condition.
    together
        What conditions tell together, besides.
    """

    power: float
    together: float


NONE = Widening(1.0, 1.0)


def widening(
    condition: NDArray[np.intp], block: NDArray[np.intp], overdispersion: float
) -> Widening:
    """Return the powers for a variance D of blocks of trials.

    Parameters
    ----------
    condition, block
        Of each trial, (N,).
    overdispersion
        D; below 1 it is nothing.
    """
    whole = _beside(block)
    if overdispersion <= 1 or whole <= 1:
        return NONE
    correlation = (overdispersion - 1) / (whole - 1)
    own = 1 + (_beside(condition * (block.max() + 1) + block) - 1) * correlation
    return Widening(1 / own, min(own / overdispersion, 1.0))


def _beside(cluster: NDArray[np.intp]) -> float:
    """Return how many trials a trial has in its cluster, itself counted, on average."""
    return float((np.bincount(cluster) ** 2).sum() / cluster.size)
