"""Whether proportion correct grows with the signal as the fit says it does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, erf

from pdpsych.analysis.fitting.hierarchy import EXPONENT_SD, GUESS_BETA, LEARNING_SD, Posterior
from pdpsych.analysis.fitting.likelihood import Floats, Observations, expected_correct, signal

# Combinations of bins whose variance the fit has used up to this share tell nothing.
_LEAST_SHARE = 0.05


def curve_p(observations: Observations, posterior: Posterior, level: NDArray[np.intp]) -> float:
    """Return the p value of the counts of correct answers at each level of the signal.

    χ² = rᵀV⁺r of the counts less their expectation, whose covariance V = D − B H⁻¹ Bᵀ allows for
    all that was fitted to the same answers (Rao & Robson 1974): D is their binomial variance, B
    their derivative in thresholds, exponent, lapse and learning, H the information on these with
    their prior.

    Parameters
    ----------
    level
        Number of the level of each trial, (N,), which must not depend on its answer, see
        :func:`pdpsych.analysis.fitting.prediction.predicted_signal`.
    """
    chance = expected_correct(observations, posterior.mean, posterior.shared)
    variance = chance * (1 - chance)
    count = np.bincount(level, variance)
    member = (level[:, None] == np.flatnonzero(count > 1)).astype(float)
    residual = member.T @ ((observations.sign + 1) / 2 - chance)
    scale = np.sqrt(member.T @ variance)
    covariance = _covariance(observations, posterior, member, variance) / np.outer(scale, scale)
    share, axes = np.linalg.eigh(covariance)
    told = share > _LEAST_SHARE
    squared = (axes.T @ (residual / scale))[told] ** 2 / share[told]
    return float(chdtrc(told.sum(), squared.sum())) if told.any() else 1.0


def _covariance(
    observations: Observations, posterior: Posterior, member: Floats, variance: Floats
) -> Floats:
    """Return V of the counts of L levels, (L, L), given the levels' members (N, L)."""
    own, shared = _derivatives(observations, posterior)
    starts, weight = observations.starts, 1 / variance
    by_own = np.add.reduceat(own[:, None] * member, starts)
    by_shared = shared.T @ member
    information = np.add.reduceat(own**2 * weight, starts) + np.exp(-2 * posterior.shared[3])
    cross = np.add.reduceat((own * weight)[:, None] * shared, starts) / information[:, None]
    rest = shared.T @ (shared * weight[:, None]) + _prior_information(posterior)
    rest -= cross.T @ (cross * information[:, None])
    left = by_shared - cross.T @ by_own
    used = by_own.T @ (by_own / information[:, None]) + left.T @ np.linalg.solve(rest, left)
    return np.asarray(np.diag(member.T @ variance) - used)


def _derivatives(observations: Observations, posterior: Posterior) -> tuple[Floats, Floats]:
    """Return those of P(correct) in the trial's log τ, (N,), and in log b, logit 2λ and s."""
    guess = 1 / (1 + np.exp(-posterior.shared[1]))
    ratio = signal(observations, posterior.mean, posterior.shared)
    growth = ratio * np.exp(-(ratio**2) / 4) * (1 - guess) / np.sqrt(4 * np.pi)
    own = -np.exp(posterior.shared[0]) * growth
    # Where nothing was shown d′ is 0, and 0 · log 0 = 0.
    exponent = growth * np.log(np.maximum(ratio, np.finfo(float).tiny))
    lapse = -guess * (1 - guess) * erf(ratio / 2) / 2
    return own, np.stack([exponent, lapse, own * observations.progress], axis=1)


def _prior_information(posterior: Posterior) -> Floats:
    guess = 1 / (1 + np.exp(-posterior.shared[1]))
    lapse = sum(GUESS_BETA) * guess * (1 - guess)
    return np.diag([EXPONENT_SD**-2, lapse, LEARNING_SD**-2])
