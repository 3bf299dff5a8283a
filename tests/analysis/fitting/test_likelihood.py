from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from pdpsych.analysis.fitting import likelihood
from pdpsych.analysis.fitting.likelihood import expansions, expected_correct, log_likelihood
from pdpsych.analysis.fitting.observations import Observations
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


def test_without_a_preference_it_is_the_log_of_the_psychometric_function(trials, observations):
    nodes = np.random.default_rng(5).normal(0, 1, (5, 3))
    expected = np.zeros((5, 3))
    for condition, amplitude, correct in zip(*trials, strict=True):
        p = proportion_correct(amplitude, np.exp(nodes[condition]), 1.2, 0.03)
        expected[condition] += np.log(p if correct else 1 - p)
    value = log_likelihood(observations, nodes, TYPICAL)
    np.testing.assert_allclose(value, expected, rtol=1e-10)


def placed(rng, number=40):
    """Two conditions of two groups in an order, with positions."""
    return Observations.build(
        np.tile([0, 1], number // 2),
        np.exp(rng.normal(0, 1, number)),
        rng.random(number) < 0.75,
        [0, 1],
        range(number),
        rng.integers(1, 3, number),
    )


def expanded(observations, nodes, shared, weight=None):
    """All conditions' values and first derivatives, or second derivatives with weights."""
    parts = list(expansions(observations, nodes, shared))
    if weight is not None:
        return np.concatenate([part.second(weight[part.conditions]) for part in parts])
    values = np.concatenate([part.value for part in parts])
    return np.concatenate([values[None], np.concatenate([p.first for p in parts], axis=1)])


def test_a_preference_moves_answers_to_its_position():
    rng = np.random.default_rng(1)
    built = placed(rng)
    shared = Shared.of(
        exponent=[1.3, 0.8], lapse=0.04, learning=0.5, criteria=[0.3, -0.7, 0.2], means=[0.0, 0.0]
    )
    log_threshold = np.array([0.2, -0.3])
    for k in range(40):
        b = [1.3, 0.8][built.condition[k]]
        threshold = np.exp(log_threshold[built.condition[k]] + 0.5 * built.progress[k])
        signal = (np.exp(built.log_amplitude[k]) / threshold) ** b
        pull = 0.3 - 0.7 * built.progress[k] + 0.2 * built.previous[k]
        chosen = ndtr(signal / np.sqrt(2) + built.position[k] * pull)
        p = expected_correct(built, log_threshold, shared)[k]
        assert p == pytest.approx(0.04 + 0.92 * chosen)
    p = expected_correct(built, log_threshold, shared)
    whole = np.log(np.where(built.sign > 0, p, 1 - p)).sum()
    value = log_likelihood(built, log_threshold[:, None], shared)
    assert value.sum() == pytest.approx(whole)
    halved = replace(built, power=0.5)
    assert log_likelihood(halved, log_threshold[:, None], shared).sum() == pytest.approx(whole / 2)


@given(
    common=st.tuples(*[st.floats(-1.0, 1.0)] * 4),
    guess_logit=st.floats(-6.0, 1.0),
    log_exponent=st.floats(-0.8, 0.8),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=30)
def test_derivatives_match_finite_differences(common, guess_logit, log_exponent, seed):
    rng = np.random.default_rng(seed)
    built, nodes, h = placed(rng), rng.normal(0, 0.7, (2, 3)), 1e-5
    point = Shared(np.array([guess_logit, *common, 0.0, log_exponent, log_exponent, 0.0, 0.0]))
    steps = h * np.eye(10)[[0, 1, 2, 3, 4, 6]]
    # Both exponents move: each condition has its own.
    steps[5, 7] = h
    here = expanded(built, nodes, point)
    np.testing.assert_allclose(here[0], log_likelihood(built, nodes, point), rtol=1e-9)
    numeric = [
        (expanded(built, nodes, point.moved(s)) - expanded(built, nodes, point.moved(-s))) / (2 * h)
        for s in steps
    ]
    np.testing.assert_allclose(here[1:], [each[0] for each in numeric], rtol=1e-5, atol=1e-5)
    weight = rng.random((2, 3))
    second = expanded(built, nodes, point, weight)
    expected = [[np.sum(weight * each[1 + k], axis=1) for each in numeric] for k in range(6)]
    np.testing.assert_allclose(second, np.transpose(expected, (2, 0, 1)), rtol=1e-5, atol=1e-5)


def test_several_values_of_what_is_shared_are_each_alone():
    built, nodes = placed(np.random.default_rng(2)), np.random.default_rng(3).normal(0, 1, (2, 5))
    several = Shared(np.random.default_rng(4).normal(0, 0.5, (7, 10)))
    together = log_likelihood(built, nodes, several)
    alone = [log_likelihood(built, nodes, one) for one in several]
    np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_trials_without_a_signal_are_guesses_at_any_threshold():
    built = Observations.build([0, 0, 0], [0.0, 0.0, 0.0], [True, False, True])
    nodes = np.array([[-3.0, 0.0, 3.0]])
    np.testing.assert_allclose(log_likelihood(built, nodes, TYPICAL), 3 * np.log(0.5))
    (part,) = expansions(built, nodes, TYPICAL)
    np.testing.assert_array_equal(part.first, 0.0)


def test_huge_and_tiny_amplitudes_stay_finite():
    built = Observations.build([0] * 4, [1e-300, 1e300, 1e-300, 1e300], [True, True, False, False])
    shared = Shared.of(exponent=2.7, lapse=1e-4)
    nodes = np.array([[-5.0, 5.0]])
    assert np.isfinite(log_likelihood(built, nodes, shared)).all()
    (part,) = expansions(built, nodes, shared)
    assert np.isfinite(part.first).all()
    assert np.isfinite(part.second(np.ones((1, 2)))).all()


def test_result_does_not_depend_on_the_size_of_blocks(observations, monkeypatch):
    nodes = np.random.default_rng(6).normal(0, 1, (5, 4))
    whole = log_likelihood(observations, nodes, TYPICAL), expanded(observations, nodes, TYPICAL)
    monkeypatch.setattr(likelihood, "_BLOCK", 40)
    parts = log_likelihood(observations, nodes, TYPICAL), expanded(observations, nodes, TYPICAL)
    for part, same in zip(parts, whole, strict=True):
        np.testing.assert_allclose(part, same, rtol=1e-12)
