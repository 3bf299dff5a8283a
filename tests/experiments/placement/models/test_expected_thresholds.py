import numpy as np
import pytest
from model_world import AMPLITUDES, METHOD, UNIT, begin, conditions, response, responses

from pdpsych.experiments.placement.models.expected_thresholds import expecting_models
from pdpsych.stimuli.responses.finite_response import FiniteResponse


def only(model: str):
    return {c: {model: of[model]} for c, of in responses().items()}


def test_one_linear_model_puts_thresholds_in_inverse_proportion_to_what_it_sees():
    known = only("A")
    found = expecting_models(begin(), known)
    inverse = {c: -np.log(known[c]["A"].mean(AMPLITUDES[0])) for c in known}
    centre = np.log(METHOD.threshold_rms * UNIT) - np.mean(list(inverse.values()))
    for condition, one in found.items():
        estimate = one.estimate()
        assert estimate.log_threshold == pytest.approx(inverse[condition] + centre, abs=0.05)
        assert estimate.sd == pytest.approx(METHOD.sd, rel=0.05)


def test_several_models_are_as_likely():
    each = [expecting_models(begin(), only(m)) for m in "ABC"]
    together = expecting_models(begin(), responses())
    for condition in conditions():
        mean = np.mean([one[condition].posterior.prior for one in each], axis=0)
        assert np.allclose(together[condition].posterior.prior, mean)


def test_what_a_model_is_blind_to_is_expected_out_of_reach():
    blind = FiniteResponse(AMPLITUDES, np.zeros((2, len(AMPLITUDES))))
    first = conditions()[0]
    known = {c: {"A": blind if c == first else response(-4.0)} for c in conditions()}
    found = expecting_models(begin(), known)
    top = found[first].posterior.log_thresholds[-1]
    assert found[first].estimate().log_threshold > top - 2 * METHOD.sd
    assert all(
        abs(one.estimate().log_threshold - np.log(METHOD.threshold_rms * UNIT)) < 0.05
        for c, one in found.items()
        if c != first
    )
    nobody = expecting_models(begin(), {c: {"A": blind} for c in conditions()})
    assert all(np.isfinite(one.estimate().log_threshold) for one in nobody.values())
