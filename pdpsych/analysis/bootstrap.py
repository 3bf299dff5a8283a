"""Errors of the fit by simulating the experiment and fitting it anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pdpsych.analysis.hierarchy import Posterior, solve
from pdpsych.analysis.likelihood import Floats, Observations, expected_correct


def bootstrap(
    observations: Observations, posterior: Posterior, number: int, rng: np.random.Generator
) -> Floats:
    """Return errors of the estimates of log τ in simulated experiments, (number, C).

    Thresholds and what they share are drawn from the posterior, answers from them at the
    amplitudes shown. Drawing them at the estimate instead would leave out that estimates are
    drawn together by their prior.
    """
    thresholds, shared = posterior.draws(number, rng)
    errors = np.empty_like(thresholds)
    for k, (truth, numbers) in enumerate(zip(thresholds, shared, strict=True)):
        chance = expected_correct(observations, truth, numbers)
        sign = np.where(rng.random(chance.size) < chance, 1.0, -1.0)
        errors[k] = solve(replace(observations, sign=sign)).mean - truth
    return errors


def bootstrap_interval(mean: Floats, errors: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the ends of the interval of each log τ: the estimate ± a quantile of |error|.

    Not by the quantiles of the signed errors: amplitudes that were placed by the real answers and
    not by the simulated ones give errors a bias that estimates do not have.
    """
    reach = np.quantile(np.abs(errors), level, axis=0)
    return mean - reach, mean + reach
