import numpy as np
import pytest
from scipy.special import ndtr

from pdpsych.analysis.prediction.at_threshold import (
    predict_thresholds,
    ratio_bounds,
)
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.signal_curve import SignalCurve


def response(sensitivity, saturation=0.0, largest=10.0):
    """D = d α/(1 + s d α) up to an amplitude."""
    amplitudes = np.geomspace(1e-3, largest, 33)
    linear = sensitivity * amplitudes
    return FiniteResponse(amplitudes, np.tile(linear / (1 + saturation * linear), (2, 1)))


def predict(responses, log_thresholds):
    low, high = (
        np.where(np.isnan(log_thresholds), end, log_thresholds) for end in (-np.inf, np.inf)
    )
    return predict_thresholds([SignalCurve(r) for r in responses], low, high)


def observers(responses, efficiency):
    """Log amplitudes at which P(correct), mean over both signs, is that of d′ = 1."""
    found = []
    for r in responses:
        amplitudes = np.geomspace(1e-5, r.largest, 20_000)
        both = [ndtr(efficiency * r.at(amplitudes, sign) / np.sqrt(2)) for sign in (1, -1)]
        above = np.mean(both, axis=0) >= ndtr(np.sqrt(0.5))
        found.append(np.log(amplitudes[above.argmax()]))
    return np.array(found)


def test_an_observer_who_is_the_model_has_the_thresholds_it_predicts():
    responses = [response(d, s) for d, s in ((1.0, 0.1), (4.0, 0.3), (0.5, 0.0), (2.0, 0.2))]
    own = observers(responses, 1.7)
    predicted = predict(responses, own)
    assert predicted.log_efficiency == pytest.approx(np.log(1.7), abs=1e-3)
    assert predicted.log_threshold == pytest.approx(own, abs=1e-3)
    assert predicted.reached.all()
    assert predicted.identified


def test_signs_that_are_seen_unlike_are_no_error():
    amplitudes = np.geomspace(1e-3, 10.0, 33)
    unlike = [
        FiniteResponse(
            amplitudes, np.stack([d * amplitudes * (1 + amplitudes), d * amplitudes / 2])
        )
        for d in (1.0, 3.0, 0.5)
    ]
    own = observers(unlike, 0.8)
    predicted = predict(unlike, own)
    assert predicted.log_threshold == pytest.approx(own, abs=2e-3)
    root_mean_square = np.log([r.first_crossing(1 / 0.8) for r in unlike])
    assert np.abs(root_mean_square - own).max() > 0.05


def test_one_sign_alone_is_not_seen_often_enough():
    amplitudes = np.geomspace(1e-3, 10.0, 33)
    blind = FiniteResponse(amplitudes, np.stack([amplitudes, 1e-9 * amplitudes]))
    predicted = predict([blind, response(1.0)], np.zeros(2))
    assert predicted.log_efficiency == pytest.approx(0.0, abs=1e-6)
    assert predicted.reached.tolist() == [False, True]


def test_small_thresholds_give_the_local_log_ratios():
    sensitivities = np.array([1.0, 4.0, 0.5, 2.0])
    responses = [response(d, s) for d, s in zip(sensitivities, (0.1, 0.9, 0.6, 0.2), strict=True)]
    rng = np.random.default_rng(0)
    errors = []
    for size in (1.0, 0.1, 0.01, 0.001):
        people = np.log(size / sensitivities) + rng.normal(0, 0.1, 4)
        predicted = predict(responses, people)
        ends = [ratio_bounds(predicted, u, v) for u, v in ((0, 1), (2, 3))]
        local = np.log(sensitivities[::2]) - np.log(sensitivities[1::2])
        errors.append(max(abs(low - x) for (low, _), x in zip(ends, local, strict=True)))
        assert all(low == high for low, high in ends)
    assert errors[0] > errors[1] > errors[2]
    assert errors[3] < 0.01 * errors[0]
    assert errors[0] > 0.3


def test_what_is_not_reached_is_a_bound():
    u, v = response(1.0), response(0.01, largest=2.0)
    predicted = predict([u, v, u], np.log([1.0, 1.5, 1.0]))
    assert predicted.reached.tolist() == [True, False, True]
    assert ratio_bounds(predicted, 0, 1) == (pytest.approx(np.log(2.0)), np.inf)
    assert ratio_bounds(predicted, 1, 0) == (-np.inf, pytest.approx(-np.log(2.0)))
    assert ratio_bounds(predicted, 1, 1) == (-np.inf, np.inf)


def test_a_condition_far_off_does_not_move_k():
    responses = [response(d) for d in (1.0, 2.0, 3.0, 4.0, 5.0)]
    people = -np.log([1.0, 2.0, 3.0, 4.0, 5.0])
    moved = people.copy()
    moved[2] -= 5.0
    assert predict(responses, moved).log_efficiency == pytest.approx(0.0, abs=1e-6)
    assert predict(responses, people).log_efficiency == pytest.approx(0.0, abs=1e-6)


def test_thresholds_that_are_not_measured_say_nothing():
    responses = [response(1.0), response(2.0), response(3.0)]
    predicted = predict(responses, np.array([0.0, np.nan, np.nan]))
    assert predicted.log_threshold == pytest.approx(-np.log([1.0, 2.0, 3.0]), abs=1e-6)
    unknown = predict(responses, np.full(3, np.nan))
    assert np.isnan(unknown.log_efficiency)
    assert not unknown.identified


def test_where_a_model_saturates_k_is_not_identified():
    responses = [response(d, 10.0) for d in (10.0, 20.0)]
    assert not predict(responses, np.log([1.0, 2.0])).identified
    assert predict(responses, np.log([1e-3, 1e-3])).identified
