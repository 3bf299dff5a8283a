import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdpsych.analysis.fitting import likelihood
from pdpsych.analysis.fitting.likelihood import Observations, log_likelihood
from pdpsych.analysis.fitting.shared import Shared
from pdpsych.experiments.placement.psychometric import proportion_correct

TYPICAL = Shared.of(exponent=1.2, lapse=0.03)


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
        p = proportion_correct(amplitude, np.exp(nodes[condition]), 1.2, 0.03)
        expected[condition] += np.log(p if correct else 1 - p)
    value = log_likelihood(observations, nodes, TYPICAL).value
    np.testing.assert_allclose(value, expected, rtol=1e-11)


@given(
    x=st.floats(-0.8, 0.8),
    y=st.floats(-6.0, 1.0),
    learning=st.floats(-1.0, 1.0),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40)
def test_derivatives_match_finite_differences(x, y, learning, seed):
    rng = np.random.default_rng(seed)
    built = Observations.build(
        np.tile([0, 1], 20), np.exp(rng.normal(0, 1, 40)), rng.random(40) < 0.75, order=range(40)
    )
    nodes, point, h = rng.normal(0, 0.7, (2, 3)), Shared(np.array([x, y, learning])), 1e-5
    here = log_likelihood(built, nodes, point)

    def near(step):
        found = log_likelihood(built, nodes, point.moved(step))
        return np.concatenate([found.value[None], found.first])

    numeric = np.stack([near(step) - near(-step) for step in h * np.eye(3)]) / (2 * h)
    np.testing.assert_allclose(here.first, numeric[:, 0], rtol=1e-5, atol=1e-5)
    row, column = np.triu_indices(3)
    np.testing.assert_allclose(here.second, numeric[row, 1 + column], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(here.second, numeric[column, 1 + row], rtol=1e-5, atol=1e-5)


def test_learning_moves_thresholds_in_the_order_of_trials():
    amplitude, correct = np.array([1.0, 2.0, 3.0]), [True, False, True]
    built = Observations.build([0, 0, 0], amplitude, correct, order=[7, 3, 30])
    np.testing.assert_array_equal(built.progress, [0.0, -0.5, 0.5])
    shared = Shared.of(exponent=1.3, lapse=0.02, learning=-0.8)
    value = log_likelihood(built, np.array([[0.2]]), shared).value
    threshold = np.exp(0.2 - 0.8 * np.array([0.0, -0.5, 0.5]))
    p = proportion_correct(amplitude, threshold, 1.3, 0.02)
    assert value.item() == pytest.approx(np.log(np.where(correct, p, 1 - p)).sum())


def test_amplitudes_of_zero_and_below_are_guesses_at_any_threshold():
    built = Observations.build([0, 0, 0], [0.0, -0.4, -np.inf], [True, False, True])
    terms = log_likelihood(built, np.array([[-3.0, 0.0, 3.0]]), TYPICAL)
    np.testing.assert_allclose(terms.value, 3 * np.log(0.5))
    np.testing.assert_array_equal(terms.first, 0.0)
    np.testing.assert_array_equal(terms.second, 0.0)


def test_huge_and_tiny_amplitudes_stay_finite():
    built = Observations.build([0] * 4, [1e-300, 1e300, 1e-300, 1e300], [True, True, False, False])
    shared = Shared.of(exponent=2.7, lapse=1e-4)
    terms = log_likelihood(built, np.array([[-5.0, 5.0]]), shared)
    assert all(np.isfinite(part).all() for part in terms)


def test_result_does_not_depend_on_the_size_of_blocks(observations, monkeypatch):
    nodes = np.random.default_rng(6).normal(0, 1, (5, 4))
    whole = log_likelihood(observations, nodes, TYPICAL)
    monkeypatch.setattr(likelihood, "_BLOCK", 40)
    for part, same in zip(log_likelihood(observations, nodes, TYPICAL), whole, strict=True):
        np.testing.assert_allclose(part, same, rtol=1e-12)


def test_gaps_in_condition_numbers_are_refused():
    with pytest.raises(ValueError, match="without gaps"):
        Observations.build([0, 2], [1.0, 1.0], [True, True])


def test_centres_are_mean_log_amplitudes_and_fall_back_to_the_overall_mean():
    built = Observations.build([0, 0, 1, 2], [1.0, np.e**2, np.e**4, 0.0], [True] * 4)
    np.testing.assert_allclose(built.centres(), [1.0, 4.0, 2.0])
