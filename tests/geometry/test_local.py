from __future__ import annotations

import numpy as np
import pytest
import torch
from refusals import refused

from pdpsych import geometry, models
from pdpsych.geometry.linearization import AutogradLinearization
from pdpsych.geometry.local import PROBES, LocalGeometry


def _net(generator: torch.Generator) -> torch.nn.Module:
    torch.manual_seed(generator.initial_seed())
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1),
        torch.nn.ReLU(inplace=True),
        torch.nn.Conv2d(3, 4, 3, stride=2),
        torch.nn.Tanh(),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 9, 5),
    ).double()


@pytest.fixture
def net():
    return _net(torch.Generator().manual_seed(3))


@pytest.fixture
def small_image():
    generator = torch.Generator().manual_seed(0)
    return torch.rand((1, 8, 8), generator=generator, dtype=torch.float64)


def _jacobian(function, image):
    jacobian = torch.autograd.functional.jacobian(lambda x: function(x[None]).flatten(), image)
    return jacobian.reshape(jacobian.shape[0], -1).numpy()


def test_products_of_tapped_layers_equal_dense_jacobians(net, small_image):
    layers = ["0", "1", "3", "5"]
    geo = LocalGeometry(models.from_module(net, layers, "net"), small_image)
    dense = [_jacobian(lambda x, k=k: net[: k + 1](x), small_image) for k in (0, 1, 3, 5)]
    directions = torch.randn((3, 1, 8, 8), dtype=torch.float64)
    pushed = geo.push(directions)
    flat = directions.flatten(1).numpy()
    for tangent, matrix in zip(pushed, dense, strict=True):
        np.testing.assert_allclose(tangent.numpy(), flat @ matrix.T, atol=1e-12)
    weights = [torch.randn_like(tangent) for tangent in pushed]
    expected = sum(w.numpy() @ m for w, m in zip(weights, dense, strict=True))
    np.testing.assert_allclose(geo.pull(weights).flatten(1).numpy(), expected, atol=1e-12)


def test_information_is_a_push_and_a_pull(net, small_image):
    layers = ["0", "3"]
    chosen = models.from_module(net, layers, "net", noise=geometry.Gaussian(2.0))
    chosen += models.from_module(net, ["1"], "noisy", noise=geometry.Poisson())
    chosen += models.load(["LN"], dtype=torch.float64)
    geo = LocalGeometry(chosen, small_image).normalized().select([3, 2, 0])
    directions = torch.randn((2, 1, 8, 8), dtype=torch.float64)
    weights = [0.5, 2.0, 3.0]
    before = geo.products
    found = geo.information(directions, weights)
    assert geo.products == before + 4
    expected = geo.pull([w * t for w, t in zip(weights, geo.push(directions), strict=True)])
    torch.testing.assert_close(found, expected)


def test_an_inplace_activation_does_not_overwrite_the_layer_before_it(net, small_image):
    before = torch.nn.Sequential(net[0])(small_image[None]).detach().clone()
    network = models.ModuleNetwork(net)
    tapped, _ = network.responses(small_image[None], ["0", "1"])
    assert (before < 0).any()
    torch.testing.assert_close(tapped, before)


def test_layers_of_one_network_share_one_forward_pass(net, small_image):
    calls = []
    net.register_forward_hook(lambda *_: calls.append(1))
    LocalGeometry(models.from_module(net, ["0", "3", "5"], "net"), small_image)
    assert len(calls) == 1


def test_a_selection_gives_the_products_of_the_whole(net, small_image, matrix_representations):
    rng = np.random.default_rng(0)
    matrices = matrix_representations(*rng.standard_normal((2, 7, 64)))
    taps = models.from_module(net, ["0", "3", "5"], "net")
    order = [taps[0], matrices[0], taps[1], *models.load(["LN"]), taps[2]]
    whole = LocalGeometry(order, small_image, floor=0.1)
    numbers = [4, 1, 2]
    some = whole.select(numbers)
    assert some.names == [whole.names[i] for i in numbers]
    np.testing.assert_array_equal(some.floors, whole.floors[numbers])
    np.testing.assert_array_equal(some.mean_power(), whole.mean_power()[numbers])
    block = torch.randn((4, 1, 8, 8), dtype=torch.float64)
    before = whole.products
    pushed, expected = some.push(block), whole.push(block)
    assert whole.products - before == pytest.approx(4 + 4 * 3 / 5)
    cotangents = [torch.zeros_like(t) for t in expected]
    for i, tangents in zip(numbers, pushed, strict=True):
        torch.testing.assert_close(tangents, expected[i])
        cotangents[i] = torch.randn_like(tangents)
    torch.testing.assert_close(some.pull([cotangents[i] for i in numbers]), whole.pull(cotangents))


@pytest.mark.parametrize("side", [5, 12])
def test_mean_power_is_the_trace_of_the_fisher_information(side, matrix_representations):
    rng = np.random.default_rng(0)
    matrices = [rng.standard_normal((r, side**2)) for r in (3, 200)]
    image = torch.full((1, side, side), 0.5, dtype=torch.float64)
    geo = LocalGeometry(matrix_representations(*matrices), image)
    expected = [np.trace(m.T @ m) / side**2 for m in matrices]
    if side**2 <= PROBES:
        np.testing.assert_allclose(geo.mean_power(), expected, rtol=1e-12)
    else:
        spread = [
            np.sqrt(2 / PROBES) * np.linalg.norm(m @ m.T) / np.trace(m.T @ m) for m in matrices
        ]
        relative = np.abs(geo.mean_power() / expected - 1)
        assert (relative < 4 * np.array(spread)).all()


def test_sensitivity_is_the_quadratic_form_with_its_floor(matrix_representations):
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((4, 25))
    image = torch.full((1, 5, 5), 0.5, dtype=torch.float64)
    directions = rng.standard_normal((6, 1, 5, 5))
    (representation,) = matrix_representations(matrix)
    for floor in (0.0, 0.3):
        fisher = matrix.T @ matrix
        fisher = fisher + floor**2 * np.trace(fisher) / 25 * np.eye(25)
        flat = directions.reshape(6, 25)
        expected = np.sqrt(np.einsum("ka,ab,kb->k", flat, fisher, flat))
        found = geometry.sensitivity(representation, image, directions, floor=floor)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_gaussian_noise_divides_sensitivity(small_image, net):
    loud = models.from_module(net, ["3"], "net", noise=geometry.Gaussian(2.5))[0]
    unit = models.from_module(net, ["3"], "net")[0]
    directions = torch.randn((2, 1, 8, 8), dtype=torch.float64)
    np.testing.assert_allclose(
        geometry.sensitivity(unit, small_image, directions),
        2.5 * geometry.sensitivity(loud, small_image, directions),
    )


def test_sensitivity_predicts_a_gaussian_observer(small_image, net):
    """d' of an ideal observer of r + noise, by simulation, for a distortion small enough."""
    representation = models.from_module(net, ["3"], "net")[0]
    u = torch.randn((1, 1, 8, 8), dtype=torch.float64)
    u *= 0.02 / u.norm()
    d = geometry.sensitivity(representation, small_image, u)[0]
    with torch.no_grad():
        r0, r1 = (net[:4](x).flatten() for x in (small_image[None], small_image + u))
    assert float((r1 - r0).norm()) == pytest.approx(d, rel=0.02)
    noise = np.random.default_rng(0).standard_normal((2, 40_000, r0.numel()))
    template = (r1 - r0).numpy()
    evidence = noise @ template
    correct = np.mean(evidence[0] + template @ template > evidence[1])
    from scipy.stats import norm

    assert correct == pytest.approx(norm.cdf(d / np.sqrt(2)), abs=0.01)


def test_float32_products_agree_with_float64(photograph):
    image = photograph(48)
    directions = torch.randn((2, 1, 48, 48), dtype=torch.float64)
    for representation in models.load(["LN", "LG", "LGG", "LGN"]):
        wide = geometry.sensitivity(representation, image, directions)
        narrow = geometry.sensitivity(representation, image.float(), directions.float())
        np.testing.assert_allclose(narrow, wide, rtol=1e-4)


def test_an_identity_of_a_response_with_no_dependence_gives_zero():
    image = torch.full((1, 4, 4), 0.5, dtype=torch.float64)
    linear = AutogradLinearization(lambda x: [x * 0 + 1, x], image)
    pushed = linear.push(torch.ones((1, 1, 4, 4), dtype=torch.float64))
    assert pushed[0].abs().max() == 0
    assert pushed[1].sum() == 16


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (torch.full((1, 4, 4), float("nan")), {"problem": "has values that are not finite"}),
        (torch.full((1, 4, 4), 1.5), {"value": (1.5, 1.5), "allowed": "from 0 to 1"}),
        (torch.zeros((4, 4)), {"value": "torch.float32 (4, 4)", "allowed": "(channels,"}),
        (torch.zeros((1, 4, 4), dtype=torch.uint8), {"allowed": "float32 or float64"}),
    ],
)
def test_images_that_cannot_be_used_are_refused(image, expected):
    (identity,) = models.load(["identity"])
    with refused(field="image", **expected):
        geometry.sensitivity(identity, image, torch.zeros((1, 1, 4, 4)))


def test_distortions_of_another_shape_are_refused():
    (identity,) = models.load(["identity"])
    with refused(field="distortions", value=(1, 1, 4, 5), allowed="(K, 1, 4, 4)"):
        geometry.sensitivity(identity, torch.zeros((1, 4, 4)), torch.zeros((1, 1, 4, 5)))


@pytest.mark.parametrize(
    ("value", "problem"),
    [(0.0, "zero everywhere"), (float("nan"), "has values that are not finite")],
)
def test_distortions_without_a_direction_are_refused(value, problem):
    (identity,) = models.load(["identity"])
    distortions = torch.ones((2, 1, 4, 4))
    distortions[1] = value
    with refused(field="distortions[1]", problem=problem):
        geometry.sensitivity(identity, torch.zeros((1, 4, 4)), distortions)
