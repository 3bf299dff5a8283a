"""Whether proportion correct grows with the signal as the fit says it does.

Every trial is predicted from the trials before it in its condition, given what the fit says that
conditions share. So its answer less that prediction is 0 on average whatever placed its amplitude,
and so are sums of these over trials sorted by anything that was known before their answers. By
the thresholds of the fit they are not: these have followed the answers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from pdpsych.analysis.fitting.likelihood import correct_at, criterion
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.fitting.shared import Shared
from pdpsych.analysis.names import Floats

# Log thresholds around the mean of the group, in spreads of them but no less than nats.
_GRID = np.linspace(-4.0, 4.0, 65)
_LEAST_UNIT = 1.0
# Of log d′: beyond, answers are right to the last digit.
_MOST_SIGNAL = 4.0
# Combinations of bins whose variance the fit has used up to this share tell nothing.
_LEAST_SHARE = 0.05
# Of differences in what is shared.
_STEP = 1e-4


class Predicted(NamedTuple):
    """Each trial by the trials before it in its condition: P(correct), (N,), and d′, (N,)."""

    chance: Floats
    signal: Floats


def predicted(observations: Observations, shared: Shared) -> Predicted:
    """Predict each trial; d′ is that at the expected log threshold, at most e⁴."""
    exponents = shared.exponents[observations.group]
    unit = max(float(shared.spread), _LEAST_UNIT)
    grid = unit * _GRID
    count = observations.counts.size
    log_weight = np.tile(-((grid / shared.spread) ** 2) / 2, (count, 1))
    amplitude = observations.log_amplitude - shared.learning * observations.progress
    amplitude -= shared.means[observations.group][observations.condition]
    sign, pull = observations.sign, criterion(observations, shared)
    chance, log_signal = np.empty((2, sign.size))
    for number in range(int(observations.counts.max())):
        going = np.flatnonzero(observations.counts > number)
        trial = observations.starts[going] + number
        weight = np.exp(log_weight[going] - log_weight[going].max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        log_signal[trial] = exponents[going] * (amplitude[trial] - weight @ grid)
        reach = exponents[going, None] * (amplitude[trial, None] - grid)
        reach = np.minimum(reach, _MOST_SIGNAL)
        right = correct_at(observations.link, reach, pull[trial, None], shared)
        chance[trial] = np.sum(weight * right, axis=1)
        log_weight[going] += np.log(np.where(sign[trial, None] > 0, right, 1 - right))
    return Predicted(chance, np.exp(np.minimum(log_signal, _MOST_SIGNAL)))


def curve_p(posterior: Posterior, chance: Floats, level: NDArray[np.intp]) -> float:
    """Return the p value of the counts of correct answers at each level of the signal.

    χ² = rᵀV⁺r of the counts less their predictions, whose covariance V = D − B H⁻¹ Bᵀ allows for
    what is shared, which was fitted to the same answers (Rao & Robson 1974): D is their binomial
    variance, B the derivative of their sum in φ, H the information of all answers on φ, their
    predictions multiplied being its likelihood, with that of the prior.

    Parameters
    ----------
    posterior
        Of the fit, at whose most probable φ trials are predicted.
    chance
        P(correct) of each trial as predicted, (N,).
    level
        Number of the level of each trial, (N,), which must not depend on its answer, as that of
        the predicted d′ does not.
    """
    observations, mode = posterior.observations, posterior.mode
    variance = np.maximum(chance * (1 - chance), np.finfo(float).tiny)
    member = (level[:, None] == np.flatnonzero(np.bincount(level, variance) > 1)).astype(float)
    residual = member.T @ ((observations.sign + 1) / 2 - chance)
    slope = _slopes(observations, mode.shared, chance)
    information = slope.T @ (slope / variance[:, None]) - mode.prior.at(mode.shared).hessian
    by_shared = member.T @ slope
    used = by_shared @ np.linalg.solve(information, by_shared.T)
    scale = np.sqrt(member.T @ variance)
    covariance = (np.diag(scale**2) - used) / np.outer(scale, scale)
    share, axes = np.linalg.eigh(covariance)
    told = share > _LEAST_SHARE
    squared = (axes.T @ (residual / scale))[told] ** 2 / share[told]
    return float(scipy.special.chdtrc(told.sum(), squared.sum())) if told.any() else 1.0


def _slopes(observations: Observations, shared: Shared, chance: Floats) -> Floats:
    """Return the derivatives of each predicted P(correct) in φ, (N, F)."""
    steps = _STEP * np.eye(shared.values.size)
    moved = [predicted(observations, shared.moved(step)).chance - chance for step in steps]
    return np.stack(moved, axis=1) / _STEP
