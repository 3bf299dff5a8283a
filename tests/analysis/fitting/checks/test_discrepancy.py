import numpy as np
import pytest
from scipy.stats import binom

from pdpsych.analysis.binomial import deviance
from pdpsych.analysis.fitting.checks.discrepancy import SAMPLES, discrepancy, p_value
from pdpsych.analysis.fitting.columns import EDGES
from pdpsych.analysis.fitting.integration import solve
from pdpsych.analysis.fitting.likelihood import expected_correct, signal
from pdpsych.analysis.fitting.posterior import Conditionals, Posterior
from pdpsych.analysis.fitting.shared import Shared


def test_deviance_is_twice_the_log_likelihood_ratio():
    n, k, e = np.array([10.0, 7.0, 3.0]), np.array([8.0, 7.0, 0.0]), np.array([6.5, 6.2, 1.9])
    ratio = binom.logpmf(k, n, k / n) - binom.logpmf(k, n, e / n)
    np.testing.assert_allclose(deviance(n, k, e), 2 * ratio)
    assert deviance(np.zeros(1), np.zeros(1), np.zeros(1))[0] == 0.0


def test_a_certain_posterior_gives_the_discrepancies_of_its_only_values(simulate):
    observations = simulate(np.random.default_rng(8), 4, 50)[1]
    solved = solve(observations)
    places = solved.mean[:, None] + 1e-9 * np.linspace(-1, 1, 3)
    given = Conditionals(observations, places, Shared(solved.shared.values[None]))
    certain = Posterior(given, np.ones(1), True)
    block = np.random.default_rng(0).permutation(np.repeat(np.arange(5), 40))
    found = discrepancy(certain, block, np.random.default_rng(1))
    p = expected_correct(observations, solved.mean, solved.shared)
    right = (observations.sign + 1) / 2
    level = np.digitize(signal(observations, solved.mean, solved.shared), EDGES)

    def of(some):
        return deviance(np.array(some.sum()), right[some].sum(), p[some].sum())

    conditions = [
        sum(of((observations.condition == c) & (level == k)) for k in range(8)) for c in range(4)
    ]
    np.testing.assert_allclose(found.conditions[:, 0], np.tile(conditions, (SAMPLES, 1)))
    squares = [
        (right - p)[block == b].sum() ** 2 / (p * (1 - p))[block == b].sum() for b in range(5)
    ]
    np.testing.assert_allclose(found.blocks[:, 0], np.mean(squares))
    # Drawn answers are drawn anew, and their blocks vary as independent answers do.
    assert len(np.unique(found.conditions[:, 1, 0])) > SAMPLES / 2
    assert found.blocks[:, 1].mean() == pytest.approx(1.0, abs=0.15)


def test_p_values_of_adaptive_trials_are_seldom_small_where_the_model_holds(simulate):
    rng = np.random.default_rng(2)
    values = []
    for _ in range(30):
        observations = simulate(rng, 8, 60)[1]
        block = rng.integers(0, 10, 480)
        found = discrepancy(solve(observations), block, rng)
        several = found.conditions.sum(axis=2), found.blocks
        values.append([p_value(each) for each in several])
    # Of 30, 1.5 are expected below 0.05; 7 or more come once in 1000 times.
    assert (np.array(values) < 0.05).sum(axis=0).max() < 7
    assert np.abs(np.mean(values, axis=0) - 0.5).max() < 0.18


def test_p_value_counts_what_is_as_far_off():
    assert p_value(np.array([[1.0, 2.0], [1.0, 1.0], [3.0, 2.0], [3.0, 0.0]])) == 0.5
