"""Whether the two signs of a distortion are seen alike."""

from __future__ import annotations

import numpy as np
import scipy

from pdpsych.analysis.fitting.likelihood import expected_correct, growth
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.names import Floats

# Conditions with less information on a difference between signs tell nothing of it.
_LEAST_INFORMATION = 0.1


def asymmetry(posterior: Posterior, sign: Floats) -> dict[str, float]:
    """Return how far log thresholds of both signs are apart, and the p value of not at all.

    Score test of γ in log τ + γa of each condition, a the ``sign`` of the distortion in each trial,
    (N,): with U the derivative of the log likelihood in γ and J the information on it that the
    threshold leaves, Σ U²/J is χ² with a degree of freedom for each condition. ``asymmetry`` is the
    standard deviation of 2γ over conditions, by the method of moments, in nats.
    """
    observations, shared = posterior.observations, posterior.mode.shared
    chance = expected_correct(observations, posterior.mode.mean, shared)
    exponent = shared.exponents[observations.group][observations.condition]
    slope = -exponent * growth(observations, posterior.mode.mean, shared)
    right = (observations.sign + 1) / 2
    score = slope * (right - chance) / (chance * (1 - chance))
    weight = slope**2 / (chance * (1 - chance))

    def total(values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values, observations.starts))

    whole = np.maximum(total(weight), np.finfo(float).tiny)
    middle = total(weight * sign) / whole
    apart = sign - middle[observations.condition]
    found, information = total(score * apart), total(weight * apart**2)
    tells = information > _LEAST_INFORMATION
    if not tells.any():
        return {"asymmetry": 0.0, "asymmetry_p": 1.0}
    found, information = found[tells], information[tells]
    variance = np.sum(found**2 - information) / np.sum(information**2)
    return {
        "asymmetry": 2 * float(np.sqrt(max(variance, 0.0))),
        "asymmetry_p": float(scipy.special.chdtrc(tells.sum(), np.sum(found**2 / information))),
    }
