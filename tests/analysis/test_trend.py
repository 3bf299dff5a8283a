import numpy as np
import pytest

from pdpsych.analysis.hierarchy import EXPONENT_SD, solve
from pdpsych.analysis.likelihood import Observations, expected_correct
from pdpsych.analysis.trend import trend
from pdpsych.experiments.psychometric import proportion_correct


@pytest.fixture
def observations(simulate):
    return simulate(np.random.default_rng(8), 6, 40)[1]


def derivatives(observations, posterior, h=1e-5):
    """Central differences of P(correct) in every log τ, log b and logit 2λ, (N, C + 2)."""

    def at(step):
        threshold, rest = posterior.mean + step[:-2], posterior.shared[:2] + step[-2:]
        return expected_correct(observations, threshold, rest[0], rest[1])

    steps = h * np.eye(posterior.mean.size + 2)
    return np.stack([(at(s) - at(-s)) / (2 * h) for s in steps], axis=1)


def test_slope_is_a_step_of_fisher_scoring_in_all_numbers(observations):
    posterior = solve(observations)
    covariate = np.random.default_rng(1).normal(size=observations.sign.size)
    columns = derivatives(observations, posterior)
    own = columns[:, :-2].sum(axis=1) * covariate
    columns = np.column_stack([columns, own])
    expected = expected_correct(observations, posterior.mean, *posterior.shared[:2])
    weight = 1 / (expected * (1 - expected))
    guess = 1 / (1 + np.exp(-posterior.shared[1]))
    prior = np.full(posterior.mean.size, np.exp(-2 * posterior.shared[2]))
    prior = np.array([*prior, EXPONENT_SD**-2, 27 * guess * (1 - guess), 0.0])
    information = columns.T @ (columns * weight[:, None]) + np.diag(prior)
    variance = np.linalg.inv(information)[-1, -1]
    gradient = own @ (weight * ((observations.sign + 1) / 2 - expected))
    slope, sd = trend(observations, posterior, covariate)
    assert sd == pytest.approx(np.sqrt(variance), rel=1e-5)
    assert slope == pytest.approx(variance * gradient, rel=1e-4)


@pytest.mark.parametrize("learnt", [0.0, -0.5])
def test_finds_how_thresholds_change(learnt):
    rng = np.random.default_rng(3)
    place = np.arange(3200) / 3199 - 0.5
    amplitude = np.exp(rng.normal(0.3, 0.5, 3200))
    chance = proportion_correct(amplitude, np.exp(learnt * place), 1.0, 0.02)
    condition = np.tile(np.arange(8), 400)
    observations = Observations.build(condition, amplitude, rng.random(3200) < chance)
    order = np.argsort(condition, kind="stable")
    change, sd = trend(observations, solve(observations), place[order])
    assert sd < 0.15
    assert abs(change - learnt) < 2.5 * sd


def test_is_unknown_where_nothing_was_shown():
    observations = Observations.build(np.zeros(30, int), np.zeros(30), np.arange(30) % 2 == 0)
    slope, sd = trend(observations, solve(observations), np.linspace(-0.5, 0.5, 30))
    assert np.isfinite(slope)
    assert sd > 100
