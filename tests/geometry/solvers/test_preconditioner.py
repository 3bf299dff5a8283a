from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pdpsych import models
from pdpsych.geometry.cosine import CosineTransform
from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.solvers.preconditioner import Preconditioner
from pdpsych.geometry.space import DistortionSpace

FLOOR = 0.1


def _preconditioner(geometry):
    return Preconditioner(geometry, torch.ones_like(geometry.image, dtype=torch.bool))


def _dense(divide, shape):
    """Return the preconditioner as a matrix (D, D)."""
    eye = torch.eye(int(np.prod(shape)), dtype=torch.float64).reshape(-1, *shape)
    return np.stack([divide(direction).flatten().numpy() for direction in eye], axis=1)


def _fisher(geometry, i):
    eye = torch.eye(geometry.dimension, dtype=torch.float64).reshape(-1, *geometry.image.shape)
    pushed = geometry.push(eye)[i].numpy()
    return pushed @ pushed.T + geometry.floors[i] * np.eye(geometry.dimension)


@pytest.mark.parametrize("shape", [(1, 6, 5), (3, 4, 4), (1, 1, 7)])
def test_inverse_is_symmetric_and_positive(shape, matrix_representations):
    size = int(np.prod(shape))
    rng = np.random.default_rng(0)
    # Very different scales, and the last blind to most distortions.
    matrices = [rng.standard_normal((size, size)), 100 * rng.standard_normal((size, size))]
    matrices.append(1e-3 * rng.standard_normal((2, size)))
    image = torch.full(shape, 0.5, dtype=torch.float64)
    geometry = LocalGeometry(matrix_representations(*matrices), image, floor=FLOOR)
    preconditioner = _preconditioner(geometry)

    @given(st.lists(st.floats(0, 1), min_size=3, max_size=3))
    @settings(max_examples=25)
    def check(weights):
        weights = np.array(weights) if sum(weights) > 1e-3 else np.eye(3)[2]
        inverse = _dense(preconditioner.inverse(weights), shape)
        np.testing.assert_allclose(inverse, inverse.T, rtol=1e-9, atol=1e-12 * inverse.max())
        assert np.linalg.eigvalsh(inverse).min() > 0

    check()


def test_near_exact_for_filters_that_cosine_transforms_make_diagonal(matrix_representations):
    """A_i = diag(h_i(|f|)) C: A_iᵀ z for random signs z has the power h² in every coefficient.

    Only the gain, truly 1, is estimated from noise, here to within a third.
    """
    shape = (1, 12, 12)
    image = torch.full(shape, 0.5, dtype=torch.float64)
    transform = CosineTransform(image)
    eye = torch.eye(144, dtype=torch.float64).reshape(-1, *shape)
    cosines = transform.forward(eye).flatten(1).numpy().T
    # A step, so that the transfer is constant inside every radial bin.
    low = np.round(transform.frequency.flatten().numpy() * 24) <= 5
    transfers = [np.where(low, 30.0, 0.5), np.where(low, 0.2, 10.0)]
    representations = matrix_representations(*(h[:, None] * cosines for h in transfers))
    geometry = LocalGeometry(representations, image, floor=FLOOR)
    for weights in np.array([[1.0, 0.0], [0.0, 1.0], [0.7, 2.0]]):
        fisher = sum(w * _fisher(geometry, i) for i, w in enumerate(weights))
        assert weights.all() or np.linalg.cond(fisher) > 80
        ratios = _preconditioned(geometry, fisher, weights)
        # Next to the step the taper mixes what is on both of its sides.
        assert (np.abs(np.log(ratios)) < np.log(1.4)).mean() > 0.8
        assert ratios.min() > 0.5
        assert ratios.max() < 5


@pytest.mark.parametrize(("name", "factor"), [("LN", 30), ("LGG", 5), ("LGN", 4)])
def test_condition_of_an_early_visual_model_falls(name, factor, photograph):
    geometry = LocalGeometry(models.load([name]), photograph(24), floor=0.03)
    fisher = _fisher(geometry, 0)
    ratios = _preconditioned(geometry, fisher, np.ones(1))
    assert ratios.max() / ratios.min() < np.linalg.cond(fisher) / factor


def test_conjugate_gradients_on_lg_need_fewer_steps(photograph):
    """LG's gain varies 100-fold over the image, which the floor does not follow.

    So the condition number does not fall, but most eigenvalues come together.
    """
    geometry = LocalGeometry(models.load(["LG"]), photograph(40), floor=0.03)
    fisher, size = _fisher(geometry, 0), geometry.dimension
    divide = _preconditioner(geometry).inverse(np.ones(1))
    gradient = np.random.default_rng(0).standard_normal(size)
    plain = _steps(fisher, np.eye(size), gradient)
    assert _steps(fisher, _dense(divide, geometry.image.shape), gradient) < plain / 1.5


def _preconditioned(geometry, fisher, weights):
    """Return the eigenvalues of preconditioner times matrix."""
    inverse = _dense(_preconditioner(geometry).inverse(weights), geometry.image.shape)
    root = np.linalg.cholesky(inverse)
    return np.linalg.eigvalsh(root.T @ fisher @ root)


def _steps(matrix, inverse, right, error=0.25):
    """Return the steps of preconditioned conjugate gradients to a relative error, in their norm."""
    exact = np.linalg.solve(matrix, right)
    solution, residual = np.zeros_like(right), right
    direction = inverse @ residual
    size = residual @ direction
    for step in range(1, 1000):
        pushed = matrix @ direction
        length = size / (direction @ pushed)
        solution, residual = solution + length * direction, residual - length * pushed
        rest = exact - solution
        if rest @ matrix @ rest < error**2 * (exact @ right):
            return step
        before, size = size, residual @ inverse @ residual
        direction = inverse @ residual + size / before * direction
    raise AssertionError("conjugate gradients do not converge")


@pytest.mark.parametrize("radius", [0.5, 0.8])
def test_the_edge_of_a_window_does_not_slow_the_inverse(radius, photograph):
    """Where the support ends, the inverse of what is cut is not the inverse cut."""
    geometry = LocalGeometry(models.load(["LG"]), photograph(40), floor=0.03)
    space = DistortionSpace(geometry.image, window=radius)
    inside = space.support.flatten().numpy()
    fisher = _fisher(geometry, 0)[np.ix_(inside, inside)]
    gradient = np.random.default_rng(0).standard_normal(len(fisher))
    whole = _dense(_preconditioner(geometry).inverse(np.ones(1)), geometry.image.shape)
    edged = _dense(
        Preconditioner(geometry, space.support).inverse(np.ones(1)), geometry.image.shape
    )
    np.testing.assert_allclose(edged, edged.T, rtol=1e-6, atol=1e-9 * edged.max())
    cut, known = (inverse[np.ix_(inside, inside)] for inverse in (whole, edged))
    assert np.linalg.eigvalsh(known).min() > 0
    assert _steps(fisher, known, gradient, 0.03) < _steps(fisher, cut, gradient, 0.03) / 2


def test_an_inverse_of_nearly_the_same_weights_serves_again(photograph):
    geometry = LocalGeometry(models.load(["LN", "LGN"]), photograph(16), floor=0.1).normalized()
    preconditioner, gradient = _preconditioner(geometry), torch.rand(1, 16, 16).double()
    first = preconditioner.inverse(np.array([1.0, 2.0]))(gradient)
    near = preconditioner.inverse(np.array([2.2, 4.0]))(gradient)
    torch.testing.assert_close(near * np.hypot(2.2, 4.0), first * np.hypot(1.0, 2.0))
    far = preconditioner.inverse(np.array([4.0, 2.0]))(gradient)
    assert (far * np.hypot(4.0, 2.0) - first * np.hypot(1.0, 2.0)).norm() > 0.01 * far.norm()
