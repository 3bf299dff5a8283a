from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from pdpsych import geometry, models
from pdpsych.geometry.finite.distances import Change, Distances

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
GREY = torch.full((1, 2, 2), 0.5, dtype=torch.float64)


def test_a_linear_model_is_linear_at_every_amplitude():
    rng = np.random.default_rng(0)
    linear = [_polynomial(rng, 0.0, name=f"m{i}")[0] for i in range(3)]
    found = geometry.finite_responses(linear, IMAGE, _unit(rng, 9), floor=0.1)
    for k, curves in enumerate(found.curves):
        assert curves.values.shape == (3, 2, len(curves.amplitudes))
        expected = found.sensitivities[:, k, None, None] * curves.amplitudes
        np.testing.assert_allclose(
            curves.values, np.broadcast_to(expected, (3, 2, len(curves.amplitudes))), rtol=1e-8
        )
        # 8 a decade, and no more.
        steps = np.diff(np.log10(curves.amplitudes))
        assert steps.min() > 0.1
        assert steps.max() <= 0.1251
        assert curves.ended == ("", "", "")
        assert not curves.missed.any()
    limits = [c.amplitudes[-1] for c in found.curves]
    np.testing.assert_array_equal(found.largest_linear(), np.tile(limits, (3, 1)))


@pytest.mark.parametrize("deviation", [1.0, 2.5])
def test_a_quadratic_model_has_its_closed_form(deviation):
    """r(s + δ) − r(s) = (A + 2 B diag s) δ + B δ²."""
    rng = np.random.default_rng(1)
    noise = geometry.Gaussian(deviation)
    representation, (linear, square) = _polynomial(rng, 4.0, noise=noise)
    block, floor = _unit(rng, 10), 0.2
    found = geometry.finite_responses([representation], IMAGE, block, floor=floor)
    jacobian = (linear + 2 * square * IMAGE.flatten().numpy()) / deviation
    extra = floor**2 * np.trace(jacobian.T @ jacobian) / SIDE**2
    assert found.floors[0] == pytest.approx(extra)
    for k, flat in enumerate(block.reshape(10, -1)):
        alphas, values = found.curves[k].amplitudes, found.curves[k].values[0]
        signed = np.stack([alphas, -alphas])[:, :, None]
        moved = signed * (jacobian @ flat) + signed**2 * (square @ flat**2) / deviation
        expected = np.sqrt((moved**2).sum(axis=2) + extra * alphas**2)
        np.testing.assert_allclose(values, expected, rtol=1e-8)
        assert np.abs(values[0] / values[1] - 1).max() > 0.03


def test_amplitudes_end_at_the_limit_of_the_gamut():
    image = torch.tensor([[[0.5, 0.9, 0.3, 0.0]]], dtype=torch.float64)
    distortions = torch.tensor([[0.6, 0.0, -0.8, 0], [0, 1, 0, 0], [0, 0, 0, 1]]).double()
    (identity,) = models.load(["identity"], dtype=torch.float64)
    found = geometry.finite_responses([identity], image, distortions.reshape(3, 1, 1, 4))
    lasts = [c.amplitudes[-1:].tolist() for c in found.curves]
    assert lasts[:2] == [[pytest.approx(0.3 / 0.8)], [pytest.approx(0.1)]]
    assert lasts[2] == []
    assert found.largest_linear()[0, 2] == 0
    assert "RMS contrast 0.187" in repr(found)


def test_a_corner_is_found_and_known_to_one_per_cent():
    """A unit that starts to respond at some amplitude bends the curve there."""
    bent = _two(lambda x: x, lambda x: torch.relu(x - 0.5137) * 3, name="bent")
    diagonal = (PIXELS[:1] + PIXELS[1:2]) / 2**0.5
    (curves,) = geometry.finite_responses([bent], GREY, diagonal).curves
    steps = np.diff(np.log10(curves.amplitudes))
    assert steps.min() < 0.07
    assert steps.max() > 0.1
    dense = np.geomspace(curves.amplitudes[0], curves.amplitudes[-1], 3000)
    x = dense / 2**0.5
    exact = np.sqrt(x**2 + (3 * np.maximum(x - 0.0137, 0)) ** 2)
    from scipy.interpolate import PchipInterpolator

    gain = PchipInterpolator(
        np.log(curves.amplitudes), np.log(curves.values[0, 0] / curves.amplitudes)
    )
    error = np.abs(dense * np.exp(gain(np.log(dense))) / exact - 1)
    assert error.max() < 0.015
    assert not curves.missed.any()


def test_what_no_halving_reaches_is_said():
    step = _two(lambda x: x + 50 * (x > 0.5311).double(), lambda x: x, name="step")
    (curves,) = geometry.finite_responses([step], GREY, PIXELS[:1]).curves
    assert curves.missed[0] > 0.5
    assert len(curves.amplitudes) < 60


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_signs_are_those_of_the_distortion(seed):
    rng = np.random.default_rng(seed)
    representation, _ = _polynomial(rng, 3.0)
    block = _unit(rng, 1)
    (more,) = geometry.finite_responses([representation], IMAGE, block).curves
    (less,) = geometry.finite_responses([representation], IMAGE, -block).curves
    np.testing.assert_allclose(more.values, less.values[:, ::-1], rtol=1e-9)


def test_a_photograph_has_its_sensitivities_in_the_limit(photograph):
    image = 0.1 + 0.8 * photograph(48)
    representations = models.load(["LN", "LG", "LGG", "LGN"])
    generator = torch.Generator().manual_seed(0)
    block = torch.randn((2, 1, 48, 48), generator=generator, dtype=torch.float64)
    block /= block.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    found = geometry.finite_responses(representations, image, block, floor=0.03)
    for k, curves in enumerate(found.curves):
        first = curves.values[:, :, 0] / curves.amplitudes[0]
        np.testing.assert_allclose(first, np.tile(found.sensitivities[:, k, None], 2), rtol=0.01)
        # To first order the signs err in opposite directions.
        mean = np.sqrt((first**2).mean(axis=1))
        np.testing.assert_allclose(mean, found.sensitivities[:, k], rtol=1e-4)


class Offset(torch.nn.Module):
    """Single precision knows 3000 to 10⁻⁴, as much as the smallest distortion changes."""

    def forward(self, batch):
        return (3000 + batch + batch**2).flatten(1)


def test_rounding_does_not_make_a_curve_rough():
    (offset,) = models.from_module(Offset(), [""], "offset")
    image = torch.full((1, 16, 16), 0.4)
    distortion = torch.randn((1, 1, 16, 16), generator=torch.Generator().manual_seed(0))
    distortion /= distortion.norm()
    found = geometry.finite_responses([offset], image, distortion)
    (curves,) = found.curves
    wide, ε = image.double().numpy(), distortion[0].double().numpy()
    alphas = np.array([1, -1])[:, None, None, None, None] * curves.amplitudes[:, None, None, None]
    moved = wide + alphas * ε
    exact = np.sqrt(((moved + moved**2 - wide - wide**2) ** 2).sum(axis=(2, 3, 4)))
    local = geometry.LocalGeometry([offset], image)
    raw = Distances(local)([Change(distortion[0], float(curves.amplitudes[0]))])[0].values[0]
    assert abs(raw / exact[0, 0] - 1) > 0.1
    np.testing.assert_allclose(curves.values[0], exact, rtol=0.02)


@pytest.mark.parametrize("count", [1, 8, 9])
def test_layers_of_a_network_share_forward_passes(count):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Tanh(), torch.nn.Flatten())
    net = net.double()
    layers = models.from_module(net, ["0", "1", "2"], "net")
    block = _unit(np.random.default_rng(0), count)
    batches = []
    net[0].register_forward_hook(lambda module, inputs, output: batches.append(len(output)))
    alone = geometry.finite_responses(layers[:1], IMAGE, block, floor=0.1)
    once = len(batches)
    together = geometry.finite_responses(layers, IMAGE, block, floor=0.1)
    assert len(batches) - once <= once + 2
    assert max(batches) == 8
    for one, all_ in zip(alone.curves, together.curves, strict=True):
        known = np.isin(all_.amplitudes, one.amplitudes)
        assert known.sum() == len(one.amplitudes)
        np.testing.assert_allclose(all_.values[0][:, known], one.values[0], rtol=1e-10)


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


def test_a_curve_ends_where_a_response_is_not_finite():
    root = _two(lambda x: torch.sqrt(x - 0.4), lambda x: x, name="root")
    steady = _two(lambda x: 2 * x, lambda x: x, name="steady")
    found = geometry.finite_responses([root, steady], GREY, PIXELS[:2])
    first, second = found.curves
    known = first.known(0)
    assert first.amplitudes[known - 1] <= 0.1 < first.amplitudes[known]
    assert np.isfinite(first.values[0, :, :known]).all()
    assert np.isnan(first.values[0, :, known:]).all()
    at = first.amplitudes[known] / 2
    assert first.ended == (f"at RMS contrast {at:.3g}: its response is not finite", "")
    assert first.known(1) == len(first.amplitudes)
    assert second.ended == ("", "")
    assert "root/, ε1: at RMS contrast" in found.describe()


@pytest.mark.parametrize(
    ("noise", "reason"),
    [
        (geometry.Poisson(), "a mean of Poisson noise is negative"),
        (geometry.ResponseVariance(lambda r: r), "variance: is out of range"),
    ],
)
def test_a_curve_ends_where_the_noise_is_not_defined(noise, reason):
    shifted = _two(lambda x: x - 0.4, lambda x: x, name="shifted", noise=noise)
    (curves,) = geometry.finite_responses([shifted], GREY, PIXELS[:1]).curves
    known = curves.known(0)
    assert curves.amplitudes[known - 1] <= 0.1 < curves.amplitudes[known]
    assert reason in curves.ended[0]


class Failing(torch.nn.Module):
    """Cannot take an image with a bright pixel."""

    def forward(self, batch):
        if float(batch.detach().max()) > 0.7:
            raise ValueError("too bright")
        return batch.flatten(1)


def test_a_curve_ends_where_the_network_fails():
    (failing,) = models.from_module(Failing(), [""], "failing")
    (identity,) = models.load(["identity"])
    (curves,) = geometry.finite_responses([failing, identity], GREY, PIXELS[:1]).curves
    known = curves.known(0)
    assert curves.amplitudes[known - 1] <= 0.2 < curves.amplitudes[known]
    assert "too bright" in curves.ended[0]
    assert curves.known(1) == len(curves.amplitudes)


class Coupled(torch.nn.Module):
    """Answers to an image and to those that happen to be in its batch."""

    def forward(self, batch):
        return batch.flatten(1) - 0.5 * batch.flatten(1).mean(dim=0)


class Wavering:
    """A network of one's own with a response that is never the same."""

    def __init__(self):
        self.count = 0

    def linearize(self, image, layers):
        return geometry.AutogradLinearization(lambda x: [x.flatten(1)], image)

    def responses(self, batch, layers):
        self.count += 1
        return [batch.flatten(1) * (1 + 0.1 * self.count) for _ in layers]


@pytest.mark.parametrize("kind", ["coupled", "wavering"])
def test_a_network_that_answers_differently_has_no_curve_and_says_so(kind):
    if kind == "coupled":
        (odd,) = models.from_module(Coupled(), [""], "odd")
    else:
        odd = models.Representation("odd", Wavering(), "")
    (identity,) = models.load(["identity"])
    (curves,) = geometry.finite_responses([identity, odd], GREY, PIXELS[:1]).curves
    assert curves.known(1) == 0
    assert "answers differently to the same image" in curves.ended[1]
    assert curves.known(0) == len(curves.amplitudes)


def test_a_model_that_does_not_see_a_distortion_has_no_distance():
    blind = _two(lambda x: x, name="blind")
    _, second = geometry.finite_responses([blind], GREY, PIXELS[:2]).curves
    assert (second.values == 0).all()
    assert second.ended == ("",)
    _, floored = geometry.finite_responses([blind], GREY, PIXELS[:2], floor=0.1).curves
    np.testing.assert_allclose(floored.values[0] / floored.amplitudes, 0.05)


def test_a_model_that_saturates_is_kept_as_it_is():
    saturating = _two(lambda x: torch.tanh(200 * (x - 0.5)), lambda x: x, name="saturating")
    (curves,) = geometry.finite_responses([saturating], GREY, PIXELS[:1]).curves
    assert curves.values[0, 0, -1] == pytest.approx(1)
    assert curves.known(0) == len(curves.amplitudes)


class Quiet:
    """Noise of one's own, without a distance."""

    def whiten(self, response, tangents):
        return 2 * tangents

    def whiten_adjoint(self, response, cotangents):
        return 2 * cotangents


def test_noise_without_a_distance_is_that_of_the_image():
    plain = _two(lambda x: x**2, lambda x: x, noise=Quiet())
    (curves,) = geometry.finite_responses([plain], GREY, PIXELS[:1]).curves
    alphas = curves.amplitudes
    np.testing.assert_allclose(curves.values[0, 0], 2 * (alphas + alphas**2), rtol=1e-8)


def test_a_distortion_of_nothing_is_refused():
    (identity,) = models.load(["identity"])
    with refused(field="distortions[0]"):
        geometry.finite_responses([identity], GREY, 0 * PIXELS[:2])


def test_distortions_of_another_shape_are_refused():
    (identity,) = models.load(["identity"])
    with refused(field="distortions", value=(2, 1, 2, 3), allowed="(K, 1, 2, 2)"):
        geometry.finite_responses([identity], GREY, np.zeros((2, 1, 2, 3)))


def test_a_figure_has_a_panel_for_each_distortion_and_both_signs():
    saturating = _two(torch.tanh, lambda x: x, name="saturating")
    found = geometry.finite_responses([saturating, _two(lambda x: x, torch.tanh)], GREY, PIXELS[:2])
    first, second = found.plot().axes
    assert (first.get_title(), second.get_title()) == ("ε1", "ε2")
    gains = found.curves[0].values[0] / found.curves[0].amplitudes
    np.testing.assert_allclose([line.get_ydata() for line in first.lines[:2]], gains[::-1])
