import numpy as np
import pytest
from refusals import refused

from pdpsych.displays.rendering import Shown
from pdpsych.experiments import SimulatedObserver, proportion_correct
from pdpsych.experiments.design import Condition, PlannedTrial
from pdpsych.experiments.observers.presentation import Presentation, Progress

CAMEL = Condition("camel", "principal", 1)
FRAME = np.zeros((1, 2, 2), np.uint16)


def presentation(number: int, position: int, realised: float, requested: float = 1.0):
    shown = Shown(FRAME + 1, FRAME, realised, 0.0, 0.0)
    planned = PlannedTrial(number, CAMEL, 1, position, easy=False)
    return Presentation(planned, requested, shown, 0, (), Progress(number - 1, 9, 0, 0))


def share_correct(observer: SimulatedObserver, position: int, realised: float, n=4000) -> float:
    trials = [presentation(i, position, realised, requested=99.0) for i in range(n)]
    return float(np.mean([observer.respond(t).position == position for t in trials]))


@pytest.mark.parametrize(
    ("exponent", "lapse", "realised"), [(1, 0, 2.0), (2, 0.1, 3.0), (1, 0.1, 50.0), (1, 0, -1.0)]
)
def test_answers_follow_the_psychometric_function(exponent, lapse, realised):
    observer = SimulatedObserver({CAMEL: 2.0}, exponent=exponent, lapse=lapse, seed=3)
    for position in (1, 2):
        expected = proportion_correct(realised, 2.0, exponent, lapse)
        # 4 standard errors of 4000 trials
        assert share_correct(observer, position, realised) == pytest.approx(expected, abs=0.032)


def test_bias_prefers_the_first_position():
    observer = SimulatedObserver({CAMEL: 1.0}, lapse=0, bias=0.7)
    # P(first | no distortion) = Φ(0.7/√2)
    assert share_correct(observer, 1, 0.0) == pytest.approx(0.690, abs=0.03)
    assert share_correct(observer, 2, 0.0) == pytest.approx(0.310, abs=0.03)


def test_answers_depend_on_seed_and_trial_number_alone():
    trials = [presentation(i, 1, 1.0) for i in range(50)]
    a, b = (SimulatedObserver({CAMEL: 1.0}, seed=4) for _ in range(2))
    forward = [a.respond(t) for t in trials]
    backward = [b.respond(t) for t in reversed(trials)][::-1]
    assert forward == backward
    other = SimulatedObserver({CAMEL: 1.0}, seed=5)
    assert [other.respond(t) for t in trials] != forward


def test_missing_threshold_is_named():
    with refused(field="thresholds", value="camel/principal/1"):
        SimulatedObserver({}).respond(presentation(1, 1, 1.0))
