import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from pdpsych.analysis.fitting import places


@given(unit=st.floats(1e-3, 3.0), reach=st.floats(5.0, 60.0), middle=st.floats(-30.0, 30.0))
def test_values_are_dense_in_the_middle_and_reach_as_far_as_asked(unit, reach, middle):
    found = places.spaced(np.array([middle]), np.array([unit]), np.array([reach]))[0]
    assert (np.diff(found) > 0).all()
    assert found[[0, -1]] == pytest.approx([middle - reach, middle + reach])
    step = found[17] - found[16]
    # Even values where the reach is less than 16 steps.
    assert step == pytest.approx(min(0.4 * unit, reach / 16), rel=0.15)


@pytest.mark.parametrize("shift", [0.0, 1.0, -2.0])
@pytest.mark.parametrize("unit", [0.01, 0.2, 1.0])
def test_moments_of_a_normal_density_near_the_middle_are_exact(unit, shift):
    found = places.spaced(np.zeros(1), np.array([unit]), np.array([9.0]))
    middle, sd = shift * unit, 0.85 * unit
    mass = places.weights(found) * np.exp(-(((found - middle) / sd) ** 2) / 2)
    mass /= mass.sum()
    mean = (mass * found).sum()
    assert mean == pytest.approx(middle, abs=0.02 * unit)
    assert np.sqrt((mass * (found - mean) ** 2).sum()) == pytest.approx(sd, rel=0.03)


def test_quantiles_of_normal_and_even_densities():
    values = np.stack([np.linspace(-6, 6, 121), np.linspace(-1, 3, 121)])
    density = np.stack([np.exp(-(values[0] ** 2) / 2), np.ones(121)])
    share = np.array([[0.025, 0.025], [0.5, 0.5], [0.9, 0.9], [1.0, 1.0]])
    found = places.quantiles(values, density, share)
    np.testing.assert_allclose(found[:3, 0], ndtri(share[:3, 0]), atol=0.005)
    np.testing.assert_allclose(found[:, 1], -1 + 4 * share[:, 1], atol=1e-9)


def test_quantiles_of_a_density_that_vanishes_at_both_ends_stay_inside():
    values = np.linspace(0, 4, 5)[None]
    density = np.array([[0.0, 0.0, 1.0, 0.0, 0.0]])
    found = places.quantiles(values, density, np.array([[0.0], [0.125], [0.5], [1.0]]))
    np.testing.assert_allclose(found[1:, 0], [1.5, 2.0, 3.0])


def test_crossings_are_between_the_values():
    values = np.tile(np.linspace(-2, 2, 5), (3, 1))
    height = np.array([[-4.0, -1, 0, -1, -4], [0, 0, 0, -1, -4], [0, 0, 0, 0, 0]])
    low, high, below, above = places.crossings(values, height, np.full(3, -2.0))
    assert below.tolist() == [True, False, False]
    assert above.tolist() == [True, True, False]
    assert low[0] == pytest.approx(-4 / 3)
    assert high[:2] == pytest.approx([4 / 3] * 2)
