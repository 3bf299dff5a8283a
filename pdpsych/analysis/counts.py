"""Correct answers counted in groups of trials, beside counts simulated from the fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import xlogy

from pdpsych.analysis.likelihood import Floats
from pdpsych.analysis.residuals import Residuals

SIMULATIONS = 500
# Answers simulated at a time: bounds the memory of long experiments.
_PART = 2_000_000


@dataclass(frozen=True)
class Counts:
    """Correct answers in K groups of trials.

    Attributes
    ----------
    label
        Of each group, (K,).
    trials, variance
        Number of trials of each group, and variance of the number correct, (K,).
    correct, expected
        Correct answers, and how many the fit expects, (K, 1 + S): the first column as observed,
        the others simulated from the fit, which then follows them.
    """

    label: NDArray[np.intp]
    trials: Floats
    variance: Floats
    correct: Floats
    expected: Floats

    def deviance(self) -> Floats:
        """Return the binomial deviance of each group, (K, 1 + S)."""
        wrong, missed = self.trials[:, None] - self.correct, self.trials[:, None] - self.expected
        right = xlogy(self.correct, self.correct / self.expected)
        return np.asarray(2 * (right + xlogy(wrong, wrong / missed)))

    def variance_ratio(self) -> Floats:
        """Return the mean over groups of squared deviation over variance, (1 + S,)."""
        squared = (self.correct - self.expected) ** 2
        return np.asarray((squared / self.variance[:, None]).mean(axis=0))


def count(
    residuals: Residuals, groupings: Sequence[NDArray[np.intp]], rng: np.random.Generator
) -> list[Counts]:
    """Count correct answers for each grouping, a label of each trial, (N,).

    All groupings see the same simulated answers, drawn at the amplitudes shown.
    """
    found = [np.unique(labels, return_inverse=True) for labels in groupings]
    sums = [_sums(member) for _, member in found]
    answers = [[total @ residuals.residual[:, None]] for total in sums]
    changes = [[0 * answer[0]] for answer in answers]
    step = max(_PART // len(residuals.expected), 1)
    for start in range(0, SIMULATIONS, step):
        drawn = residuals.simulated(min(step, SIMULATIONS - start), rng)
        moved = residuals.followed(drawn)
        for total, answer, change in zip(sums, answers, changes, strict=True):
            answer.append(total @ drawn)
            change.append(total @ moved)
    return [
        _counts(
            residuals, label, total, np.concatenate(answer, axis=1), np.concatenate(change, axis=1)
        )
        for (label, _), total, answer, change in zip(found, sums, answers, changes, strict=True)
    ]


def _counts(
    residuals: Residuals, label: NDArray[np.intp], total: csr_array, answer: Floats, change: Floats
) -> Counts:
    trials = total @ np.ones(len(residuals.expected))
    expected = (total @ residuals.expected)[:, None]
    # The fit follows in a straight line, which may lead beyond what its curve can reach.
    ends = trials[:, None] / 2, trials[:, None] * residuals.ceiling
    return Counts(
        label,
        trials,
        total @ residuals.variance,
        np.round(expected + answer),
        np.clip(expected + change, *ends),
    )


def _sums(member: NDArray[np.intp]) -> csr_array:
    """Return the matrix that sums trials to groups, (K, N)."""
    trial = np.arange(member.size)
    return csr_array((np.ones(member.size), (member.ravel(), trial)))


def tail(statistic: Floats) -> float:
    """Return the p value of the first of some values: the share of all that are as large."""
    return float(np.mean(statistic >= statistic[0] - 1e-9))
