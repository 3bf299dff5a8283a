"""Where the log thresholds of a pair of distortions may be: one lattice for all hypotheses.

A log threshold t scatters around its predicted place μ by what models leave unexplained, N(μ, σ²).
Places lie on the grid of thresholds, t₀ + δj, and log ratios are held to multiples of δ. What a
pair's trials say of a log ratio is then worked out once for all hypotheses that predict it, so that
it costs next to nothing to have many models.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pdpsych.experiments.placement.psychometric import Floats

# Standard deviations of log thresholds that models leave unexplained, nats; all as likely.
SPREADS = (0.15, 0.3, 0.5, 0.8)


class Lattice:
    """The places of T log thresholds and their log ratios, in steps of the grid.

    Parameters
    ----------
    offsets
        Log thresholds less the median of their prior, (T,), in equal steps.
    """

    def __init__(self, offsets: Floats) -> None:
        self.offsets = offsets
        self.step = float(offsets[1] - offsets[0])

    @cached_property
    def scatter(self) -> Floats:
        """Probabilities of t given μ for each spread, (S, T, T): rows sum to 1."""
        away = self.offsets[None, :] - self.offsets[:, None]
        height = np.exp(-((away / np.array(SPREADS)[:, None, None]) ** 2) / 2)
        return np.asarray(height / height.sum(axis=2, keepdims=True))

    def steps_of(self, log_ratios: Floats) -> NDArray[np.intp]:
        """Return log ratios in whole steps."""
        return np.asarray(np.rint(log_ratios / self.step), dtype=np.intp)

    def shifted(self, heights: Floats, steps: NDArray[np.intp]) -> Floats:
        """Return ``heights``, (S, T), so many steps further on, 0 outside, (S, R, T)."""
        size = len(self.offsets)
        places = np.arange(size) + steps[:, None]
        inside = (places >= 0) & (places < size)
        return np.asarray(heights[:, np.clip(places, 0, size - 1)] * inside)

    def middle(self, log_steps: NDArray[np.intp], mean: float, sd: float) -> Floats:
        """Return the prior of the place of one where the other is so many steps on, (R, T).

        That of the middle of both is normal; rows sum to 1 over places that are both on the grid.
        """
        size = len(self.offsets)
        places = np.arange(size) + log_steps[:, None]
        inside = (places >= 0) & (places < size)
        middles = self.offsets + log_steps[:, None] * self.step / 2
        height = np.where(inside, np.exp(-(((middles - mean) / sd) ** 2) / 2), 0.0)
        total = height.sum(axis=1, keepdims=True)
        return np.asarray(height / np.maximum(total, np.finfo(float).tiny))
