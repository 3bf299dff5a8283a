import numpy as np
import pytest
from scipy import stats

from pdpsych.analysis.fitting.shared import (
    EXPONENT_SD,
    GROUP_SD,
    GUESS_BETA,
    LEARNING_SD,
    MEAN_SD,
    SPREAD_SD,
    Shared,
    gathered,
    log_prior,
    spread_out,
)

READ = {"exponent": 1.4, "lapse": 0.03, "learning": -0.2, "spread": 0.6}


def test_numbers_as_people_read_them_come_back():
    shared = Shared.of(**READ, means=[0.3, -0.7])
    assert {name: float(getattr(shared, name)) for name in READ} == pytest.approx(READ)
    assert shared.guess == pytest.approx(2 * 0.03)
    assert shared.means.tolist() == [0.3, -0.7]


def test_files_have_the_numbers_in_this_order():
    # Those of fit.json, version 3.
    values = Shared.of(**READ, means=[0.3, -0.7]).values
    guess = 2 * READ["lapse"]
    assert values.tolist() == pytest.approx(
        [np.log(1.4), np.log(guess / (1 - guess)), -0.2, np.log(0.6), 0.3, -0.7]
    )


def test_samples_are_gone_through_and_cut():
    samples = Shared(np.arange(18.0).reshape(3, 6))
    assert samples.learning.tolist() == [2, 8, 14]
    assert [float(one.log_spread) for one in samples] == [3, 9, 15]
    assert samples[1:].means.tolist() == [[10, 11], [16, 17]]
    assert len(samples) == 3
    assert samples.moved(np.ones(6)).learning.tolist() == [3, 9, 15]


def density(shared, centre):
    """Log prior density by SciPy's distributions, in the scale of φ."""
    groups = shared.means.size
    covariance = GROUP_SD**2 * np.eye(groups) + MEAN_SD**2
    jacobian = np.log(shared.guess) + np.log1p(-shared.guess)
    return (
        stats.norm.logpdf(shared.log_exponent, 0, EXPONENT_SD)
        + stats.beta.logpdf(shared.guess, *GUESS_BETA)
        + jacobian
        + stats.norm.logpdf(shared.learning, 0, LEARNING_SD)
        + stats.norm.logpdf(shared.log_spread, 0, SPREAD_SD)
        + stats.multivariate_normal.logpdf(shared.means, np.full(groups, centre), covariance)
    )


def test_the_prior_is_that_of_the_distributions_named():
    one, other = Shared.of(**READ, means=[0.3, -0.7]), Shared.of(means=[1.0, 0.5])
    apart = log_prior(one, 0.2).value - log_prior(other, 0.2).value
    assert apart == pytest.approx(density(one, 0.2) - density(other, 0.2))


def test_derivatives_of_the_prior_match_finite_differences():
    shared, steps = Shared.of(**READ, means=[0.3, -0.7, 0.1]), 1e-5 * np.eye(7)
    found = log_prior(shared, 0.2)
    near = [(log_prior(shared.moved(s), 0.2), log_prior(shared.moved(-s), 0.2)) for s in steps]
    gradient = [(up.value - down.value) / 2e-5 for up, down in near]
    hessian = [(up.gradient - down.gradient) / 2e-5 for up, down in near]
    np.testing.assert_allclose(found.gradient, gradient, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.hessian, hessian, rtol=1e-6, atol=1e-6)


def test_what_conditions_have_of_their_own_goes_to_the_mean_of_their_group():
    rng = np.random.default_rng(0)
    group = np.array([0, 2, 1, 0])
    member = (group[:, None] == np.arange(3)).astype(float)
    columns, matrices = rng.normal(size=(4, 5)), rng.normal(size=(4, 5, 5))
    matrices = matrices + matrices.transpose(0, 2, 1)
    expected, total = np.zeros((4, 7)), np.zeros((7, 7))
    for condition, own in enumerate(group):
        places = [0, 1, 2, 3, 4 + own]
        expected[condition, places] = columns[condition]
        total[np.ix_(places, places)] += matrices[condition]
    np.testing.assert_array_equal(spread_out(columns, member), expected)
    np.testing.assert_allclose(gathered(matrices, member), total)
