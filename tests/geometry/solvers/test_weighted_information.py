from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from pdpsych.geometry.local import LocalGeometry
from pdpsych.geometry.solvers import weighted_information
from pdpsych.geometry.solvers.preconditioner import Preconditioner
from pdpsych.geometry.solvers.weighted_information import TOLERANCE, WeightedInformation
from pdpsych.geometry.space import DistortionSpace

SHAPE = (1, 5, 6)
SIZE = 30
IMAGE = torch.full(SHAPE, 0.5, dtype=torch.float64)


class Counting:
    """A network that counts the directions pushed and pulled through it."""

    def __init__(self, network):
        self._network, self.count = network, 0

    def linearize(self, image, layers):
        self._linear = self._network.linearize(image, layers)
        self.responses = self._linear.responses
        return self

    def select(self, taps):
        assert taps == list(range(len(self.responses)))
        return self

    def push(self, distortions):
        self.count += len(distortions)
        return self._linear.push(distortions)

    def pull(self, cotangents):
        self.count += len(cotangents[0])
        return self._linear.pull(cotangents)


def _preconditioner(geometry, space=None):
    space = space or DistortionSpace(geometry.image)
    return Preconditioner(geometry, space.support)


def _matrices(seed, scales=(1.0, 1.0, 1.0)):
    rng = np.random.default_rng(seed)
    return [s * rng.standard_normal((SIZE + 10, SIZE)) for s in scales]


def _built(matrix_representations, matrices, space=None, floor=0.1):
    """Return what a WeightedInformation needs, and each representation's floored Fisher matrix."""
    geometry = LocalGeometry(matrix_representations(*matrices), IMAGE, floor=floor)
    fishers = [m.T @ m + f * np.eye(SIZE) for m, f in zip(matrices, geometry.floors, strict=True)]
    space = space or DistortionSpace(IMAGE)
    return (geometry, space, _preconditioner(geometry, space)), np.stack(fishers)


def _noise(seed, *count):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((*count, *SHAPE)))


@pytest.mark.parametrize("weights", [[1.0, 0.0, 0.0], [0.3, 2.0, 1e-3]])
@pytest.mark.parametrize("options", [{}, {"window": 1.5}, {"cycles_per_image": 2.0}])
def test_solution_is_near_that_of_a_dense_solve(weights, options, matrix_representations):
    space = DistortionSpace(IMAGE, **options)
    parts, fishers = _built(matrix_representations, _matrices(0), space)
    eye = torch.eye(SIZE, dtype=torch.float64).reshape(-1, *SHAPE)
    p = space.apply(eye).flatten(1).numpy().T
    dense = p.T @ np.tensordot(weights, fishers, 1) @ p
    information = WeightedInformation(*parts, np.array(weights))
    gradient = space.adjoint(_noise(1, 1))
    found = space.apply(information.solve(gradient[0])[None]).flatten().numpy()
    exact = p @ np.linalg.lstsq(dense, gradient.flatten().numpy(), rcond=1e-12)[0]
    # Conjugate gradients bound the residual; the error is compared in the norm they minimise.
    inner = np.tensordot(weights, fishers, 1)
    error = found - exact
    assert error @ inner @ error < (3 * TOLERANCE) ** 2 * (exact @ inner @ exact)


@pytest.mark.parametrize("options", [{}, {"window": 1.5}, {"cycles_per_image": 2.0}])
def test_solution_climbs(options, matrix_representations):
    space = DistortionSpace(IMAGE, **options)
    parts, _ = _built(matrix_representations, _matrices(0), space)

    @given(st.integers(0, 2**32 - 1), st.lists(st.floats(0, 1), min_size=3, max_size=3))
    @settings(max_examples=20)
    def climbs(seed, weights):
        weights = np.array(weights) if sum(weights) > 1e-3 else np.eye(3)[0]
        gradient = space.adjoint(_noise(seed, 1))[0]
        information = WeightedInformation(*parts, weights)
        assert (gradient * information.solve(gradient)).sum() > 0
        assert (gradient * information.precondition(gradient)).sum() > 0

    climbs()


@pytest.mark.parametrize("side", [24, 48])
def test_a_soft_window_does_not_slow_the_solution(side, matrix_representations):
    """All distortions inside it are allowed, however softly it ends."""
    shape, size = (1, side, side), side**2
    image = torch.full(shape, 0.5, dtype=torch.float64)
    geometry = LocalGeometry(matrix_representations(np.eye(size)), image, floor=0.1)
    space = DistortionSpace(image, window=1.0)
    information = WeightedInformation(geometry, space, _preconditioner(geometry, space), np.ones(1))
    noise = torch.from_numpy(np.random.default_rng(1).standard_normal((1, *shape)))
    gradient = space.adjoint(noise)
    weight = space.apply(torch.ones_like(noise))
    exact = torch.where(weight > 0, noise, 0) / (1 + float(geometry.floors[0]))
    error = space.apply(information.solve(gradient[0], steps=3)[None]) - exact
    assert error.norm() < 0.2 * exact.norm()


def test_a_gradient_of_zero_gives_zero(matrix_representations):
    parts, _ = _built(matrix_representations, _matrices(0))
    information = WeightedInformation(*parts, np.array([1.0, 1.0, 0.0]))
    assert (information.solve(torch.zeros(SHAPE, dtype=torch.float64)) == 0).all()


def test_no_step_is_the_preconditioned_gradient_and_steps_come_nearer(matrix_representations):
    matrices = _matrices(0)
    parts, fishers = _built(matrix_representations, matrices, floor=0.1)
    information = WeightedInformation(*parts, np.ones(len(matrices)))
    gradient = _noise(3)
    torch.testing.assert_close(information.solve(gradient, 0), information.precondition(gradient))
    exact = np.linalg.solve(fishers.sum(axis=0), gradient.flatten().numpy())
    errors = []
    for steps in (1, 2, 4, 8):
        error = information.solve(gradient, steps).flatten().numpy() - exact
        errors.append(error @ fishers.sum(axis=0) @ error)
    assert (np.diff(errors) <= 0).all()
    assert errors[-1] < errors[0] / 2


def _counted(matrix_representations, scales):
    """Return one representation a network, and the networks, which count their products."""
    built = [matrix_representations(m)[0] for m in _matrices(0, scales)]
    networks = [Counting(r.network) for r in built]
    return [replace(r, network=n) for r, n in zip(built, networks, strict=True)], networks


@pytest.mark.parametrize("last", [0.0, 0.1])
def test_a_network_that_does_not_resist_is_not_run(last, matrix_representations):
    representations, networks = _counted(matrix_representations, (1.0, 1.0, 1.0))
    geometry = LocalGeometry(representations, IMAGE, floor=0.5)
    preconditioner = _preconditioner(geometry)
    weights = np.array([1.0, 1.0, last])
    information = WeightedInformation(geometry, DistortionSpace(IMAGE), preconditioner, weights)
    before = [network.count for network in networks]
    information.solve(_noise(1))
    ran = [network.count > b for network, b in zip(networks, before, strict=True)]
    assert ran == [True, True, last > 0]


def test_preconditioning_runs_no_network(matrix_representations):
    representations, networks = _counted(matrix_representations, (1.0, 1.0))
    geometry = LocalGeometry(representations, IMAGE, floor=0.1)
    information = WeightedInformation(
        geometry, DistortionSpace(IMAGE), _preconditioner(geometry), np.array([1.0, 1.0])
    )
    before = [network.count for network in networks]
    information.precondition(_noise(1))
    assert [network.count for network in networks] == before


def test_only_the_floor_resists_what_a_representation_is_blind_to(matrix_representations):
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((6, SIZE))
    parts, fishers = _built(matrix_representations, [matrix], floor=0.5)
    floor = parts[0].floors[0]
    blind = np.linalg.svd(matrix)[2][6:].T @ rng.standard_normal(SIZE - 6)
    found = WeightedInformation(*parts, np.ones(1)).solve(torch.from_numpy(blind).reshape(SHAPE))
    error = found.flatten().numpy() - blind / floor
    assert error @ fishers[0] @ error < (3 * TOLERANCE) ** 2 * (blind @ blind) / floor


class _Scalars(TorchDispatchMode):
    """Counts the numbers that are read from tensors: each is a wait where these are on a GPU."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def test_an_inner_solve_reads_one_number_a_step_and_late_no_other(
    matrix_representations, monkeypatch
):
    """On a processor a step reads whether it goes on; on a GPU that is copied, and read late."""
    built, fishers = _built(matrix_representations, _matrices(2))
    inverse = WeightedInformation(*built, np.ones(3))
    gradient = torch.randn(SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with _Scalars() as here:
        expected = inverse.solve(gradient, 8)
    assert 1 <= here.count <= 8

    class Late:
        """Says so of the step before, and reads nothing inside."""

        def __init__(self, device):
            self.asked = []

        def __call__(self, goes_on):
            self.asked.append(goes_on)
            return len(self.asked) <= here.count

    monkeypatch.setattr(weighted_information, "_Told", Late)
    with _Scalars() as there:
        found = inverse.solve(gradient, 8)
    assert there.count == 0

    def missing(solution):
        product = fishers.sum(axis=0) @ solution.flatten().numpy()
        return np.linalg.norm(product - gradient.flatten().numpy())

    assert missing(found) < missing(expected)
