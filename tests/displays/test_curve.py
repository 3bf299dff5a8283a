from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from pdpsych.displays.curve import Interpolated, Power, Srgb


@st.composite
def interpolated(draw):
    """A smooth curve through random increasing points, at random levels."""
    count = draw(st.integers(4, 30))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    gamma = draw(st.floats(0.6, 3))
    steps = rng.uniform(0.2, 1, (2, count))
    x, y = (np.concatenate([[0], np.cumsum(s)]) / s.sum() for s in steps)
    fine = np.linspace(0, 1, 1 << 14)
    return Interpolated(fine, np.clip(PchipInterpolator(x, y)(fine), 0, 1) ** gamma)


curves = st.one_of(
    st.just(Srgb()),
    st.builds(Power, st.floats(0.5, 4)),
    st.builds(Power, st.floats(0.5, 4), st.floats(1e-3, 1)),
    interpolated(),
)


@given(curves, st.integers(0, 10**6))
@settings(max_examples=80)
def test_each_direction_undoes_the_other(curve, seed):
    inside = np.sort(np.random.default_rng(seed).uniform(0, 1, 300))
    for values in (inside, inside.astype(np.float32)):
        eps = np.finfo(values.dtype).eps
        level, luminance = curve.level(values), curve.luminance(values)
        assert level.dtype == luminance.dtype == values.dtype
        assert (np.diff(level) >= 0).all()
        assert (np.diff(luminance) >= 0).all()
        # Rounding of what is between is enlarged by the slope of what follows.
        shift = 64 * eps
        slack = curve.luminance(np.minimum(level + shift, 1)) - curve.luminance(
            np.maximum(level - shift, 0)
        )
        np.testing.assert_array_less(np.abs(curve.luminance(level) - values), slack + shift + 2e-7)
        slack = curve.level(np.minimum(luminance + shift, 1)) - curve.level(
            np.maximum(luminance - shift, 0)
        )
        np.testing.assert_array_less(np.abs(curve.level(luminance) - values), slack + shift + 2e-7)


@given(curves, st.sampled_from([255, 1023, 65535]))
@settings(max_examples=40)
def test_every_level_of_a_display_comes_back_as_itself(curve, top):
    levels = np.arange(top + 1)
    again = curve.level(curve.luminance(levels / top)) * top
    np.testing.assert_array_equal(np.round(again), levels)
    ends = np.array([0.0, 1.0])
    np.testing.assert_allclose(curve.luminance(ends), ends, atol=1e-12)
    np.testing.assert_allclose(curve.level(ends), ends, atol=1e-12)


@given(st.floats(0.5, 4), st.floats(0, 1), st.floats(0.1, 50), st.floats(20, 300))
def test_power_is_psychopys_equation_four_between_black_and_white(gamma, b, k, a):
    x = np.linspace(0, 1, 50)
    luminance = a + (b + k * x) ** gamma
    black, white = luminance[0], luminance[-1]
    curve = Power(gamma, b / k)
    scale = (luminance - black) / (white - black)
    np.testing.assert_allclose(curve.luminance(x), scale, atol=1e-6 + 1e-12 * white / k**gamma)


def test_interpolated_is_as_fine_as_the_points_it_was_made_of():
    fine = np.linspace(0, 1, 1 << 14)
    x = np.random.default_rng(0).uniform(0, 1, 1000)
    for gamma in (1.0, 2.2):
        curve = Interpolated(fine, fine**gamma)
        np.testing.assert_allclose(curve.luminance(x), x**gamma, atol=3e-6)
        np.testing.assert_allclose(curve.level(x), x ** (1 / gamma), atol=3e-5)


@pytest.mark.parametrize("curve", [Srgb(), Power(2.2), Power(2.4, 0.1)])
def test_shapes_are_kept(curve):
    image = np.full((3, 4, 5), 0.25)
    assert curve.level(image).shape == curve.luminance(image).shape == image.shape
