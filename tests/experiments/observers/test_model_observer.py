import numpy as np
import pytest
from refusals import refused
from scipy.special import ndtr

from pdpsych.experiments import ModelObserver
from pdpsych.experiments.design import Condition, PlannedTrial
from pdpsych.stimuli.responses.finite_response import FiniteResponse

CAT = Condition("cat", "principal", 1)
AMPLITUDES = np.geomspace(0.01, 2.0, 17)
KNOWN = FiniteResponse(AMPLITUDES, np.stack([4 * AMPLITUDES, np.sqrt(AMPLITUDES)]))


def trial(number, sign, position=1):
    return PlannedTrial(number, CAT, sign, position, easy=False)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("exponent", "lapse"), [(1.0, 0.0), (1.6, 0.1)])
def test_answers_follow_the_response_to_the_amplitude_and_sign(sign, exponent, lapse):
    observer = ModelObserver({CAT: KNOWN}, {CAT: 1.5}, exponent=exponent, lapse=lapse, seed=3)
    for realised in (0.1, 1.0):
        seen = 1.5 * (4 * realised if sign > 0 else np.sqrt(realised))
        expected = lapse + (1 - 2 * lapse) * ndtr(seen**exponent / np.sqrt(2))
        right = [observer.answer(trial(i, sign), realised) == 1 for i in range(3000)]
        assert np.mean(right) == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 3000))


def test_answers_depend_on_seed_and_trial_number_alone():
    observer = ModelObserver({CAT: KNOWN}, {CAT: 1.0}, seed=4)
    forward = [observer.answer(trial(i, 1), 0.2) for i in range(40)]
    backward = [observer.answer(trial(i, 1), 0.2) for i in reversed(range(40))][::-1]
    assert forward == backward
    other = ModelObserver({CAT: KNOWN}, {CAT: 1.0}, seed=5)
    assert [other.answer(trial(i, 1), 0.2) for i in range(40)] != forward


def test_nothing_is_answered_beyond_what_is_known():
    observer = ModelObserver({CAT: KNOWN}, {CAT: 1.0})
    with refused(field="cat/principal/1", value=3.0, remedy="calibrate --models"):
        observer.answer(trial(1, 1), 3.0)
    with refused(field="responses", value="dog/principal/1"):
        observer.answer(PlannedTrial(1, CAT._replace(image="dog"), 1, 1, easy=False), 0.1)
