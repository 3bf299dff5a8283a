import numpy as np
import pytest

from pdpsych.analysis.fitting.checks.widening import NONE, widening

TRIALS = np.arange(400)
BLOCK = TRIALS // 50


def test_a_condition_that_is_a_block_is_as_wide_as_the_block():
    found = widening(BLOCK, BLOCK, 4.0)
    assert found.power == pytest.approx(1 / 4)
    assert found.together == pytest.approx(1)


def test_conditions_that_come_in_turn_are_hardly_wider_but_what_they_share_is():
    found = widening(TRIALS % 50, BLOCK, 4.0)
    assert found.power == pytest.approx(1)
    assert found.together == pytest.approx(1 / 4)


def test_powers_are_those_of_simulated_states():
    """Answers of a block share a state: variances of counts, of conditions and of all."""
    rng = np.random.default_rng(0)
    condition = TRIALS % 10
    state = np.repeat(rng.normal(0, 0.4, (4000, 8)), 50, axis=1)
    right = state + rng.standard_normal((4000, 400)) > 0
    own = np.var(right[:, condition == 3].sum(axis=1)) / (40 / 4)
    whole = np.var(right[:, :50].sum(axis=1)) / (50 / 4)
    found = widening(condition, BLOCK, whole)
    assert 1 / found.power == pytest.approx(own, rel=0.08)
    assert 1 / (found.power * found.together) == pytest.approx(whole)


@pytest.mark.parametrize("overdispersion", [0.3, 1.0])
def test_less_than_independent_answers_vary_is_nothing(overdispersion):
    assert widening(TRIALS % 10, BLOCK, overdispersion) == NONE


def test_one_trial_is_nothing():
    assert widening(np.zeros(1, int), np.zeros(1, int), 2.0) == NONE
