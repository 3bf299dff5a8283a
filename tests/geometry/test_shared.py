"""One local geometry serves every solver and check, with the answers that each finds alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from refusals import refused

from pdpsych import geometry, models

FLOOR = 0.1


@pytest.fixture(scope="module")
def representations():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.Tanh(),
        torch.nn.Conv2d(4, 4, 3, padding=1),
        torch.nn.Tanh(),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 144, 50),
    ).double()
    return [*models.from_module(net, ["1", "3", "5"], "net"), *models.load(["LN"])]


@pytest.fixture(scope="module")
def image(photograph):
    return photograph(12)


@pytest.fixture(scope="module")
def local(representations, image):
    return geometry.LocalGeometry(representations, image, floor=FLOOR)


def test_principal_distortions(representations, image, local):
    alone = geometry.principal_distortions(
        representations, image, floor=FLOOR, seed=1, budget=geometry.Budget(iterations=4)
    )
    shared = geometry.principal_distortions_at(local, seed=1, budget=geometry.Budget(iterations=4))
    torch.testing.assert_close(shared.distortions, alone.distortions)
    assert shared.floor == FLOOR
    assert shared.certificate.operator_applications == alone.certificate.operator_applications


def test_the_floor_against_rounding_stays_inside_the_solvers(representations, image):
    bare = geometry.LocalGeometry(representations, image)
    geometry.principal_distortions_at(bare, budget=geometry.Budget(iterations=1))
    geometry.eigen_distortions_at(bare.select([0]), budget=geometry.Budget(iterations=1))
    assert (bare.floors == 0).all()


def test_eigen_distortions_of_a_selection(representations, image, local):
    for numbers in ([1], [3], [0, 2], [3, 1]):
        chosen = [representations[i] for i in numbers]
        solve = (geometry.eigen_distortions, geometry.generalized_eigen_distortions)[
            len(numbers) - 1
        ]
        alone = solve(*chosen, image, floor=FLOOR, budget=geometry.Budget(iterations=3))
        shared = geometry.eigen_distortions_at(
            local.select(numbers), budget=geometry.Budget(iterations=3)
        )
        torch.testing.assert_close(shared.largest, alone.largest)
        np.testing.assert_allclose(shared.smallest_values, alone.smallest_values)
        assert shared.names == alone.names
        assert shared.certificate.operator_applications == pytest.approx(
            alone.certificate.operator_applications
        )


def test_finite_responses(representations, image, local):
    block = torch.randn((10, *image.shape), dtype=torch.float64)
    alone = geometry.finite_responses(representations, image, block, floor=FLOOR)
    shared = geometry.finite_responses_at(local, block)
    np.testing.assert_allclose(shared.curves[3].values, alone.curves[3].values)
    np.testing.assert_allclose(shared.sensitivities, alone.sensitivities)


def test_sensitivities_a_few_at_a_time_are_those_of_each(local, image):
    block = torch.randn((11, *image.shape), dtype=torch.float64)
    each = [local.sensitivities(one[None])[:, 0] for one in block]
    np.testing.assert_allclose(local.sensitivities(block), np.stack(each, axis=1))


def test_networks_are_linearised_once(representations, image):
    runs = []
    hook = representations[0].network.module.register_forward_hook(lambda *_: runs.append(1))
    shared = geometry.LocalGeometry(representations, image, floor=FLOOR)
    once = len(runs)
    geometry.principal_distortions_at(shared, budget=geometry.Budget(iterations=2), restarts=2)
    geometry.eigen_distortions_at(shared.select([1, 2]), budget=geometry.Budget(iterations=2))
    hook.remove()
    assert once > 0
    assert len(runs) == once


def test_more_than_two_have_no_eigen_distortions(local):
    with refused(field="representations", value=4, allowed="1 or 2"):
        geometry.eigen_distortions_at(local)


def test_one_representation_has_no_principal_distortions(local):
    with refused(field="representations", value=1, allowed="at least 2"):
        geometry.principal_distortions_at(local.select([0]))
