"""The whitening at one response: what products run again and again."""

from __future__ import annotations

import pytest
import torch
from refusals import refused
from torch.utils._python_dispatch import TorchDispatchMode

from pdpsych import geometry
from pdpsych.geometry.noise.whitening import whitening_at

SIZE = 4
RESPONSE = torch.tensor([0.1, 0.2, 0.3, 0.4])
NOISES = {
    "gaussian": geometry.Gaussian(),
    "deviations": geometry.Gaussian(torch.arange(1.0, 5.0, dtype=torch.float64)),
    "correlated": geometry.CorrelatedGaussian(torch.eye(SIZE, dtype=torch.float64) + 1),
    "poisson": geometry.Poisson(),
    "variance": geometry.ResponseVariance(lambda r: 0.1 + r),
    "categorical": geometry.Categorical(),
    "logits": geometry.Categorical(logits=True),
}
EVERY = pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)


class Counting(TorchDispatchMode):
    """Counts operations, which are launches, and numbers read and copies, which are waits."""

    launches = waits = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.launches += 1
        self.waits += func in (
            torch.ops.aten._local_scalar_dense.default,
            torch.ops.aten._to_copy.default,
            torch.ops.aten.nonzero.default,
        )
        return func(*args, **(kwargs or {}))


class Own:
    """A noise model as a user writes it, without ``at``."""

    def whiten(self, response, tangents):
        return tangents / (1 + response)

    def whiten_adjoint(self, response, cotangents):
        return cotangents / (1 + response)


@EVERY
def test_products_wait_for_nothing_and_launch_little(noise):
    tangents = torch.randn((3, SIZE))
    whitening = whitening_at(noise, RESPONSE)
    with Counting() as there:
        whitened = whitening.whiten(tangents)
    with Counting() as back:
        found = whitening.whiten_adjoint(whitened)
    assert there.waits == back.waits == 0
    assert there.launches <= 6
    assert back.launches <= 8
    torch.testing.assert_close(whitened, noise.whiten(RESPONSE, tangents))
    torch.testing.assert_close(found, noise.whiten_adjoint(RESPONSE, whitened))


def test_what_is_checked_is_checked_once():
    class Noticing(geometry.Poisson):
        roots = 0

        def _root(self, response):
            type(self).roots += 1
            return super()._root(response)

    class Squares:
        def linearize(self, image, layers):
            return geometry.AutogradLinearization(lambda x: [x**2], image)

        def responses(self, batch, layers):
            return [batch**2]

    class Squared:
        name, network, layer, noise = "squares", Squares(), "", Noticing()

    local = geometry.LocalGeometry([Squared()], torch.rand((1, 4, 4)))
    before = Noticing.roots
    assert before == 1
    pushed = local.push(torch.randn((2, 1, 4, 4)))
    local.pull(pushed)
    assert Noticing.roots == before


def test_a_noise_model_of_ones_own_is_asked_each_time():
    whitening = whitening_at(Own(), RESPONSE)
    tangents = torch.randn((2, SIZE))
    torch.testing.assert_close(whitening.whiten(tangents), tangents / (1 + RESPONSE))
    torch.testing.assert_close(whitening.whiten_adjoint(tangents), tangents / (1 + RESPONSE))


@pytest.mark.parametrize(
    ("noise", "response", "field"),
    [
        (geometry.Poisson(), [1.0, -1.0], "response"),
        (geometry.Categorical(), [0.5, 0.6], "response"),
        (geometry.ResponseVariance(lambda r: r), [0.0, 1.0], "variance"),
        (geometry.CorrelatedGaussian(torch.eye(3)), [0.0, 1.0], "covariance"),
        (geometry.Gaussian(torch.ones(3)), [0.0, 1.0], "standard_deviation"),
    ],
)
def test_a_response_that_noise_is_not_defined_at_is_refused_before_products(noise, response, field):
    with refused(field=field):
        whitening_at(noise, torch.tensor(response))
