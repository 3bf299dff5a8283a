"""Adaptive placement: which amplitude tells most about a threshold."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pdpsych.experiments.psychometric import Floats, proportion_correct

# Shapes that human 2AFC data take, with what one expects of them before any trial; the
# threshold is what a session is for, so these only have to be coarse.
EXPONENTS = np.array([0.7, 1.0, 1.4, 2.0])
LAPSES = np.array([0.005, 0.02, 0.06])
_EXPONENT_PRIOR = np.array([0.2, 0.45, 0.25, 0.1])
_LAPSE_PRIOR = np.array([0.35, 0.45, 0.2])
_STEP = 0.1
_SPAN = 4.0
_CANDIDATES = 40
# An easy amplitude is so many thresholds: d′ = 5 is seen by all who look.
_EASY = 5.0


class Estimate(NamedTuple):
    """Posterior mean and standard deviation of the natural log of the threshold."""

    log_threshold: float
    sd: float


class Placement:
    """Posterior on a condition's log threshold, and the next amplitude by least entropy.

    The posterior lies on a grid of log threshold, exponent and lapse rate of
    :func:`~pdpsych.experiments.psychometric.proportion_correct`; exponent and lapse are
    marginalised. As Kontsevich & Tyler (1999) and Watson (2017), but for the entropy of the
    threshold alone, and for any amplitude: what was shown need not be what was asked for.

    Parameters
    ----------
    threshold, sd
        Median threshold before the first trial, and standard deviation of its log in nats.
    least, most
        The range of amplitudes to choose from, in the unit of ``threshold``.
    """

    def __init__(self, threshold: float, sd: float, least: float, most: float) -> None:
        self.log_thresholds = np.log(threshold) + np.arange(-_SPAN * sd, _SPAN * sd, _STEP)
        self.amplitudes = np.geomspace(least, most, _CANDIDATES)
        density = np.exp(-0.5 * ((self.log_thresholds - np.log(threshold)) / sd) ** 2)
        shape = (_EXPONENT_PRIOR[:, None] * _LAPSE_PRIOR).ravel()
        joint = density[:, None] * shape
        self.posterior: Floats = joint / joint.sum()

    def update(self, amplitude: float, correct: bool) -> None:
        """Take in one answer to a realised amplitude."""
        likely = _likelihood(np.array([amplitude]), self.log_thresholds)[0]
        joint = self.posterior * (likely if correct else 1 - likely)
        self.posterior = joint / joint.sum()

    def place(self, easy: bool) -> float:
        """Return the amplitude of the next trial: clearly visible if easy, else informative."""
        if not easy:
            return self.next_amplitude()
        wanted = _EASY * float(np.exp(self.estimate().log_threshold))
        return min(wanted, float(self.amplitudes[-1]))

    def next_amplitude(self) -> float:
        """Return the amplitude whose answer leaves least expected entropy of log threshold."""
        expected = self.expected_entropies()
        return float(self.amplitudes[np.argmin(expected)])

    def expected_entropies(self) -> Floats:
        """Return, for each candidate amplitude, the expected entropy after it in nats."""
        table = _table(tuple(self.amplitudes), tuple(self.log_thresholds))
        right = np.einsum("atk,tk->at", table, self.posterior)
        wrong = self.posterior.sum(axis=1) - right
        return _weighted_entropy(right) + _weighted_entropy(wrong)

    def estimate(self) -> Estimate:
        """Return posterior mean and standard deviation of the log threshold, in nats."""
        weight = self.posterior.sum(axis=1)
        mean = float(weight @ self.log_thresholds)
        return Estimate(mean, float(np.sqrt(weight @ (self.log_thresholds - mean) ** 2)))


def _likelihood(amplitudes: Floats, log_thresholds: Floats) -> Floats:
    """Return P(correct), (amplitudes, thresholds, exponents × lapses)."""
    grid = proportion_correct(
        amplitudes[:, None, None, None],
        np.exp(log_thresholds)[:, None, None],
        EXPONENTS[:, None],
        LAPSES,
    )
    return grid.reshape(len(amplitudes), len(log_thresholds), -1)


@lru_cache(maxsize=256)
def _table(amplitudes: tuple[float, ...], log_thresholds: tuple[float, ...]) -> Floats:
    return _likelihood(np.array(amplitudes), np.array(log_thresholds))


def _weighted_entropy(joint: Floats) -> Floats:
    """Return Σp · entropy(p/Σp) for each row p."""
    total = joint.sum(axis=1, keepdims=True)
    share = joint / np.maximum(total, np.finfo(float).tiny)
    logs = np.log(np.where(share > 0, share, 1.0))
    return np.asarray(-(total[:, 0]) * (share * logs).sum(axis=1))
