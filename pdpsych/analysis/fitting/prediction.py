"""How large the signal of a trial was, by what was known before its answer."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

from pdpsych.analysis.fitting.hierarchy import Posterior
from pdpsych.analysis.fitting.likelihood import Floats, Observations

# Log thresholds around the mean of the group, nats.
_GRID = np.linspace(-4.0, 4.0, 65)
# The spread of thresholds is itself estimated: a prior no narrower than this.
_LEAST_SPREAD = 0.5


def predicted_signal(observations: Observations, posterior: Posterior) -> Floats:
    """Return d′ of each trial by the trials before it in its condition, (N,); at most e⁴.

    Trials can be sorted by it without looking at their answers. By the d′ of the fit they cannot:
    a threshold that came out low by chance has answers that are too good for it, and adaptive
    placement then stays near it.
    """
    log_exponent, guess_logit, learning, log_spread = posterior.shared[:4]
    centre = posterior.shared[4:][observations.group][:, None]
    log_weight = np.tile(
        -((_GRID / max(np.exp(log_spread), _LEAST_SPREAD)) ** 2) / 2, (len(centre), 1)
    )
    amplitude = observations.log_amplitude - learning * observations.progress
    amplitude -= centre[observations.condition, 0]
    certain, exponent = 1 / (1 + np.exp(guess_logit)), np.exp(log_exponent)
    predicted = np.empty(observations.sign.size)
    for number in range(int(observations.counts.max())):
        going = np.flatnonzero(observations.counts > number)
        trial = observations.starts[going] + number
        weight = np.exp(log_weight[going] - log_weight[going].max(axis=1, keepdims=True))
        threshold = weight @ _GRID / weight.sum(axis=1)
        predicted[trial] = exponent * (amplitude[trial] - threshold)
        reach = np.minimum(exponent * (amplitude[trial, None] - _GRID), 4.0)
        right = certain * erf(np.exp(reach) / 2)
        log_weight[going] += np.log1p(observations.sign[trial, None] * right)
    return np.asarray(np.exp(np.minimum(predicted, 4.0)))
