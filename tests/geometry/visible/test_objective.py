"""F at finite amplitudes, against its definition, and its gradient, against differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from refusals import refused

from pdpsych import geometry, models
from pdpsych.geometry.solvers.disagreement import contrast
from pdpsych.geometry.visible.objective import SPAN, Objective

SHAPE = (1, 6, 6)
IMAGE = 0.3 + 0.4 * torch.rand(
    SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64
)
RMS, FLOOR = 0.02, 0.1


def _network(last):
    torch.manual_seed(3)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3, padding=1), last).double()
    net[0].weight.data *= 5
    return net


MODULES = {
    "softsign": (_network(torch.nn.Softsign()), geometry.Gaussian(0.5)),
    "softplus": (_network(torch.nn.Softplus()), geometry.Poisson()),
    "relu": (_network(torch.nn.ReLU()), geometry.ResponseVariance(lambda r: 0.2 + r)),
}


@pytest.fixture(scope="module")
def local():
    chosen = [
        models.from_module(module, [""], name, noise=noise)[0]
        for name, (module, noise) in MODULES.items()
    ]
    return geometry.LocalGeometry(chosen, IMAGE, floor=FLOOR)


@pytest.fixture(scope="module")
def objective(local):
    return Objective(local, contrast(range(3)), RMS)


def _pair(seed=1):
    generator = torch.Generator().manual_seed(seed)
    pair = torch.randn((2, *SHAPE), generator=generator, dtype=torch.float64)
    return pair / pair.flatten(1).norm(dim=1).view(2, 1, 1, 1)


def _stabilised(name, response, base):
    """Return what each noise model makes of a change, by its formula."""
    if name == "softsign":
        return (response - base) / 0.5
    if name == "softplus":
        return 2 * (response.sqrt() - base.sqrt())
    variance, at_base = 0.2 + response, 0.2 + base
    means = (response - base) / ((variance + at_base) / 2).sqrt()
    return torch.cat([means, (variance / at_base).log() / 2**0.5])


def test_it_is_the_definition(local, objective):
    pair = _pair()
    steps = [0.5, 1.0, 2.0, 30.0]
    found = objective.squares(pair, steps)
    for i, (name, (module, _)) in enumerate(MODULES.items()):
        base = module(IMAGE[None]).flatten()
        for (k, distortion), (a, step) in (
            (side, one) for side in enumerate(pair) for one in enumerate(steps)
        ):
            alpha = step * RMS * IMAGE.numel() ** 0.5
            squares = []
            for sign in (1, -1):
                frame = (IMAGE + sign * alpha * distortion).clamp(0, 1)
                moved = _stabilised(name, module(frame[None]).flatten(), base)
                squares.append(float(moved @ moved) + local.floors[i] * alpha**2)
            expected = np.mean(squares) / alpha**2 / local.mean_power()[i]
            assert found[i, k, a] == pytest.approx(expected, rel=1e-10)
    x = 0.5 * np.log(found[:, 0] / found[:, 1])
    np.testing.assert_allclose(objective.values(found), x.var(axis=0))


def test_small_amplitudes_tend_to_the_local_one(local, objective):
    pair = _pair()
    d = local.sensitivities(pair) ** 2 / local.mean_power()[:, None]
    np.testing.assert_allclose(objective.local(pair), d)
    np.testing.assert_allclose(objective.squares(pair, [1e-4])[..., 0], d, rtol=1e-5)


def test_its_gradient_is_that_of_the_mean_over_amplitudes(objective):
    pair, direction, step = _pair(), _pair(2), 1e-6
    value, gradient, squares = objective.climbing(pair)
    assert value == pytest.approx(objective.values(objective.squares(pair, SPAN)).mean())
    np.testing.assert_allclose(squares, objective.squares(pair))
    up, down = (objective.climbing(pair + s * step * direction)[0] for s in (1, -1))
    slope = float((gradient * direction).sum())
    assert slope == pytest.approx((up - down) / (2 * step), rel=1e-6)
    assert abs(slope) > 1e-3


def test_frames_are_counted(local):
    objective = Objective(local, contrast(range(3)), RMS)
    objective.climbing(_pair())
    objective.squares(_pair(), [1.0])
    assert objective.frames == 12 + 4


def _of(module, noise=None):
    chosen = [
        *models.from_module(module.double(), [""], "odd", noise=noise or geometry.Gaussian()),
        *models.load(["identity"], dtype=torch.float64),
    ]
    return Objective(geometry.LocalGeometry(chosen, IMAGE), contrast(range(2)), 0.1)


class _Root(torch.nn.Module):
    """Not a number where a pixel is below the darkest of the image."""

    def forward(self, x):
        return (x - float(IMAGE.min()) + 1e-3).sqrt()


class _Lowered(torch.nn.Module):
    def forward(self, x):
        return x - float(IMAGE.min()) + 1e-3


@pytest.mark.parametrize(
    ("module", "noise"), [(_Root(), None), (_Lowered(), geometry.Poisson())], ids=["nan", "noise"]
)
def test_a_response_that_cannot_be_is_told_with_its_amplitude(module, noise):
    objective = _of(module, noise)
    with refused(field="amplitude_rms", value=0.1, remedy="smaller") as error:
        objective.climbing(_pair())
    assert error.value.file == "odd/"


def test_a_response_without_a_derivative_is_refused(objective, local, monkeypatch):
    network = local.representations[1].network
    responses = network.responses

    def detached(frames, layers):
        return [r.detach() for r in responses(frames, layers)]

    monkeypatch.setattr(network, "responses", detached)
    objective.squares(_pair())
    with refused(field="amplitude_rms", remedy="local") as error:
        objective.climbing(_pair())
    assert error.value.file == "softplus/"
