import numpy as np
import pytest
from scipy.special import chdtrc

from pdpsych.analysis.fitting.curve import curve_p
from pdpsych.analysis.fitting.discrepancy import EDGES
from pdpsych.analysis.fitting.hierarchy import EXPONENT_SD, LEARNING_SD, solve
from pdpsych.analysis.fitting.likelihood import Observations, expected_correct
from pdpsych.analysis.fitting.prediction import predicted_signal


def levels(observations, posterior):
    return np.searchsorted(EDGES, predicted_signal(observations, posterior), side="right")


def derivatives(observations, posterior, h=1e-5):
    """Central differences of P(correct) in every log τ, log b, logit 2λ and s, (N, C + 3)."""

    def at(step):
        return expected_correct(observations, posterior.mean + step[:-3], shared + step[-3:])

    shared = posterior.shared[:3]
    steps = h * np.eye(posterior.mean.size + 3)
    return np.stack([(at(s) - at(-s)) / (2 * h) for s in steps], axis=1)


def test_it_is_the_chi_squared_of_counts_with_what_was_fitted_taken_off(simulate):
    found = simulate(np.random.default_rng(8), 6, 80)[1]
    order = np.random.default_rng(1).permutation(480)
    observations = Observations.build(
        found.condition, np.exp(found.log_amplitude), found.sign > 0, order=order
    )
    posterior = solve(observations)
    level = levels(observations, posterior)
    p = expected_correct(observations, posterior.mean, posterior.shared)
    jacobian = derivatives(observations, posterior)
    guess = 1 / (1 + np.exp(-posterior.shared[1]))
    prior = np.full(6, np.exp(-2 * posterior.shared[3]))
    prior = [*prior, EXPONENT_SD**-2, 27 * guess * (1 - guess), LEARNING_SD**-2]
    information = jacobian.T @ (jacobian / (p * (1 - p))[:, None]) + np.diag(prior)
    member = (level[:, None] == np.arange(8)).astype(float)
    member = member[:, (p * (1 - p)) @ member > 1]
    off = member.T @ ((observations.sign + 1) / 2 - p)
    binomial = (p * (1 - p)) @ member
    slopes = member.T @ jacobian
    covariance = np.diag(binomial) - slopes @ np.linalg.solve(information, slopes.T)
    scale = np.sqrt(binomial)
    share, axes = np.linalg.eigh(covariance / np.outer(scale, scale))
    kept = share > 0.05
    squared = ((axes.T @ (off / scale)) ** 2 / share)[kept].sum()
    assert curve_p(observations, posterior, level) == pytest.approx(
        chdtrc(kept.sum(), squared), rel=1e-4
    )


def test_p_values_are_uniform_where_the_model_holds_and_trials_are_placed_by_answers(simulate):
    rng = np.random.default_rng(2)
    values = []
    for _ in range(60):
        observations = simulate(rng, 16, 50)[1]
        posterior = solve(observations)
        values.append(curve_p(observations, posterior, levels(observations, posterior)))
    # The mean of 60 uniform numbers has a standard error of 0.037; 9 or more of 60 lie below
    # 0.05 once in 500 times.
    assert np.mean(values) == pytest.approx(0.5, abs=0.12)
    assert (np.array(values) < 0.05).sum() < 9


def test_nothing_shown_tells_nothing():
    observations = Observations.build(np.zeros(30, int), np.zeros(30), np.arange(30) % 2 == 0)
    posterior = solve(observations)
    assert curve_p(observations, posterior, levels(observations, posterior)) > 0.5
