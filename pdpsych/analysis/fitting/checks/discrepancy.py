"""How far counts of answers are from what the fit expects, beside answers drawn from the fit.

Every posterior sample of thresholds and what they share takes the place of the truth: answers are
compared with it, and so are answers drawn from it (realised discrepancies: Gelman, Meng & Stern
1996). If the model holds, both are alike even where amplitudes were placed by earlier answers. At
the estimate they are not: adaptive placement lets the estimate follow the answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdpsych.analysis.binomial import deviance
from pdpsych.analysis.fitting.columns import EDGES
from pdpsych.analysis.fitting.likelihood import expected_correct, signal
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.fitting.shared import Shared
from pdpsych.analysis.names import Floats

# Posterior samples: p values then have a standard error of 0.03 at most.
SAMPLES = 250


@dataclass(frozen=True)
class Discrepancy:
    """Discrepancies of S posterior samples: of the answers given, and of answers drawn.

    Attributes
    ----------
    conditions
        Binomial deviance of each condition's counts in bins of d′, (S, 2, C).
    blocks
        Mean over blocks of the squared deviation of the count over its variance, (S, 2).
    """

    conditions: Floats
    blocks: Floats


def discrepancy(
    posterior: Posterior,
    block: NDArray[np.intp],
    rng: np.random.Generator,
) -> Discrepancy:
    """Draw posterior samples and compare answers with each; ``block`` numbers trials, (N,)."""
    observations = posterior.observations
    given = (observations.sign + 1) / 2
    conditions, blocks = [], []
    for log_threshold, shared in zip(*posterior.draws(SAMPLES, rng), strict=True):
        expected = expected_correct(observations, log_threshold, shared)
        answers = np.stack([given, rng.random(given.size) < expected])
        conditions.append(_deviances(observations, log_threshold, shared, expected, answers))
        off = np.array([np.bincount(block, each - expected) for each in answers])
        variance = np.bincount(block, expected * (1 - expected))
        blocks.append((off**2 / variance).mean(axis=1))
    return Discrepancy(np.array(conditions), np.array(blocks))


def _deviances(
    observations: Observations,
    log_threshold: Floats,
    shared: Shared,
    expected: Floats,
    answers: Floats,
) -> Floats:
    """Return deviances of each condition, (2, C)."""
    width = len(EDGES) + 1
    level = np.searchsorted(EDGES, signal(observations, log_threshold, shared), side="right")
    cell = observations.condition * width + level
    shape = observations.starts.size, width

    def counted(values: Floats) -> Floats:
        totals = np.bincount(cell, values, minlength=shape[0] * width)
        return np.asarray(totals.reshape(shape), dtype=np.float64)

    number, mean = counted(np.ones(cell.size)), counted(expected)
    correct = np.stack([counted(each) for each in answers])
    return np.asarray(deviance(number, correct, mean).sum(axis=2))


def p_value(discrepancies: Floats) -> float:
    """Return the share of samples in which drawn answers are as far off as those given, (S, 2)."""
    return float(np.mean(discrepancies[:, 1] >= discrepancies[:, 0]))
