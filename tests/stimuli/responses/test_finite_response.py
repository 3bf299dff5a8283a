"""D(ε, ±α) between, below and above the amplitudes at which it was computed."""

import numpy as np
import pytest

from pdpsych.stimuli.responses.finite_response import FiniteResponse

GRID = np.geomspace(0.01, 10, 25)


def saturating(scale: float) -> FiniteResponse:
    return FiniteResponse(GRID, np.array([scale * np.tanh(GRID), scale * np.arctan(GRID)]))


def test_between_its_amplitudes_it_is_within_a_percent():
    seen, between = saturating(3.0), np.sqrt(GRID[:-1] * GRID[1:])
    assert seen.at(between, 1) == pytest.approx(3 * np.tanh(between), rel=0.01)
    assert seen.at(between, -1) == pytest.approx(3 * np.arctan(between), rel=0.01)


def test_below_it_is_proportional_and_above_unknown():
    seen = saturating(3.0)
    assert seen.at([1e-4, 1e-3], 1) == pytest.approx(
        np.tanh(0.01) / 0.01 * 3 * np.array([1e-4, 1e-3])
    )
    assert np.isnan(seen.at(11.0, 1))
    assert np.isfinite(seen.at(10.0, -1))


@pytest.mark.parametrize("level", [1e-3, 0.5, 2.9])
def test_the_first_crossing_is_where_the_mean_has_the_level(level):
    seen = saturating(3.0)
    assert seen.mean(seen.first_crossing(level)) == pytest.approx(level, rel=1e-3)


def test_of_a_curve_that_dips_the_first_crossing_counts():
    values = np.tile(np.array([1.0, 2.0, 1.5, 3.0]), (2, 1))
    seen = FiniteResponse(np.array([1.0, 2.0, 3.0, 4.0]), values)
    assert 1 < seen.first_crossing(1.9) < 2


def test_what_is_not_reached_or_not_known_is_infinite():
    nothing = FiniteResponse(np.zeros(0), np.zeros((2, 0)))
    assert saturating(1.0).first_crossing(2.0) == nothing.first_crossing(1.0) == np.inf
    assert np.isnan(nothing.at(0.1, 1))
    assert nothing.largest == 0


def test_one_amplitude_is_a_line():
    seen = FiniteResponse(np.array([2.0]), np.array([[4.0], [4.0]]))
    assert seen.at([1.0, 2.0], 1) == pytest.approx([2.0, 4.0])
    assert seen.first_crossing(1.0) == pytest.approx(0.5)
