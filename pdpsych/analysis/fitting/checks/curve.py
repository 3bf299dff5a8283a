"""Whether proportion correct grows with the signal as the fit says it does.

Trials are sorted by how large their signal was by what was known before their answer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

from pdpsych.analysis.fitting.likelihood import (
    criteria,
    criterion,
    expected_correct,
    growth,
    signal,
)
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.fitting.shared import of_trials
from pdpsych.analysis.names import Floats
from pdpsych.analysis.tasks.links import TWO

# Log thresholds around the mean of the group, nats.
_GRID = np.linspace(-4.0, 4.0, 65)
# The spread of thresholds is itself estimated: a prior no narrower than this.
_LEAST_SPREAD = 0.5
# Combinations of bins whose variance the fit has used up to this share tell nothing.
_LEAST_SHARE = 0.05


def predicted_signal(posterior: Posterior) -> Floats:
    """Return d′ of each trial by the trials before it in its condition, (N,); at most e⁴.

    Trials can be sorted by it without looking at their answers. By the d′ of the fit they cannot:
    a threshold that came out low by chance has answers that are too good for it, and adaptive
    placement then stays near it.
    """
    observations, shared = posterior.observations, posterior.mode.shared
    centre = shared.means[observations.group][:, None]
    log_weight = np.tile(
        -((_GRID / np.maximum(shared.spread, _LEAST_SPREAD)) ** 2) / 2, (len(centre), 1)
    )
    amplitude = observations.log_amplitude - shared.learning * observations.progress
    amplitude -= centre[observations.condition, 0]
    exponents = shared.exponents[observations.group]
    sign, pull = observations.sign, criterion(observations, shared)
    predicted = np.empty(sign.size)
    for number in range(int(observations.counts.max())):
        going = np.flatnonzero(observations.counts > number)
        trial = observations.starts[going] + number
        weight = np.exp(log_weight[going] - log_weight[going].max(axis=1, keepdims=True))
        threshold = weight @ _GRID / weight.sum(axis=1)
        predicted[trial] = exponents[going] * (amplitude[trial] - threshold)
        reach = np.minimum(exponents[going, None] * (amplitude[trial, None] - _GRID), 4.0)
        if observations.link is TWO:
            towards = np.exp(reach) / np.sqrt(2) + pull[trial, None]
            chosen = ndtr(sign[trial, None] * towards)
            log_weight[going] += np.log(shared.lapse + (1 - shared.guess) * chosen)
        else:
            right, wrong = observations.link.answered(reach, float(shared.guess))
            log_weight[going] += np.log(np.where(sign[trial, None] > 0, right, wrong))
    return np.asarray(np.exp(np.minimum(predicted, 4.0)))


def curve_p(posterior: Posterior, level: NDArray[np.intp]) -> float:
    """Return the p value of the counts of correct answers at each level of the signal.

    χ² = rᵀV⁺r of the counts less their expectation, whose covariance V = D − B H⁻¹ Bᵀ allows for
    all that was fitted to the same answers (Rao & Robson 1974): D is their binomial variance, B
    their derivative in thresholds, exponents, lapse, learning and criteria, H the information on
    these with their prior.

    Parameters
    ----------
    level
        Number of the level of each trial, (N,), which must not depend on its answer, see
        :func:`predicted_signal`.
    """
    observations = posterior.observations
    chance = expected_correct(observations, posterior.mode.mean, posterior.mode.shared)
    variance = chance * (1 - chance)
    count = np.bincount(level, variance)
    member = (level[:, None] == np.flatnonzero(count > 1)).astype(float)
    residual = member.T @ ((observations.sign + 1) / 2 - chance)
    scale = np.sqrt(member.T @ variance)
    covariance = _covariance(posterior, member, variance) / np.outer(scale, scale)
    share, axes = np.linalg.eigh(covariance)
    told = share > _LEAST_SHARE
    squared = (axes.T @ (residual / scale))[told] ** 2 / share[told]
    return float(chdtrc(told.sum(), squared.sum())) if told.any() else 1.0


def _covariance(posterior: Posterior, member: Floats, variance: Floats) -> Floats:
    """Return V of the counts of L levels, (L, L), given the levels' members (N, L)."""
    observations = posterior.observations
    own, shared = _derivatives(posterior)
    starts, weight = observations.starts, 1 / variance
    by_own = np.add.reduceat(own[:, None] * member, starts)
    by_shared = shared.T @ member
    information = np.add.reduceat(own**2 * weight, starts)
    information += np.exp(-2 * posterior.mode.shared.log_spread)
    cross = np.add.reduceat((own * weight)[:, None] * shared, starts) / information[:, None]
    place = of_trials(observations.groups)
    before = -posterior.mode.prior.at(posterior.mode.shared).hessian[np.ix_(place, place)]
    rest = shared.T @ (shared * weight[:, None]) + before
    rest -= cross.T @ (cross * information[:, None])
    left = by_shared - cross.T @ by_own
    used = by_own.T @ (by_own / information[:, None]) + left.T @ np.linalg.solve(rest, left)
    return np.asarray(np.diag(member.T @ variance) - used)


def _derivatives(posterior: Posterior) -> tuple[Floats, Floats]:
    """Return those of P(correct) in the trial's log τ, (N,), and in what P depends on of φ."""
    observations, shared = posterior.observations, posterior.mode.shared
    ratio = signal(observations, posterior.mode.mean, shared)
    rise = growth(observations, posterior.mode.mean, shared)
    # In a criterion, which enters where positions are known.
    towards = ratio / np.sqrt(2) + criterion(observations, shared)
    slope = np.exp(-(towards**2) / 2) * (1 - shared.guess) / np.sqrt(2 * np.pi)
    group = observations.group[observations.condition]
    own = -shared.exponents[group] * rise
    # Where nothing was shown d′ is 0, and 0 · log 0 = 0.
    exponent = rise * np.log(np.maximum(ratio, np.finfo(float).tiny))
    member = observations.membership[observations.condition]
    # P = gγ + (1 − g)F, whose derivative in logit g is g(1 − g)(γ − F) = g(γ − P).
    chance = expected_correct(observations, posterior.mode.mean, shared)
    lapse = shared.guess * (observations.link.chance - chance)
    by_criteria = slope[:, None] * criteria(observations)
    common = np.stack([lapse, own * observations.progress], axis=1)
    return own, np.concatenate([common, by_criteria, exponent[:, None] * member], axis=1)
