from __future__ import annotations

import numpy as np
import pytest
import torch

from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.solvers.subspace import Subspace, resolved
from pdpsych.geometry.space import DistortionSpace

SHAPE = (1, 4, 5)
FLOOR = 0.2


@pytest.fixture
def matrices():
    rng = np.random.default_rng(0)
    return [rng.standard_normal((rows, 20)) for rows in (30, 20, 7)]


@pytest.fixture
def local(matrices, matrix_representations):
    image = torch.full(SHAPE, 0.5, dtype=torch.float64)
    return LocalGeometry(matrix_representations(*matrices), image, floor=FLOOR)


def _noise(count, seed):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, *SHAPE)))


def _check(subspace, matrices):
    """Compare the basis and the Gram matrices with dense algebra."""
    basis = subspace.basis.flatten(1).numpy()
    np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-12)
    for gram, matrix in zip(subspace.grams, matrices, strict=True):
        fisher = matrix.T @ matrix
        fisher += FLOOR**2 * np.trace(fisher) / 20 * np.eye(20)
        np.testing.assert_allclose(gram, basis @ fisher @ basis.T, atol=1e-10)


def test_grams_are_dense_products_after_growing_and_shrinking(local, matrices):
    subspace = Subspace(local, DistortionSpace(local.image), _noise(3, 1))
    _check(subspace, matrices)
    subspace.extend(_noise(4, 2))
    assert len(subspace) == 7
    _check(subspace, matrices)
    rows = np.random.default_rng(3).standard_normal((4, 7))
    before = subspace.combine(rows)
    again = subspace.restrict(rows)
    assert len(subspace) == 4
    torch.testing.assert_close(subspace.combine(again), before)
    _check(subspace, matrices)
    subspace.extend(_noise(2, 4))
    assert len(subspace) == 6
    _check(subspace, matrices)


def test_pushed_needs_no_new_product(local, matrices):
    subspace = Subspace(local, DistortionSpace(local.image), _noise(4, 1))
    rows = np.random.default_rng(2).standard_normal((2, 4))
    before = local.products
    pushed = subspace.pushed(rows)
    assert local.products == before
    directions = subspace.combine(rows).flatten(1).numpy()
    for tangents, matrix in zip(pushed, matrices, strict=True):
        np.testing.assert_allclose(tangents.numpy(), directions @ matrix.T, atol=1e-11)


def test_directions_already_inside_are_left_out(local, matrices):
    first = _noise(3, 1)
    subspace = Subspace(local, DistortionSpace(local.image), first)
    before = local.products
    subspace.extend(torch.cat([2 * first[:1], first[1:2] - 3 * first[2:]]))
    assert len(subspace) == 3
    assert local.products == before
    fresh = _noise(1, 5)
    subspace.extend(torch.cat([fresh, first[:1], -fresh]))
    assert len(subspace) == 4
    assert local.products == before + 1
    _check(subspace, matrices)


def test_a_restriction_to_dependent_rows_keeps_their_span(local, matrices):
    subspace = Subspace(local, DistortionSpace(local.image), _noise(5, 1))
    rows = np.random.default_rng(2).standard_normal((2, 5))
    rows = np.stack([rows[0], rows[1], rows[0] - 2 * rows[1]])
    before = subspace.combine(rows)
    again = subspace.restrict(rows)
    assert len(subspace) == 2
    torch.testing.assert_close(subspace.combine(again), before)
    _check(subspace, matrices)


def test_the_subspace_stops_growing_at_the_whole_space(local, matrices):
    subspace = Subspace(local, DistortionSpace(local.image), _noise(18, 1))
    subspace.extend(_noise(6, 2))
    assert len(subspace) == 20
    _check(subspace, matrices)
    # In the whole space the Gram matrices have the eigenvalues of the Fisher information.
    fisher = matrices[2].T @ matrices[2]
    expected = np.linalg.eigvalsh(fisher) + FLOOR**2 * np.trace(fisher) / 20
    np.testing.assert_allclose(np.linalg.eigvalsh(subspace.grams[2]), expected, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_resolution_is_above_rounding_and_below_what_is_measured(
    dtype, matrices, matrix_representations
):
    """The 13 directions to which the last model is blind come out below its resolution."""
    image = torch.full(SHAPE, 0.5, dtype=dtype)
    local = LocalGeometry(matrix_representations(*matrices), image)
    blind = np.linalg.svd(matrices[2])[2][7:].reshape(-1, *SHAPE)
    squares = local.sensitivities(torch.from_numpy(blind).to(dtype)) ** 2
    limits = resolved(local).floors
    assert squares[2].max() < limits[2]
    assert squares[0].min() > 100 * limits[0]


def test_a_direction_all_but_inside_is_made_orthogonal(local, matrices):
    first = _noise(6, 1)
    subspace = Subspace(local, DistortionSpace(local.image), first)
    subspace.extend(first[:2] + 1e-3 * _noise(2, 2))
    assert len(subspace) == 8
    _check(subspace, matrices)
