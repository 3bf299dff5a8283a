from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused
from torch.distributions import Categorical, MultivariateNormal, Normal, Poisson

from pdpsych import geometry, models
from pdpsych.geometry.noise.stabilised import stabilised

PIXELS, RESPONSES, SAMPLES = 6, 4, 200_000
GENERATOR = torch.Generator().manual_seed(5)
FIRST = torch.randn((5, PIXELS), generator=GENERATOR, dtype=torch.float64)
SECOND = torch.randn((RESPONSES, 5), generator=GENERATOR, dtype=torch.float64)
IMAGE = torch.rand(PIXELS, generator=GENERATOR, dtype=torch.float64)
DEVIATIONS = torch.tensor([0.5, 1.0, 2.0, 0.7], dtype=torch.float64)
ROOT = torch.randn((RESPONSES, RESPONSES), generator=GENERATOR, dtype=torch.float64)
COVARIANCE = ROOT @ ROOT.T + 0.2 * torch.eye(RESPONSES, dtype=torch.float64)


def _signed(s):
    return torch.tanh(s @ FIRST.T) @ SECOND.T


def _positive(s):
    return torch.nn.functional.softplus(_signed(s))


def _probabilities(s):
    return _signed(s).softmax(dim=-1)


def _spread(r):
    return 0.3 + 0.8 * r + 0.1 * r**2


# Noise model, network, and the distribution it stands for, given the network's response.
CASES = {
    "gaussian": (geometry.Gaussian(0.7), _signed, lambda r: Normal(r, 0.7)),
    "deviations": (geometry.Gaussian(DEVIATIONS), _signed, lambda r: Normal(r, DEVIATIONS)),
    "correlated": (
        geometry.CorrelatedGaussian(COVARIANCE),
        _signed,
        lambda r: MultivariateNormal(r, COVARIANCE, validate_args=False),
    ),
    "poisson": (geometry.Poisson(), _positive, lambda r: Poisson(r, validate_args=False)),
    "variance": (
        geometry.ResponseVariance(_spread),
        _positive,
        lambda r: Normal(r, _spread(r).sqrt(), validate_args=False),
    ),
    "categorical": (
        geometry.Categorical(),
        _probabilities,
        lambda p: Categorical(probs=p, validate_args=False),
    ),
    "logits": (
        geometry.Categorical(logits=True),
        _signed,
        lambda z: Categorical(logits=z, validate_args=False),
    ),
}
EVERY = pytest.mark.parametrize(("noise", "network", "distribution"), CASES.values(), ids=CASES)


def _fisher(noise, network, image=IMAGE):
    """Return W J and I = (W J)ᵀ (W J), from the dense Jacobian."""
    jacobian = torch.func.jacrev(network)(image)
    whitened = noise.whiten(network(image), jacobian.T)
    return whitened @ whitened.T


@EVERY
def test_it_is_the_fisher_information_by_its_definition(noise, network, distribution):
    torch.manual_seed(0)
    samples = distribution(network(IMAGE)).sample((SAMPLES,))
    images = IMAGE.expand(SAMPLES, -1).clone().requires_grad_()
    distribution(network(images)).log_prob(samples).sum().backward()
    scores = images.grad
    products = scores[:, :, None] * scores[:, None, :]
    error = products.std(dim=0) / math.sqrt(SAMPLES)
    found = _fisher(noise, network)
    assert ((found - products.mean(dim=0)).abs() < 4.5 * error).all()
    # The test is as sharp as it looks: 2 % more information would not pass.
    assert ((1.02 * found - products.mean(dim=0)).abs() > 4.5 * error).any()


@EVERY
def test_it_does_not_depend_on_how_the_image_is_written(noise, network, distribution):
    """I transforms as a tensor: with s = M t it is Mᵀ I M."""
    turn = torch.randn(
        (PIXELS, PIXELS), generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    there = torch.linalg.solve(turn, IMAGE)
    turned = _fisher(noise, lambda t: network(turn @ t), there)
    torch.testing.assert_close(turned, turn.T @ _fisher(noise, network) @ turn)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@EVERY
@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 4))
def test_whitening_and_its_adjoint_agree(noise, network, distribution, dtype, seed, count):
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(PIXELS, generator=generator, dtype=torch.float64)
    response = network(image).to(dtype)
    tangents = torch.randn((count, RESPONSES), generator=generator, dtype=dtype)
    whitened = noise.whiten(response, tangents)
    cotangents = torch.randn(whitened.shape, generator=generator, dtype=dtype)
    back = noise.whiten_adjoint(response, cotangents)
    assert whitened.dtype == back.dtype == dtype
    assert back.shape == tangents.shape
    scale = float(whitened.norm() * cotangents.norm())
    difference = float((whitened * cotangents).sum() - (tangents * back).sum())
    assert abs(difference) < 100 * torch.finfo(dtype).eps * scale
    # A block is its rows.
    torch.testing.assert_close(noise.whiten(response, tangents[:1]), whitened[:1])


def test_special_cases_coincide():
    r = _positive(IMAGE)
    tangents = torch.randn((3, RESPONSES), dtype=torch.float64)

    def gram(noise, response=r, rows=tangents):
        whitened = noise.whiten(response, rows)
        return whitened @ whitened.T

    diagonal = geometry.Gaussian(DEVIATIONS)
    same = geometry.CorrelatedGaussian(torch.diag(DEVIATIONS**2))
    torch.testing.assert_close(same.whiten(r, tangents), diagonal.whiten(r, tangents))
    shaped = geometry.Gaussian(DEVIATIONS.reshape(2, 2).float())
    torch.testing.assert_close(shaped.whiten(r, tangents), diagonal.whiten(r, tangents))
    constant = geometry.ResponseVariance(lambda x: torch.full_like(x, 0.49))
    torch.testing.assert_close(gram(constant), gram(geometry.Gaussian(0.7)))
    mean_only = geometry.ResponseVariance(lambda x: x).whiten(r, tangents)[:, :RESPONSES]
    torch.testing.assert_close(mean_only, geometry.Poisson().whiten(r, tangents))


def test_categorical_of_logits_is_categorical_behind_a_softmax():
    expected = _fisher(geometry.Categorical(), _probabilities)
    torch.testing.assert_close(_fisher(geometry.Categorical(logits=True), _signed), expected)


def test_a_covariance_in_another_precision_is_converted():
    narrow = geometry.CorrelatedGaussian(COVARIANCE.float())
    tangents = torch.randn((2, RESPONSES), dtype=torch.float64)
    found = narrow.whiten(IMAGE[:RESPONSES], tangents)
    expected = geometry.CorrelatedGaussian(COVARIANCE).whiten(IMAGE[:RESPONSES], tangents)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_poisson_response_that_is_off_carries_no_information():
    """A rectified unit below its threshold has mean 0 and derivative 0: 0, not 0/0."""
    noise = geometry.Poisson()
    response = torch.tensor([0.0, 4.0], dtype=torch.float64)
    whitened = noise.whiten(response, torch.tensor([[0.0, 3.0]], dtype=torch.float64))
    assert whitened.tolist() == [[0.0, 1.5]]
    # Where r falls to 0 its information J²/r falls too; below `smallest` it is underestimated.
    off = -torch.arange(0.0, 40.0, 5.0, dtype=torch.float64)
    rates, slopes = torch.nn.functional.softplus(off), torch.sigmoid(off)
    found = geometry.Poisson(smallest=1e-3).whiten(rates, slopes[None])[0]
    exact = slopes / rates.sqrt()
    assert (found <= exact).all()
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found[rates > 1e-3], exact[rates > 1e-3])


def test_probabilities_that_underflow_are_no_trouble():
    logits = torch.tensor([0.0, -200.0, 1.0])
    tangents = torch.randn((2, 3))
    jacobian = torch.func.jacrev(lambda z: z.softmax(dim=0))(logits)
    behind = geometry.Categorical().whiten(logits.softmax(dim=0), tangents @ jacobian.T)
    torch.testing.assert_close(
        behind, geometry.Categorical(logits=True).whiten(logits, tangents), atol=1e-6, rtol=1e-5
    )


def test_sensitivities_of_a_network_carry_the_noise():
    """Through LocalGeometry: a module, its tapped layer, a noise model."""
    torch.manual_seed(2)
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Softplus()).double()
    image = torch.rand((1, 6, 6), dtype=torch.float64)
    directions = torch.randn((3, 1, 6, 6), dtype=torch.float64)
    (representation,) = models.from_module(module, ["1"], "net", noise=geometry.Poisson())
    found = geometry.sensitivity(representation, image, directions)

    def stabilised(x):
        return 2 * module(x[None]).flatten().sqrt()

    jacobian = torch.func.jacrev(stabilised)(image).flatten(1)
    expected = (jacobian @ directions.flatten(1).T).norm(dim=0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: geometry.Gaussian(0.0), {"field": "standard_deviation", "value": 0}),
        (lambda: geometry.Gaussian(torch.tensor([1.0, -2.0])), {"value": -2}),
        (lambda: geometry.Gaussian(float("nan")), {"field": "standard_deviation"}),
        (lambda: geometry.CorrelatedGaussian(torch.ones(3)), {"value": (3,), "allowed": "(R, R)"}),
        (lambda: geometry.CorrelatedGaussian(torch.ones((2, 3))), {"value": (2, 3)}),
        (
            lambda: geometry.CorrelatedGaussian(torch.tensor([[1.0, 0.2], [0, 1]])),
            {"field": "covariance", "problem": "is not symmetric, or not finite"},
        ),
        (
            lambda: geometry.CorrelatedGaussian(torch.full((2, 2), float("nan"))),
            {"field": "covariance", "problem": "is not symmetric, or not finite"},
        ),
        (
            lambda: geometry.CorrelatedGaussian(torch.ones((2, 2))),
            {"field": "covariance", "problem": "is not positive definite"},
        ),
        (lambda: geometry.Poisson(smallest=0.0), {"field": "smallest", "value": 0.0}),
    ],
)
def test_parameters_that_cannot_be_are_refused(make, expected):
    with refused(**expected):
        make()


@pytest.mark.parametrize(
    ("noise", "response", "expected"),
    [
        (
            geometry.Gaussian(torch.ones(3)),
            [1.0, 2.0],
            {"field": "standard_deviation", "value": 3, "allowed": "one for each response"},
        ),
        (
            geometry.CorrelatedGaussian(torch.eye(3)),
            [1.0, 2.0],
            {"field": "covariance", "value": (3, 3)},
        ),
        (
            geometry.Poisson(),
            [1.0, -0.5],
            {"field": "response", "value": -0.5, "remedy": "behind a rectifier"},
        ),
        (geometry.Poisson(), [1.0, float("nan")], {"field": "response"}),
        (
            geometry.Categorical(),
            [1.5, -0.5],
            {"field": "response", "value": -0.5, "remedy": "logits"},
        ),
        (geometry.Categorical(), [0.5, 0.6], {"field": "response", "remedy": "softmax"}),
        (
            geometry.ResponseVariance(lambda r: 1 + r),
            [0.5, -2.0],
            {"field": "variance", "value": -1, "allowed": "above 0"},
        ),
        (
            geometry.ResponseVariance(lambda r: r.sum()),
            [0.5, 2.0],
            {"field": "variance", "value": ()},
        ),
    ],
)
def test_responses_that_do_not_fit_are_refused(noise, response, expected):
    response = torch.tensor(response)
    for apply in (noise.whiten, noise.whiten_adjoint):
        with refused(**expected):
            apply(
                response, torch.zeros((1, 4 if isinstance(noise, geometry.ResponseVariance) else 2))
            )


@EVERY
def test_differences_of_responses_are_whitened_to_first_order(noise, network, distribution):
    base, step = network(IMAGE), 1e-6
    change = torch.func.jacrev(network)(IMAGE).sum(dim=1)
    moved = network(IMAGE + step)
    found = stabilised(noise, base, moved[None]) / step
    torch.testing.assert_close(found, noise.whiten(base, change[None]), rtol=1e-4, atol=1e-4)


@EVERY
def test_differences_of_responses_can_be_differentiated(noise, network, distribution):
    base = network(IMAGE)
    images = torch.stack([IMAGE, IMAGE.flip(0)]).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: stabilised(noise, base, network(s)), images)
    # A block is its rows.
    both = stabilised(noise, base, network(images))
    torch.testing.assert_close(stabilised(noise, base, network(images[:1])), both[:1])


def test_the_scale_on_which_noise_has_unit_variance():
    base, response = torch.tensor([0.25, 0.75]), torch.tensor([[1.0, 0.0]])
    halves = torch.tensor([[1.0, -math.sqrt(3)]])
    for noise in (geometry.Poisson(smallest=1e-30), geometry.Categorical()):
        torch.testing.assert_close(stabilised(noise, base, response), halves)
    variance = geometry.ResponseVariance(lambda r: r)
    found = stabilised(variance, torch.tensor([1.0]), torch.tensor([[4.0]]))
    expected = [3 / math.sqrt(2.5), math.log(4) / math.sqrt(2)]
    torch.testing.assert_close(found, torch.tensor([expected]))


@pytest.mark.parametrize("noise", [geometry.Poisson(), geometry.Categorical()], ids=str)
def test_responses_of_zero_have_a_derivative(noise):
    response = torch.tensor([[1.0, 0.0]], requires_grad=True)
    stabilised(noise, torch.tensor([0.0, 1.0]), response).sum().backward()
    torch.testing.assert_close(response.grad, torch.tensor([[1.0, 2.0]]), rtol=3e-3, atol=0)


def test_underflowing_probabilities_have_a_derivative():
    logits = torch.tensor([[0.0, -500.0]], requires_grad=True)
    noise = geometry.Categorical(logits=True)
    stabilised(noise, torch.zeros(2), logits).sum().backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(
    ("noise", "response", "field", "value"),
    [
        (geometry.Poisson(), [1.0, -0.5], "response", -0.5),
        (geometry.Categorical(), [0.75, 0.75], "response", 1.5),
        (geometry.Categorical(), [math.nan, 0.5], "response", math.nan),
        (geometry.ResponseVariance(lambda r: r), [1.0, 0.0], "variance", 0.0),
    ],
    ids=["negative", "sum", "no number", "variance"],
)
def test_a_response_that_noise_is_not_defined_at(noise, response, field, value):
    responses = torch.tensor([[0.5, 0.5], response], requires_grad=True)
    with refused(field=field) as error:
        stabilised(noise, torch.tensor([0.5, 0.5]), responses)
    assert error.value.value == pytest.approx(value, nan_ok=True)
