import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis.prediction.seen import known_models, seen_by
from pdpsych.stimuli.responses.finite_response import FiniteResponse


def response(up, down, largest=1.0):
    amplitudes = np.geomspace(0.01, largest, 9)
    return FiniteResponse(amplitudes, np.stack([up * amplitudes, down * amplitudes]))


RESPONSES = {
    ("a", "p", 1): {"A": response(2.0, 3.0), "B": response(5.0, 7.0, largest=0.5)},
    ("a", "p", 2): {"A": response(11.0, 13.0)},
}


def trials(*rows):
    return pd.DataFrame(rows, columns=["image", "pair", "distortion", "sign", "amplitude"])


def test_each_trial_has_the_response_to_its_amplitude_and_sign():
    seen = seen_by(
        trials(("a", "p", 1, 1, 0.1), ("a", "p", 1, -1, 0.1), ("a", "p", 2, -1, 0.2)),
        RESPONSES,
        ["A"],
    )
    assert np.exp(seen.log_response[0]) == pytest.approx([0.2, 0.3, 2.6])
    assert seen.beyond == 0


def test_trials_beyond_what_some_model_is_known_at_are_counted_and_left_out():
    shown = trials(*(("a", "p", 1, 1, amplitude) for amplitude in (0.1, 0.52, 0.8)))
    seen = seen_by(shown, RESPONSES, ["A", "B"])
    assert seen.models == ["A", "B"]
    assert seen.trials["amplitude"].tolist() == [0.1, 0.52]
    assert seen.beyond == 1
    assert np.exp(seen.log_response[:, 1]) == pytest.approx([1.04, 2.6])


def test_models_that_lack_a_condition_are_not_known():
    assert known_models(RESPONSES, [("a", "p", 1), ("a", "p", 2)], ["A", "B", "C"]) == ["A"]
    assert known_models({}, [("a", "p", 1)], ["A"]) == []
