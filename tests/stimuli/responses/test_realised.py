import numpy as np
import pytest

from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.realised import seen

AMPLITUDES = np.geomspace(0.01, 1.0, 9)
KNOWN = FiniteResponse(AMPLITUDES, np.stack([2 * AMPLITUDES, 3 * AMPLITUDES]))


def test_each_sign_has_its_own_response():
    assert seen(KNOWN, [0.1, 0.5], 1) == pytest.approx([0.2, 1.0])
    assert seen(KNOWN, [0.1, 0.5], -1) == pytest.approx([0.3, 1.5])


def test_nothing_shown_is_nothing_seen():
    assert seen(KNOWN, [-0.1, 0.0], 1).tolist() == [0.0, 0.0]


def test_a_little_above_the_largest_it_is_held_and_unknown_further_up():
    found = seen(KNOWN, [1.05, 1.2], 1)
    assert found[0] == pytest.approx(2.1)
    assert np.isnan(found[1])


def test_where_nothing_is_known_nothing_is_said():
    assert np.isnan(seen(FiniteResponse(np.zeros(0), np.zeros((2, 0))), [0.1], 1)).all()
