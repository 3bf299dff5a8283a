import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from pdpsych.analysis.fitting.prior import Exponents, Prior
from pdpsych.analysis.fitting.shared import Shared

PRIOR = Prior(0.2, Exponents.of_anybody(2))
KNOWN = Exponents(np.array([0.3, -0.1]), np.array([[0.2, 0.05], [0.05, 0.1]]))


def example():
    return Shared.of(
        exponent=[1.4, 0.7], criteria=[0.1, -0.4, 0.2], means=[0.3, -0.7],
        lapse=0.03, learning=-0.2, spread=0.6,
    )  # fmt: skip


def density(shared, centre):
    """Log prior density by SciPy's distributions, in the scale of φ."""
    guess, groups = expit(shared.guess_logit), shared.groups
    of_guess = 0.9 * stats.beta.pdf(guess, 2, 25) + 0.1 * stats.beta.pdf(guess, 1, 1)
    scale = (0.7**2 + 0.2**2) * np.eye(groups) + 0.3**2 + 0.15**2
    return (
        np.log(of_guess * guess * (1 - guess))
        + stats.norm.logpdf(shared.learning, 0, 0.5)
        + stats.norm.logpdf(shared.criteria, 0, [0.5, 1.0, 0.5]).sum()
        + stats.norm.logpdf(shared.log_spread, 0, 0.7)
        + stats.multivariate_t.logpdf(shared.log_exponents, np.zeros(groups), scale, 7)
        + stats.multivariate_normal.logpdf(
            shared.means, np.full(groups, centre), np.eye(groups) + 4
        )
    )


def test_the_prior_is_that_of_the_distributions_named():
    one, other = example(), Shared.of(exponent=[4.0, 3.0], lapse=0.3, means=[1.0, 0.5])
    both = Shared(np.stack([one.values, other.values]))
    value = PRIOR.at(both).value
    assert value[0] - value[1] == pytest.approx(density(one, 0.2) - density(other, 0.2))
    assert PRIOR.at(one).value == pytest.approx(value[0])


def test_derivatives_of_the_prior_match_finite_differences():
    shared, steps = example(), 1e-5 * np.eye(10)
    found = PRIOR.at(shared)
    near = [(PRIOR.at(shared.moved(s)), PRIOR.at(shared.moved(-s))) for s in steps]
    gradient = [(up.value - down.value) / 2e-5 for up, down in near]
    hessian = [(up.gradient - down.gradient) / 2e-5 for up, down in near]
    np.testing.assert_allclose(found.gradient, gradient, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.hessian, hessian, rtol=1e-6, atol=1e-6)


def test_what_others_tell_takes_the_place_of_what_is_known_of_anybody():
    one, other = np.log([1.4, 0.7]), np.log([4.0, 3.0])
    found = [KNOWN.at(x).value for x in (one, other)]
    expected = [stats.multivariate_t.logpdf(x, KNOWN.middle, KNOWN.scale, 7) for x in (one, other)]
    assert found[0] - found[1] == pytest.approx(expected[0] - expected[1])
    shared = example()
    whole = Prior(0.2, KNOWN).at(shared).value - PRIOR.at(shared).value
    own = KNOWN.at(shared.log_exponents).value - PRIOR.exponents.at(shared.log_exponents).value
    assert whole == pytest.approx(own)


def test_files_keep_the_prior():
    again = Prior.from_plain(Prior(0.2, KNOWN).to_plain())
    assert again.centre == 0.2
    assert again.exponents.middle.tolist() == KNOWN.middle.tolist()
    assert again.exponents.scale.tolist() == KNOWN.scale.tolist()
