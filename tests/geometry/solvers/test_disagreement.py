from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from pdpsych.geometry.solvers import disagreement


def _problem(count: int, m: int, seed: int):
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((count, m + 1, m))
    return np.einsum("nrk,nrl->nkl", roots, roots), rng.standard_normal((2, m))


def _value(grams, flat):
    return np.var(disagreement.log_ratios(grams, flat.reshape(2, -1))[0])


def _of_groups(groups, grams, flat):
    x = disagreement.log_ratios(grams, flat.reshape(2, -1))[0]
    return np.var([x[np.array(groups) == g].mean() for g in sorted(set(groups))])


GROUPS = [[0, 1], [0, 1, 2, 3], [0, 0, 1], [0, 1, 1, 0, 2], [0, 0, 0, 0, 0, 1]]


@given(st.sampled_from(GROUPS), st.integers(1, 5), st.integers(0, 100))
@settings(max_examples=40)
def test_derivatives_equal_finite_differences(groups, m, seed):
    grams, pair = _problem(len(groups), m, seed)
    contrast = disagreement.contrast(groups)
    gradient, hessian = disagreement.derivatives(contrast, grams, pair)
    step = 1e-5
    for k in range(2 * m):
        shift = np.zeros(2 * m)
        shift[k] = step
        up, down = (pair.ravel() + s for s in (shift, -shift))
        slope = (_of_groups(groups, grams, up) - _of_groups(groups, grams, down)) / (2 * step)
        np.testing.assert_allclose(gradient[k], slope, atol=1e-6 * (1 + np.abs(gradient).max()))
        columns = [
            disagreement.derivatives(contrast, grams, x.reshape(2, -1))[0] for x in (up, down)
        ]
        column = (columns[0] - columns[1]) / (2 * step)
        np.testing.assert_allclose(hessian[k], column, atol=1e-5 * (1 + np.abs(hessian).max()))


@given(st.integers(2, 6), st.integers(2, 5), st.integers(0, 100), st.floats(0.01, 100))
@settings(max_examples=40)
def test_the_objective_ignores_lengths_signs_and_each_scale(count, m, seed, scale):
    grams, pair = _problem(count, m, seed)
    value = _value(grams, pair.ravel())
    stretched = pair * np.array([[scale], [-1 / scale]])
    rescaled = grams * np.geomspace(1, scale, count)[:, None, None]
    assert _value(grams, stretched.ravel()) == pytest.approx(value, rel=1e-6, abs=1e-12)
    assert _value(rescaled, pair.ravel()) == pytest.approx(value, rel=1e-6, abs=1e-12)
    assert _value(grams, pair[::-1].ravel()) == pytest.approx(value, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_maximum_is_stationary_and_no_worse_than_a_quasi_newton_climb(seed):
    grams, pair = _problem(5, 12, seed)
    contrast = disagreement.contrast(range(5))
    best = disagreement.maximize(contrast, grams, pair)
    value = _value(grams, best.ravel())
    gradient, hessian = disagreement.derivatives(contrast, grams, best)
    assert np.linalg.norm(gradient) < 1e-5 * value
    assert np.linalg.eigvalsh(hessian).max() < 1e-6
    climbed = minimize(lambda z: -_value(grams, z), best.ravel(), method="BFGS")
    assert -climbed.fun <= value * (1 + 1e-6)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=7), st.integers(0, 100))
@settings(max_examples=40)
def test_contrast_is_the_variance_of_the_means_of_groups(groups, seed):
    x = np.random.default_rng(seed).standard_normal(len(groups))
    contrast = disagreement.contrast(groups)
    expected = np.var([x[np.array(groups) == g].mean() for g in set(groups)])
    assert disagreement.value(contrast, x) == pytest.approx(expected, abs=1e-14)
    np.testing.assert_allclose(contrast.sum(axis=1), 0, atol=1e-15)
