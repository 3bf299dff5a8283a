import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdpsych.analysis import likelihood
from pdpsych.analysis.likelihood import Observations, log_likelihood
from pdpsych.experiments.psychometric import proportion_correct

ROWS = {name: row for row, name in enumerate(("value", "x", "y", "xx", "xy", "yy"))}


def lapse(guess_logit):
    return 0.5 / (1 + np.exp(-guess_logit))


@pytest.fixture
def trials():
    rng = np.random.default_rng(3)
    condition = np.repeat(np.arange(5), [1, 30, 7, 50, 2])
    return condition, np.exp(rng.normal(0, 1, 90)), rng.random(90) < 0.8


@pytest.fixture
def observations(trials):
    shuffled = np.random.default_rng(4).permutation(90)
    return Observations.build(*(column[shuffled] for column in trials))


def test_value_is_the_log_of_the_psychometric_function(trials, observations):
    nodes = np.random.default_rng(5).normal(0, 1, (5, 3))
    expected = np.zeros((5, 3))
    for condition, amplitude, correct in zip(*trials, strict=True):
        p = proportion_correct(amplitude, np.exp(nodes[condition]), np.exp(0.3), lapse(-3.0))
        expected[condition] += np.log(p if correct else 1 - p)
    value = log_likelihood(observations, nodes, 0.3, -3.0)[0]
    np.testing.assert_allclose(value, expected, rtol=1e-11)


@given(
    x=st.floats(-0.8, 0.8),
    y=st.floats(-6.0, 1.0),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40)
def test_derivatives_match_finite_differences(x, y, seed):
    rng = np.random.default_rng(seed)
    built = Observations.build(
        np.repeat([0, 1], 20), np.exp(rng.normal(0, 1, 40)), rng.random(40) < 0.75
    )
    nodes = rng.normal(0, 0.7, (2, 3))
    here = log_likelihood(built, nodes, x, y)
    h = 1e-5
    along_x = (log_likelihood(built, nodes, x + h, y), log_likelihood(built, nodes, x - h, y))
    along_y = (log_likelihood(built, nodes, x, y + h), log_likelihood(built, nodes, x, y - h))
    slope_x = (along_x[0] - along_x[1]) / (2 * h)
    slope_y = (along_y[0] - along_y[1]) / (2 * h)
    pairs = [
        ("x", slope_x[ROWS["value"]]),
        ("y", slope_y[ROWS["value"]]),
        ("xx", slope_x[ROWS["x"]]),
        ("xy", slope_y[ROWS["x"]]),
        ("xy", slope_x[ROWS["y"]]),
        ("yy", slope_y[ROWS["y"]]),
    ]
    for name, numeric in pairs:
        np.testing.assert_allclose(here[ROWS[name]], numeric, rtol=1e-5, atol=1e-5, err_msg=name)


def test_amplitudes_of_zero_and_below_are_guesses_at_any_threshold():
    built = Observations.build([0, 0, 0], [0.0, -0.4, -np.inf], [True, False, True])
    terms = log_likelihood(built, np.array([[-3.0, 0.0, 3.0]]), 0.2, -3.0)
    np.testing.assert_allclose(terms[0], 3 * np.log(0.5))
    np.testing.assert_array_equal(terms[1:], 0.0)


def test_huge_and_tiny_amplitudes_stay_finite():
    built = Observations.build([0] * 4, [1e-300, 1e300, 1e-300, 1e300], [True, True, False, False])
    terms = log_likelihood(built, np.array([[-5.0, 5.0]]), 1.0, -8.0)
    assert np.isfinite(terms).all()


def test_result_does_not_depend_on_the_size_of_blocks(observations, monkeypatch):
    nodes = np.random.default_rng(6).normal(0, 1, (5, 4))
    whole = log_likelihood(observations, nodes, 0.1, -2.0)
    monkeypatch.setattr(likelihood, "_BLOCK", 40)
    np.testing.assert_allclose(log_likelihood(observations, nodes, 0.1, -2.0), whole, rtol=1e-12)


def test_gaps_in_condition_numbers_are_refused():
    with pytest.raises(ValueError, match="without gaps"):
        Observations.build([0, 2], [1.0, 1.0], [True, True])


def test_centres_are_mean_log_amplitudes_and_fall_back_to_the_overall_mean():
    built = Observations.build([0, 0, 1, 2], [1.0, np.e**2, np.e**4, 0.0], [True] * 4)
    np.testing.assert_allclose(built.centres(), [1.0, 4.0, 2.0])
