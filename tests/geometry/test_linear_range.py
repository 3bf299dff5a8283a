from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from pdpsych import geometry, models

SIDE = 5
IMAGE = torch.full((1, SIDE, SIDE), 0.5, dtype=torch.float64)


class Polynomial(torch.nn.Module):
    """r = A s + B s², with a dense A and B."""

    def __init__(self, linear, square):
        super().__init__()
        self.linear, self.square = torch.as_tensor(linear), torch.as_tensor(square)

    def forward(self, batch):
        s = batch.flatten(1)
        return s @ self.linear.T + s**2 @ self.square.T


def _polynomial(rng, square, count=8, name="net", noise=None):
    matrices = rng.standard_normal((2, count, SIDE * SIDE)) * np.array([1, square])[:, None, None]
    (representation,) = models.from_module(Polynomial(*matrices), [""], name, noise=noise)
    return representation, matrices


def _unit(rng, count):
    block = rng.standard_normal((count, *IMAGE.shape))
    return block / np.linalg.norm(block.reshape(count, -1), axis=1).reshape(-1, 1, 1, 1)


def test_a_linear_model_is_linear_at_every_amplitude():
    rng = np.random.default_rng(0)
    linear = [_polynomial(rng, 0.0, name=f"m{i}")[0] for i in range(3)]
    found = geometry.linearity(linear, IMAGE, _unit(rng, 9), [1e-3, 0.1, 10.0], floor=0.1)
    assert found.ratios.shape == (3, 9, 3, 2)
    np.testing.assert_allclose(found.ratios, 1, rtol=1e-9)
    assert (found.largest == 10).all()
    assert (found.reversals(2, 5) == 0).all()
    expected = np.log(found.sensitivities[:, 2] / found.sensitivities[:, 5])
    np.testing.assert_allclose(found.log_ratios(2, 5), np.tile(expected, (3, 1)), rtol=1e-9)


@pytest.mark.parametrize("deviation", [1.0, 2.5])
def test_a_quadratic_model_has_its_closed_form(deviation):
    """r(s + δ) − r(s) = (A + 2 B diag s) δ + B δ²."""
    rng = np.random.default_rng(1)
    noise = geometry.Gaussian(deviation)
    representation, (linear, square) = _polynomial(rng, 0.4, noise=noise)
    block, alphas, floor = _unit(rng, 10), np.geomspace(0.05, 4.0, 8), 0.2
    found = geometry.linearity([representation], IMAGE, block, alphas, floor=floor, tolerance=0.05)
    jacobian = (linear + 2 * square * IMAGE.flatten().numpy()) / deviation
    flat = block.reshape(10, -1)
    slope, bend = flat @ jacobian.T, flat**2 @ square.T / deviation
    signed = np.stack([alphas, -alphas], axis=1)[:, :, None]
    lengths = np.linalg.norm(slope[:, None, None] + signed * bend[:, None, None], axis=-1)
    local = np.linalg.norm(slope, axis=1)
    np.testing.assert_allclose(found.ratios[0], lengths / local[:, None, None], rtol=1e-9)
    # Every distortion has unit norm; tr I/D is exact for so few pixels.
    extra = floor**2 * np.trace(jacobian.T @ jacobian) / SIDE**2
    expected = np.sqrt((lengths**2).mean(axis=2) + extra)
    np.testing.assert_allclose(found.finite_sensitivities[0], expected, rtol=1e-9)
    within = (np.abs(lengths / local[:, None, None] - 1) <= 0.05).all(axis=2)
    first_out = [next((a for a in range(8) if not row[a]), 8) for row in within]
    np.testing.assert_array_equal(found.steps[0], first_out)
    assert len(set(first_out)) > 1


def test_the_largest_amplitude_leaves_no_gap():
    """A ratio that comes back into tolerance at a larger amplitude is not counted."""
    within = np.array([[[True, False, True, True], [False, True, True, True]]])
    ones = np.ones((1, 2, 4, 2))
    found = geometry.Linearity(
        ("m",), np.arange(1.0, 5), 0.1, ones, within, ones[..., 0, 0], ones[..., 0]
    )
    assert found.largest.tolist() == [[1.0, 0.0]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
@settings(max_examples=50)
def test_reversals_are_counted_as_in_kendalls_tau(seed, count):
    from scipy.stats import kendalltau

    rng = np.random.default_rng(seed)
    local, finite = rng.lognormal(size=(count, 2)), rng.lognormal(size=(count, 2, 3))
    ones = np.ones((count, 2, 3, 2))
    names, amplitudes = tuple("abcdef"[:count]), np.arange(1.0, 4)
    found = geometry.Linearity(names, amplitudes, 0.1, ones, ones[..., 0] > 0, local, finite)
    reversals = found.reversals()
    assert (reversals == found.reversals(1, 0)).all()
    if count == 1:
        assert (reversals == 0).all()
        return
    pairs = count * (count - 1) / 2
    for a, ratios in enumerate(found.log_ratios()):
        tau = kendalltau(np.log(local[:, 0] / local[:, 1]), ratios).statistic
        assert reversals[a] == pytest.approx((1 - tau) * pairs / 2)


def test_a_photograph_is_linear_in_the_limit_with_first_order_error(photograph):
    image = 0.1 + 0.8 * photograph(48)
    representations = models.load(["LN", "LG", "LGG", "LGN"])
    generator = torch.Generator().manual_seed(0)
    block = torch.randn((2, 1, 48, 48), generator=generator, dtype=torch.float64)
    block /= block.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    block = torch.cat([block, geometry.eigen_distortions(representations[3], image).largest])
    alphas = 48 * np.geomspace(1e-6, 1e-5, 4)
    found = geometry.linearity(representations, image, block, alphas, floor=0.03)
    error = np.abs(found.ratios[3] - 1)
    assert error.max() < 1e-3
    slopes = np.diff(np.log(error), axis=1) / np.diff(np.log(alphas))[:, None]
    np.testing.assert_allclose(slopes, 1, atol=0.05)
    # To first order the signs err in opposite directions, so the mean over them errs less.
    assert (np.abs(found.ratios[3].mean(axis=2) - 1) < 0.02 * error.max(axis=2)).all()
    assert (found.reversals(0, 2) == 0).all()
    assert (found.largest == alphas[-1]).all()


class Two(torch.nn.Module):
    """Responses to the first two pixels, each with a function of its own."""

    def __init__(self, *functions):
        super().__init__()
        self.functions = functions

    def forward(self, batch):
        pixels = batch.flatten(1)
        return torch.stack([f(pixels[:, i]) for i, f in enumerate(self.functions)], dim=1)


def _two(*functions, name="net", noise=None):
    return models.from_module(Two(*functions), [""], name, noise=noise)[0]


PIXELS = torch.eye(4, dtype=torch.float64).reshape(4, 1, 2, 2)
DARK = torch.zeros((1, 2, 2), dtype=torch.float64)


def test_large_distortions_change_the_order_of_models():
    """A model that saturates falls behind one that does not."""
    saturating = _two(lambda x: torch.tanh(10 * x), lambda x: 2 * x, name="saturating")
    steady = _two(lambda x: 2 * x, lambda x: x, name="steady")
    found = geometry.linearity([saturating, steady], DARK, PIXELS[:2], [1e-4, 1.0])
    expected = np.log([[5, 2], [np.tanh(10) / 2, 2]])
    np.testing.assert_allclose(found.log_ratios(), expected, rtol=1e-4)
    assert found.reversals().tolist() == [0, 1]
    np.testing.assert_array_equal(found.largest, [[1e-4, 1], [1, 1]])
    table = found.describe()
    assert "0 at 0.0001, 1 at 1" in table
    assert table.splitlines()[2].split() == ["saturating/", "0.0001", "1"]


def test_models_that_agree_have_no_order_to_lose():
    twins = [_two(torch.tanh, lambda x: x, name=name) for name in ("one", "other")]
    found = geometry.linearity(twins, DARK, PIXELS[:2], [0.1, 3.0])
    assert found.reversals().tolist() == [0, 0]


def test_noise_is_that_of_the_base_image():
    image = torch.full((1, 2, 2), 0.25, dtype=torch.float64)
    poisson = _two(lambda x: x, lambda x: x**2, name="poisson", noise=geometry.Poisson())
    spread = geometry.ResponseVariance(lambda r: 0.1 + r)
    variance = _two(lambda x: x, lambda x: x**2, name="variance", noise=spread)
    found = geometry.linearity([poisson, variance], image, PIXELS[:2], [0.1])
    # The first response is linear: were its noise that of s ± αε, the ratio would not be 1.
    np.testing.assert_allclose(found.ratios[:, 0], 1, rtol=1e-12)
    np.testing.assert_allclose(found.ratios[:, 1, 0], [[1.2, 0.8]] * 2, rtol=1e-12)


def test_no_response_where_none_is_predicted_is_linear():
    (network,) = models.from_module(Two(lambda x: x), [""], "one")
    found = geometry.linearity([network], DARK, PIXELS[:2], [1.0], floor=0.1)
    assert (found.ratios == 1).all()
    assert found.finite_sensitivities[0, 1, 0] == found.sensitivities[0, 1] > 0
    without = geometry.linearity([network], DARK, PIXELS[:3], [1.0])
    assert without.log_ratios(0, 1) == np.inf
    assert np.isnan(without.log_ratios(1, 2))


def test_a_response_that_nothing_predicts_is_not_linear():
    square = _two(lambda x: x**2, lambda x: x)
    found = geometry.linearity([square], DARK, PIXELS[:1], [0.1, 1.0], floor=0.1)
    assert np.isinf(found.ratios).all()
    assert (found.largest == 0).all()


def test_rounding_is_not_taken_for_nonlinearity(photograph):
    """LG hardly responds to a fine grating; in float32 what is left is rounding."""
    image = photograph(32)
    x = torch.arange(32, dtype=torch.float64)
    grating = (-1) ** (x[:, None] + x)[None, None] / 32
    representations = models.load(["LG", "LN"])
    alphas = [1e-4, 1e-3, 1e-2, 0.1, 1.0]
    wide = geometry.linearity(representations, image, grating, alphas)
    narrow = geometry.linearity(representations, image.float(), grating.float(), alphas)
    assert np.abs(narrow.ratios[0, 0, 0] - 1).min() > 0.5
    assert np.abs(wide.ratios[0, 0, 0] - 1).max() < 0.01
    assert (narrow.within == wide.within).all()
    assert (narrow.within[1] == (np.abs(narrow.ratios[1] - 1) <= 0.1).all(axis=2)).all()


@pytest.mark.parametrize("count", [1, 8, 9])
def test_layers_of_a_network_share_forward_passes(count):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Tanh(), torch.nn.Flatten())
    net = net.double()
    layers = models.from_module(net, ["0", "1", "2"], "net")
    block = _unit(np.random.default_rng(0), count)
    alone = [geometry.linearity([r], IMAGE, block, [0.1, 0.5], floor=0.1) for r in layers]
    geometry.LocalGeometry(layers, IMAGE)
    batches = []
    net[0].register_forward_hook(lambda module, inputs, output: batches.append(len(output)))
    geometry.LocalGeometry(layers, IMAGE)
    before = len(batches)
    batches.clear()
    together = geometry.linearity(layers, IMAGE, block, [0.1, 0.5], floor=0.1)
    # Beside those of the linearisation: at s, at s but for its last bits, 2 amplitudes, 2 signs.
    assert len(batches) - before == 2 + 4 * -(-count // 8)
    assert together.names == ("net/0", "net/1", "net/2")
    for i, single in enumerate(alone):
        np.testing.assert_allclose(together.ratios[i], single.ratios[0], rtol=1e-12)
        np.testing.assert_allclose(
            together.finite_sensitivities[i], single.finite_sensitivities[0], rtol=1e-12
        )


@pytest.mark.parametrize("name", ["LN", "LG", "LGG", "LGN"])
def test_responses_of_early_visual_models_are_those_linearised(name, photograph):
    (representation,) = models.load([name])
    image = photograph(24)
    batch = torch.stack([image, 1 - image])
    first, second = representation.network.responses(batch, ["response", "response"])
    assert first.shape[0] == 2
    assert (first == second).all()
    linear = representation.network.linearize(image, ["response"])
    torch.testing.assert_close(first[0].flatten(), linear.responses[0])


def test_a_response_that_is_not_a_number_is_not_linear():
    """Images are not clipped, and not every model has a response to negative pixel values."""
    root = _two(lambda x: torch.sqrt(x + 0.1), lambda x: x, name="root")
    steady = _two(lambda x: 2 * x, lambda x: x, name="steady")
    found = geometry.linearity([root, steady], DARK, PIXELS[:2], [0.01, 1.0])
    assert found.steps.tolist() == [[1, 2], [2, 2]]
    assert found.ratios[0, 0, 1, 0] == pytest.approx(2 * 0.1**0.5 * (1.1**0.5 - 0.1**0.5))
    assert found.ratios[0, 0, 1, 1] == np.inf
    assert found.log_ratios()[1].tolist() == pytest.approx([np.inf, np.log(2)])
    assert found.reversals().tolist() == [0, 1]


def test_a_distortion_of_nothing_is_refused():
    (identity,) = models.load(["identity"])
    with refused(field="distortions[0]"):
        geometry.linearity([identity], DARK, 0 * PIXELS[:2], [1.0])


@pytest.mark.parametrize("amplitudes", [[], [0.0, 1.0], [1.0, 0.5], [1.0, 1.0], [np.nan], [[1.0]]])
def test_amplitudes_that_cannot_be_used_are_refused(amplitudes):
    (identity,) = models.load(["identity"])
    with refused(field="amplitudes", value=amplitudes, allowed="ascending"):
        geometry.linearity([identity], DARK, PIXELS[:2], amplitudes)


def test_distortions_of_another_shape_are_refused():
    (identity,) = models.load(["identity"])
    with refused(field="distortions", value=(2, 1, 2, 3), allowed="(K, 1, 2, 2)"):
        geometry.linearity([identity], DARK, np.zeros((2, 1, 2, 3)), [1.0])
