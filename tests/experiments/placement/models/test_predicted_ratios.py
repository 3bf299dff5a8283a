import numpy as np
import pytest
from model_world import AMPLITUDES, RATIOS, conditions, response, responses
from scipy.optimize import brentq

from pdpsych.experiments.placement.models.predicted_ratios import (
    MOST_RATIO,
    largest_differences,
    pairs_of,
    predicted_ratios,
)
from pdpsych.stimuli.responses.finite_response import FiniteResponse

MIDDLES = np.linspace(-4, 0, 9)


def test_a_linear_model_predicts_one_ratio():
    found = predicted_ratios(response(-1.0), response(0.5), MIDDLES)
    np.testing.assert_allclose(found, 1.5, atol=1e-3)


def test_a_saturating_model_predicts_the_ratio_where_the_thresholds_are():
    u, v = response(-4.0, 0.3), response(-3.5, 0.8)
    found = predicted_ratios(u, v, MIDDLES)
    assert np.ptp(found) > 0.1

    def thresholds(log_k):
        return [np.log(one.first_crossing(np.exp(-log_k))) for one in (u, v)]

    def off(log_k, middle):
        return np.mean(thresholds(log_k)) - middle

    for middle, ratio in zip(MIDDLES, found, strict=True):
        log_u, log_v = thresholds(brentq(off, -3, 10, args=(middle,)))
        assert ratio == pytest.approx(log_v - log_u, abs=0.04)


def test_what_a_model_is_blind_to_is_as_far_off_as_anything():
    blind = FiniteResponse(AMPLITUDES, np.zeros((2, len(AMPLITUDES))))
    nothing = FiniteResponse(np.zeros(0), np.zeros((2, 0)))
    for one in (blind, nothing):
        assert (predicted_ratios(response(0.0), one, MIDDLES) == MOST_RATIO).all()
        assert (predicted_ratios(one, response(0.0), MIDDLES) == -MOST_RATIO).all()
        assert (predicted_ratios(one, one, MIDDLES) == 0).all()


def test_models_are_as_far_apart_as_on_the_pair_that_tells_most():
    found = largest_differences(responses())
    apart = np.abs(np.subtract(RATIOS["A"], RATIOS["B"])).max()
    assert found["A", "B"] == pytest.approx(apart, abs=0.01)
    assert set(found) == {("A", "B"), ("A", "C"), ("B", "C")}


def test_a_pair_has_both_of_its_conditions():
    every = conditions()
    assert len(pairs_of(every)) == 5
    assert ("camel", "principal") not in pairs_of(every[1:])
