"""Adaptive placement: the amplitude whose answer tells most about the threshold."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np

from pdpsych.experiments.placement.placement import Placement, Showable
from pdpsych.experiments.placement.posterior import Prior, likelihood
from pdpsych.experiments.placement.psychometric import Floats

_CANDIDATES = 40
# Without a calibration, amplitudes down to so many standard deviations below the prior's median.
_LOWEST = 3.0


class Adaptive(Prior):
    """Each amplitude leaves least expected entropy of log threshold.

    With ``prior: models`` a threshold is expected where the models of the set predict it, give or
    take ``sd``, each model with the mean of its log thresholds at ``threshold_rms``. The set has to
    know what models respond at visible amplitudes.
    """

    kind: Literal["adaptive"] = "adaptive"
    prior: Literal["models"] | None = None

    @property
    def uses_models(self) -> bool:
        """Whether models say where thresholds are expected."""
        return self.prior is not None

    def begin(self, showable: Showable, seed: int) -> AdaptivePlacement:
        """Return the placement of a condition before its first trial; nothing in it is random."""
        return AdaptivePlacement(self, showable)


class AdaptivePlacement(Placement):
    """Chooses the amplitude by least expected entropy of log threshold.

    As Kontsevich & Tyler (1999) and Watson (2017), but for the entropy of the threshold alone:
    exponent and lapse rate are marginalised.

    Attributes
    ----------
    amplitudes
        Those it chooses from, in model units, ascending.
    """

    def __init__(self, prior: Prior, showable: Showable) -> None:
        super().__init__(prior, showable)
        lowest = prior.threshold_rms * showable.unit * np.exp(-_LOWEST * prior.sd)
        least = showable.least or min(lowest, showable.most / 10)
        self.amplitudes: Floats = np.geomspace(least, showable.most, _CANDIDATES)

    def next_amplitude(self) -> float:
        """Return the amplitude whose answer leaves least expected entropy of log threshold."""
        expected = self.expected_entropies()
        return float(self.amplitudes[np.argmin(expected)])

    def expected_entropies(self) -> Floats:
        """Return, for each candidate amplitude, the expected entropy after it in nats."""
        right = self.correct_with_threshold()
        wrong = self.posterior.joint.sum(axis=1) - right
        return _weighted_entropy(right) + _weighted_entropy(wrong)

    def correct_with_threshold(self) -> Floats:
        """Return the probability of log τ and a correct answer at candidate amplitudes, (A, T)."""
        table = _table(tuple(self.amplitudes), *map(tuple, self.posterior.grid))
        return np.einsum("atk,tk->at", table, self.posterior.joint)


@lru_cache(maxsize=256)
def _table(
    amplitudes: tuple[float, ...],
    log_thresholds: tuple[float, ...],
    exponents: tuple[float, ...],
    lapses: tuple[float, ...],
) -> Floats:
    return likelihood(*map(np.array, (amplitudes, log_thresholds, exponents, lapses)))


def _weighted_entropy(joint: Floats) -> Floats:
    """Return Σp · entropy(p/Σp) for each row p."""
    total = joint.sum(axis=1, keepdims=True)
    share = joint / np.maximum(total, np.finfo(float).tiny)
    logs = np.log(np.where(share > 0, share, 1.0))
    return np.asarray(-(total[:, 0]) * (share * logs).sum(axis=1))
