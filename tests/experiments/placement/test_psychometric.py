import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from pdpsych.experiments.placement.psychometric import amplitude_at, proportion_correct

positive = st.floats(1e-3, 1e3)
shape = {"exponent": st.floats(0.5, 3), "lapse": st.floats(0, 0.2)}


@given(amplitude=positive, threshold=positive, **shape)
def test_is_the_normal_form_of_the_design(amplitude, threshold, exponent, lapse):
    d = (amplitude / threshold) ** exponent
    expected = 0.5 + (0.5 - lapse) * (2 * norm.cdf(d / np.sqrt(2)) - 1)
    assert proportion_correct(amplitude, threshold, exponent, lapse) == pytest.approx(expected)


@given(threshold=positive, proportion=st.floats(0.52, 0.75), **shape)
def test_amplitude_at_is_the_inverse(threshold, proportion, exponent, lapse):
    amplitude = amplitude_at(proportion, threshold, exponent, lapse)
    assert proportion_correct(amplitude, threshold, exponent, lapse) == pytest.approx(proportion)


def test_threshold_is_where_76_percent_are_correct():
    assert proportion_correct(3.0, 3.0) == pytest.approx(0.7602, abs=1e-4)
    assert proportion_correct([-1.0, 0.0], 3.0) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(("exponent", "lapse"), [(1.0, 0.0), (2.0, 0.05)])
def test_agrees_with_signal_detection(exponent, lapse):
    rng = np.random.default_rng(1)
    n = 400_000
    for ratio in (0.5, 1.0, 2.5):
        distorted = rng.standard_normal(n) + ratio**exponent
        correct = distorted > rng.standard_normal(n)
        guesses = rng.random(n) < 2 * lapse
        correct[guesses] = rng.random(int(guesses.sum())) < 0.5
        expected = proportion_correct(ratio, 1.0, exponent, lapse)
        assert correct.mean() == pytest.approx(expected, abs=4 * 0.5 / np.sqrt(n))
