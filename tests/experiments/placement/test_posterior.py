from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdpsych.experiments.placement.posterior import Prior, ThresholdPosterior
from pdpsych.experiments.placement.psychometric import proportion_correct

PRIOR = Prior(threshold_rms=0.05, sd=0.5)


def brute_force(prior: Prior, unit: float, answers) -> np.ndarray:
    """Return the joint posterior by one multiplication per grid point and answer."""
    grid = ThresholdPosterior(prior, unit)
    joint = grid.joint.copy()
    for amplitude, correct in answers:
        for i, log_threshold in enumerate(grid.log_thresholds):
            for j, (exponent, lapse) in enumerate(product(grid.exponents, grid.lapses)):
                p = float(proportion_correct(amplitude, np.exp(log_threshold), exponent, lapse))
                joint[i, j] *= p if correct else 1 - p
    return joint / joint.sum()


@settings(max_examples=10)
@given(answers=st.lists(st.tuples(st.floats(-0.1, 5.0), st.booleans()), max_size=4))
def test_posterior_is_bayes_rule(answers):
    posterior = ThresholdPosterior(PRIOR, 10.0)
    for amplitude, correct in answers:
        posterior = posterior.after(amplitude, correct)
    expected = brute_force(PRIOR, 10.0, answers)
    np.testing.assert_allclose(posterior.joint, expected, rtol=1e-9, atol=1e-15)
    weight = expected.sum(axis=1)
    mean = float((weight * posterior.log_thresholds).sum())
    sd = float(np.sqrt((weight * (posterior.log_thresholds - mean) ** 2).sum()))
    assert posterior.estimate() == pytest.approx((mean, sd))


def test_before_any_answer_it_is_the_prior():
    posterior = ThresholdPosterior(PRIOR, 10.0)
    assert posterior.estimate() == pytest.approx((np.log(0.5), 0.5), abs=0.06)
    shapes = product(posterior.exponents, posterior.lapses)
    weights = dict(zip(shapes, posterior.joint.sum(axis=0), strict=True))
    assert weights[1.0, 0.02] == pytest.approx(0.45 * 0.45)
    assert weights[2.0, 0.06] == pytest.approx(0.1 * 0.2)


@given(weight=st.floats(0.01, 100))
@settings(max_examples=20)
def test_weights_are_relative(weight):
    some = Prior(exponents={1.0: weight, 2.0: 3 * weight}, lapses={0.02: weight})
    same = Prior(exponents={1.0: 0.25, 2.0: 0.75}, lapses={0.02: 1.0})
    np.testing.assert_allclose(
        ThresholdPosterior(some, 1).joint, ThresholdPosterior(same, 1).joint, rtol=1e-9
    )


def test_answers_do_not_change_a_posterior_already_held():
    before = ThresholdPosterior(PRIOR, 10.0)
    kept = before.joint.copy()
    before.after(0.5, False)
    assert (before.joint == kept).all()


def test_a_likelihood_falls_to_either_side_by_what_bounds_it():
    begun = ThresholdPosterior(Prior(), 10.0)
    assert begun.falls() == pytest.approx((0, 0), abs=1e-9)
    seen = begun
    for _ in range(4):
        seen = seen.after(5.0, correct=True)
    # Whoever sees nothing is right by chance.
    below, above = seen.falls()
    assert below == pytest.approx(0, abs=1e-9)
    assert 4 * np.log(2) - 0.4 < above < 4 * np.log(2)
    both = seen.after(1e-3, correct=False)
    assert both.falls()[0] > 2
