"""Where people may be: at a model, or on the way from one model to another.

Asked *which* model people are like, a posterior declares one with near certainty where people are
exactly between two. So there are side classes beside the models: people at share ω of the way from
a to b, whose log ratios are (1 − ω) L_a + ω L_b. All that are nearest to a model are one group;
half-way, which is nobody's side, is the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pdpsych.experiments.placement.psychometric import Floats

SHARES = (0.2, 0.4, 0.5, 0.6, 0.8)
_HALF = 0.5


@dataclass(frozen=True)
class SideClasses:
    """The H classes of M models: models first, then shares of each pair of them.

    Attributes
    ----------
    models
        Names.
    first, second
        Numbers of the models on whose way a class is, (H,).
    share
        ω, (H,).
    """

    models: tuple[str, ...]
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    share: Floats

    @classmethod
    def of(cls, models: tuple[str, ...]) -> SideClasses:
        """Return the classes of models."""
        pairs = [(a, b, share) for a, b in combinations(range(len(models)), 2) for share in SHARES]
        rows = [(m, m, 0.0) for m in range(len(models))] + pairs
        first, second, share = zip(*rows, strict=True)
        return cls(models, np.array(first), np.array(second), np.array(share))

    @property
    def groups(self) -> NDArray[np.intp]:
        """Number of the nearest model, (H,); the number of models where two are as near."""
        near = np.where(self.share < _HALF, self.first, self.second)
        return np.where(self.share == _HALF, len(self.models), near)

    @property
    def prior(self) -> Floats:
        """Probabilities, (H,): a third for the models, for half-way, and for other places between.

        With less for half-way a few answers would be sure of a side where there is none.
        """
        alone, half = self.first == self.second, self.share == _HALF
        return _together([alone, half, ~alone & ~half])

    @property
    def asked_by(self) -> Floats:
        """Probabilities by which trials are chosen, (H,): half for models, half for ways between.

        With more for half-way trials would tell that from sides rather than models from each other.
        """
        alone = self.first == self.second
        return _together([alone, ~alone])

    def between(self, of_models: Floats) -> Floats:
        """Return (1 − ω) L_a + ω L_b of each class, (H, …), from L of the models, (M, …)."""
        share = self.share.reshape(-1, *[1] * (of_models.ndim - 1))
        return np.asarray((1 - share) * of_models[self.first] + share * of_models[self.second])


def _together(kinds: list[NDArray[np.bool_]]) -> Floats:
    """Return probabilities of classes of several kinds, all kinds alike and all within one."""
    every = np.stack(kinds)
    return np.asarray((every / every.sum(axis=1, keepdims=True)).sum(axis=0) / len(kinds))
