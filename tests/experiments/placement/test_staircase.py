import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdpsych.experiments.placement.placement import Showable
from pdpsych.experiments.placement.psychometric import amplitude_at, proportion_correct
from pdpsych.experiments.placement.staircase import Staircase

SHOWABLE = Showable("camel/principal/1", 0.001, 4.0, 10.0)


def levels(method: Staircase, answers: str, showable: Showable = SHOWABLE) -> list[float]:
    """Return log levels relative to the first; + is a correct answer, - is not, ? was easy."""
    placed = method.begin(showable, seed=0)
    found = [placed.next_amplitude()]
    for answer in answers:
        placed.update(found[-1], answer != "-", easy=answer == "?")
        found.append(placed.next_amplitude())
    return list(np.log(np.array(found) / found[0]))


@pytest.mark.parametrize(
    ("down", "answers", "steps"),
    [
        # Every correct answer until the first reversal, then two in a row; the step shrinks.
        (2, "++-++-+-", [-3, -6, -4, -4, -5, -4, -4, -3]),
        (3, "-+++++-", [3, 1, 1, 1, -1, -1, 0]),
        (1, "+-+-", [-3, -1, -2, -1]),
        (2, "+?-??", [-3, -3, -1, -1, -1]),
    ],
)
def test_levels_follow_the_rule(down, answers, steps):
    method = Staircase(kind="staircase", down=down, steps=(0.3, 0.2, 0.1))
    assert levels(method, answers)[1:] == pytest.approx(np.array(steps) / 10)


@settings(max_examples=50)
@given(answers=st.text("+-?", max_size=40), down=st.integers(1, 4))
def test_levels_keep_to_what_can_be_shown(answers, down):
    narrow = Showable("camel/principal/1", 0.4, 0.6, 10.0)
    found = levels(Staircase(kind="staircase", down=down), answers, narrow)
    start = np.log(0.5)
    assert min(found) + start >= np.log(0.4) - 1e-12
    assert max(found) + start <= np.log(0.6) + 1e-12


@pytest.mark.parametrize(("down", "proportion"), [(2, 0.7071), (3, 0.7937)])
def test_it_stays_where_so_many_answers_are_correct(down, proportion):
    rng = np.random.default_rng(5)
    means = []
    for _ in range(20):
        placed = Staircase(kind="staircase", down=down, steps=(0.7, 0.4, 0.1)).begin(SHOWABLE, 0)
        for _ in range(400):
            correct = bool(rng.random() < proportion_correct(placed.level, 0.2))
            placed.update(placed.level, correct, easy=False)
        means.append(np.mean(np.log(placed.reversals[-60:])))
    expected = np.log(amplitude_at(proportion, 0.2))
    # Staircases are known to stay a little below (García-Pérez 1998).
    assert np.mean(means) == pytest.approx(expected, abs=0.15)
    assert placed.estimate().log_threshold == pytest.approx(np.log(0.2), abs=0.5)


def test_what_was_realised_counts_for_the_estimate_alone():
    asked, shown = (Staircase(kind="staircase").begin(SHOWABLE, 0) for _ in range(2))
    asked.update(asked.level, True, easy=False)
    shown.update(shown.level / 5, True, easy=False)
    assert asked.level == shown.level
    assert asked.estimate().log_threshold > shown.estimate().log_threshold


def test_a_copy_goes_its_own_way():
    first = Staircase(kind="staircase").begin(SHOWABLE, 0)
    second = copy.copy(first)
    for correct in (True, False, True):
        second.update(second.level, correct, easy=False)
    assert first.reversals == ()
    assert first.run == 0
    assert first.estimate() == Staircase(kind="staircase").begin(SHOWABLE, 0).estimate()
