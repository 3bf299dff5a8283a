import numpy as np
import pytest
from refusals import refused

from pdpsych.analysis.fitting.observations import Observations, progress_of


def test_trials_are_sorted_and_their_place_in_time_is_kept():
    built = Observations.build(
        [1, 0, 1], [1.0, 2.0, 3.0], [True, False, True], order=[7, 3, 30], position=[1, 2, 2]
    )
    np.testing.assert_allclose(np.exp(built.log_amplitude), [2, 1, 3])
    np.testing.assert_array_equal(built.sign, [-1, 1, 1])
    np.testing.assert_array_equal(built.progress, [-0.5, 0.0, 0.5])
    np.testing.assert_array_equal(built.position, [-1, 1, -1])
    np.testing.assert_array_equal(built.starts, [0, 1])


def test_the_answer_before_is_that_of_the_trial_before_if_it_is_there():
    # In time: first (right), second (wrong: first chosen), a trial left out, second, first.
    built = Observations.build(
        np.zeros(4, int),
        np.ones(4),
        [True, False, True, True],
        order=[0, 1, 3, 4],
        position=[1, 2, 2, 1],
    )
    np.testing.assert_array_equal(built.previous, [0, 1, 0, -1])


def test_without_positions_or_an_order_nothing_is_known_of_them():
    built = Observations.build([0, 0], [1.0, 2.0], [True, False])
    assert not built.position.any()
    assert not built.previous.any()
    assert not built.progress.any()


def test_gaps_in_condition_numbers_are_refused():
    with pytest.raises(ValueError, match="without gaps"):
        Observations.build([0, 2], [1.0, 1.0], [True, True])


@pytest.mark.parametrize("amplitude", [np.nan, np.inf, -np.inf])
def test_amplitudes_that_cannot_be_are_refused(amplitude):
    with refused(field="amplitude", allowed="finite"):
        Observations.build([0, 0], [1.0, amplitude], [True, True])


@pytest.mark.parametrize("correct", [np.nan, 0.5, 2.0])
def test_answers_neither_right_nor_wrong_are_refused(correct):
    with refused(field="correct", allowed="true or false"):
        Observations.build([0, 0], [1.0, 1.0], [1.0, correct])


def test_runs_are_of_one_condition_and_cover_all_trials():
    built = Observations.build(np.repeat([0, 1, 2], [40, 1, 16]), np.ones(57), np.ones(57))
    assert built.runs.tolist() == [0, 16, 32, 40, 41]


def test_centres_are_mean_log_amplitudes_and_fall_back_to_the_overall_mean():
    built = Observations.build([0, 0, 1, 2], [1.0, np.e**2, np.e**4, 0.0], [True] * 4)
    np.testing.assert_allclose(built.centres(), [1.0, 4.0, 2.0])
    np.testing.assert_allclose(built.ends(), [[0.0, 4.0, 2.0], [2.0, 4.0, 2.0]])


def test_progress_is_from_minus_a_half_to_a_half():
    np.testing.assert_array_equal(progress_of([7, 3, 30]), [0.0, -0.5, 0.5])
    np.testing.assert_array_equal(progress_of([5]), [-0.5])
