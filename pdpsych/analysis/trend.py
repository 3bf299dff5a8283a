"""How thresholds change with something that the fit leaves out, as the order of the trials."""

from __future__ import annotations

import numpy as np

from pdpsych.analysis.hierarchy import EXPONENT_SD, GUESS_BETA, Posterior
from pdpsych.analysis.likelihood import Floats, Observations, expected_correct, signal


def trend(
    observations: Observations, posterior: Posterior, covariate: Floats
) -> tuple[float, float]:
    """Return the slope of log τ on a covariate of each trial, (N,), and its standard error.

    One step of Fisher scoring from the estimate, allowing for all that was fitted. A large slope
    comes out too small; whether there is one does not.
    """
    x, y, log_spread = posterior.shared[:3]
    expected = expected_correct(observations, posterior.mean, x, y)
    by_threshold, by_exponent, by_guess = _derivatives(observations, posterior)
    weight = 1 / (expected * (1 - expected))
    shared = np.stack([by_exponent, by_guess, by_threshold * covariate], axis=1)
    guess = 1 / (1 + np.exp(-y))
    prior = np.array([EXPONENT_SD**-2, sum(GUESS_BETA) * guess * (1 - guess), 0.0])
    starts = observations.starts
    own = np.add.reduceat(by_threshold**2 * weight, starts) + np.exp(-2 * log_spread)
    cross = np.add.reduceat((by_threshold * weight)[:, None] * shared, starts)
    # Where no trial depends on a number, only rounding would be left of its information.
    rest = shared.T @ (shared * weight[:, None]) + np.diag(prior) + 1e-9 * np.eye(3)
    variance = float(np.linalg.inv(rest - cross.T @ (cross / own[:, None]))[2, 2])
    # At the estimate, the gradient in all else that was fitted is 0.
    residual = (observations.sign + 1) / 2 - expected
    return variance * float(shared[:, 2] @ (residual * weight)), float(np.sqrt(variance))


def _derivatives(observations: Observations, posterior: Posterior) -> tuple[Floats, Floats, Floats]:
    """Return the derivatives of P(correct) in the trial's log τ, log b and logit 2λ, (N,) each."""
    x, y = posterior.shared[:2]
    guess = 1 / (1 + np.exp(-y))
    ratio = signal(observations, posterior.mean, x)
    growth = ratio * np.exp(-(ratio**2) / 4) * (1 - guess) / np.sqrt(4 * np.pi)
    apart = observations.log_amplitude - posterior.mean[observations.condition]
    certain = 2 * expected_correct(observations, posterior.mean, x, -np.inf) - 1
    exponent = np.exp(x)
    return -exponent * growth, exponent * growth * apart, -guess * (1 - guess) * certain / 2
