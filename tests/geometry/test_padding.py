from __future__ import annotations

import numpy as np
import pytest
import torch
from matrices import MatrixNetwork
from torch import nn

from pdpsych import geometry, models
from pdpsych.geometry.repadding import MODES
from pdpsych.models.representation import Representation

FLOOR = 0.1
SIDE = 14


class Padded(nn.Module):
    """Two convolutions whose padding is written by hand; ``constant`` is PyTorch's own."""

    def __init__(self, mode):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        shapes = (3, 1, 3, 3), (2, 3, 3, 3)
        self.kernels = [
            torch.randn(s, generator=generator, dtype=torch.float64) / 3 for s in shapes
        ]
        self.first, self.second = nn.Identity(), nn.Identity()
        self.mode = mode

    def forward(self, x):
        x = self.first(torch.tanh(self._convolved(x, self.kernels[0])))
        return self.second(self._convolved(x, self.kernels[1]))

    def _convolved(self, x, kernel):
        around = nn.functional.pad(x, (1, 1, 1, 1), mode=self.mode)
        return nn.functional.conv2d(around, kernel)


def _image(side=SIDE):
    generator = torch.Generator().manual_seed(1)
    return 0.2 + 0.6 * torch.rand(1, side, side, generator=generator, dtype=torch.float64)


def _jacobian(representation, image):
    """Return the dense Jacobian (R, D), pixel by pixel."""
    linear = representation.network.linearize(image, [representation.layer])
    pixels = torch.eye(image.numel(), dtype=image.dtype).reshape(-1, *image.shape)
    return linear.push(pixels)[0].T.numpy()


@pytest.fixture(scope="module")
def representations():
    return models.from_module(Padded("constant"), ["first", "second"], "net")


@pytest.fixture(scope="module")
def distortions():
    return torch.randn(3, 1, SIDE, SIDE, dtype=torch.float64)


@pytest.fixture(scope="module")
def found(representations, distortions):
    return geometry.padding_influence(representations, _image(), distortions, floor=FLOOR)


def test_sensitivities_are_those_of_networks_padded_by_hand(representations, found, distortions):
    image, flat = _image(), distortions.flatten(1).numpy()
    own = [
        _jacobian(r, image) for r in models.from_module(Padded("constant"), ["first", "second"], "")
    ]
    floors = [FLOOR**2 * (j**2).sum() / image.numel() for j in own]
    for mode, repadded in zip(MODES, found.repadded, strict=True):
        other = models.from_module(Padded(mode), ["first", "second"], "")
        for i, representation in enumerate(other):
            squares = ((flat @ _jacobian(representation, image).T) ** 2).sum(axis=1)
            expected = np.sqrt(squares + floors[i] * (flat**2).sum(axis=1))
            # The floor is Hutchinson's estimate of the trace, good to some per cent.
            np.testing.assert_allclose(repadded[i], expected, rtol=1e-3)
    bare = geometry.padding_influence(
        models.from_module(Padded("constant"), ["second"], ""), image, distortions
    )
    for mode, repadded in zip(MODES, bare.repadded, strict=True):
        (other,) = models.from_module(Padded(mode), ["second"], "")
        expected = np.linalg.norm(flat @ _jacobian(other, image).T, axis=1)
        np.testing.assert_allclose(repadded[0], expected, rtol=1e-12)


def test_changes_are_those_of_log_ratios(found):
    own = np.log(found.sensitivities[:, 0] / found.sensitivities[:, 2])
    other = np.log(found.repadded[:, :, 0] / found.repadded[:, :, 2])
    np.testing.assert_allclose(found.changes(0, 2), np.abs(other - own), atol=1e-14)
    assert (found.changes(0, 2) > 1e-4).all()


def test_the_zone_is_that_of_a_loop_over_pixels(representations, found, distortions):
    """A response is affected if padding enters it, a pixel counts if it reaches such a response."""
    energies = distortions.numpy()[:, 0] ** 2
    for i, rim in enumerate((1, 2)):
        count = (3, 2)[i]
        inside = np.zeros((SIDE, SIDE), dtype=bool)
        inside[rim:-rim, rim:-rim] = True
        affected = np.tile(~inside.ravel(), count)
        assert found.affected[i] == pytest.approx(affected.mean())
        jacobian = _jacobian(representations[i], _image())
        zone = np.zeros((SIDE, SIDE), dtype=bool)
        for pixel in range(SIDE**2):
            zone.flat[pixel] = (jacobian[affected, pixel] != 0).any()
        np.testing.assert_array_equal(found.zones[i], zone)
        share = (energies * zone).sum(axis=(1, 2)) / energies.sum(axis=(1, 2))
        np.testing.assert_allclose(found.energy[i], share)
        responses = (distortions.flatten(1).numpy() @ jacobian.T) ** 2
        expected = responses[:, affected].sum(axis=1) / responses.sum(axis=1)
        np.testing.assert_allclose(found.affected_energy[i], expected)
    np.testing.assert_array_equal(found.zone, found.zones[1])
    np.testing.assert_allclose(found.total_energy, found.energy[1])
    assert found.reach == 4


def test_inside_the_clear_window_padding_changes_nothing(representations, found):
    image = _image()
    space = geometry.DistortionSpace(image, window=found.clear_window)
    inside = space.apply(torch.randn(2, *image.shape, dtype=torch.float64))
    clear = geometry.padding_influence(representations, image, inside)
    assert (clear.total_energy == 0).all()
    assert (clear.affected_energy == 0).all()
    np.testing.assert_allclose(clear.changes(), 0, atol=1e-13)
    wider = geometry.DistortionSpace(image, window=found.clear_window * 1.2)
    outside = wider.apply(torch.randn(2, *image.shape, dtype=torch.float64))
    assert (geometry.padding_influence(representations, image, outside).total_energy > 0).all()


@pytest.mark.parametrize("name", ["LN", "LG", "LGG", "LGN"])
def test_early_visual_models(name, photograph):
    image = photograph(40)
    distortions = torch.randn(2, *image.shape, dtype=torch.float64)
    found = geometry.padding_influence(models.load([name]), image, distortions)
    for mode, repadded in zip(MODES, found.repadded, strict=True):
        (other,) = models.load([name], padding=mode)
        np.testing.assert_allclose(repadded[0], geometry.sensitivity(other, image, distortions))
    assert found.changes()[0, 0] == 0 < found.changes()[1, 0]


@pytest.mark.parametrize(("name", "reach"), [("LN", 30), ("LG", 30)])
def test_blurs_of_31_taps_reach_30_pixels(name, reach):
    """Padding enters 15 pixels of responses, which look 15 pixels further."""
    image = torch.full((1, 70, 70), 0.5, dtype=torch.float64)
    distortions = torch.ones(1, 1, 70, 70, dtype=torch.float64)
    found = geometry.padding_influence(models.load([name]), image, distortions)
    zone = np.ones((70, 70), dtype=bool)
    zone[reach:-reach, reach:-reach] = False
    np.testing.assert_array_equal(found.zone, zone)
    assert found.reach == reach
    assert found.affected[0] == pytest.approx(1 - 40**2 / 70**2)


def test_noise_that_mixes_responses_is_whitened_first(representations, found, distortions):
    factor = torch.linspace(0.5, 2, 3 * SIDE**2, dtype=torch.float64)
    noise = geometry.CorrelatedGaussian(torch.diag(factor))
    (first,) = models.from_module(Padded("constant"), ["first"], "net", noise=noise)
    mixed = geometry.padding_influence([first], _image(), distortions)
    assert mixed.affected[0] == found.affected[0]
    np.testing.assert_array_equal(mixed.zone, found.zones[0])
    tangents = distortions.flatten(1).numpy() @ _jacobian(representations[0], _image()).T
    weighted = tangents**2 / factor.numpy()
    rim = np.ones((3, SIDE, SIDE), dtype=bool)
    rim[:, 1:-1, 1:-1] = False
    expected = weighted[:, rim.ravel()].sum(axis=1) / weighted.sum(axis=1)
    np.testing.assert_allclose(mixed.affected_energy[0], expected)


def test_models_without_padding_owe_nothing_to_it():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(98, 5)).double()
    reps = [*models.from_module(module, ["0", "3"], "net"), *models.load(["identity"])]
    found = geometry.padding_influence(
        reps, _image(9), torch.randn(2, 1, 9, 9, dtype=torch.float64)
    )
    assert found.reach == 0
    assert found.clear_window == pytest.approx(2)
    assert not found.affected.any()
    assert not found.total_energy.any()
    np.testing.assert_allclose(found.changes(), 0, atol=1e-13)


def test_behind_a_layer_that_sees_everything_padding_enters_everywhere():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(162, 5)).double()
    reps = models.from_module(module, ["2"], "net")
    found = geometry.padding_influence(
        reps, _image(9), torch.randn(2, 1, 9, 9, dtype=torch.float64)
    )
    assert found.zone.all()
    assert found.affected[0] == 1
    assert found.clear_window is None
    assert (found.total_energy == 1).all()
    assert "100% of the responses" in found.describe()
    assert "no window" in found.describe()


def test_what_cannot_be_known_is_no_zero(representations):
    image, rng = _image(6), np.random.default_rng(0)
    matrix = Representation("matrix", MatrixNetwork(all=rng.standard_normal((4, 36))), "all")
    own_way = nn.ConvTranspose2d(1, 1, 3, padding=1).double()
    reps = [matrix, *models.from_module(own_way, [""], "own"), *representations]
    found = geometry.padding_influence(reps, image, rng.standard_normal((2, 1, 6, 6)), floor=FLOOR)
    for values in (found.repadded[:, :2], found.changes()[:, :2], found.energy[:2]):
        assert np.isnan(values).all()
    assert np.isfinite(found.repadded[:, 2:]).all()
    assert np.isfinite(found.total_energy).all()
    assert "repadded" in found.reasons[0]
    assert "convolution" in found.reasons[1]
    assert found.reasons[2:] == ("", "")
    assert found.describe().count("not known") == 2
    alone = geometry.padding_influence([matrix], image, rng.standard_normal((2, 1, 6, 6)))
    assert np.isnan(alone.total_energy).all()
    assert alone.reach is None
    assert alone.clear_window is None
    assert "not known" in repr(alone)


def test_the_order_of_representations_is_kept(representations, found, distortions):
    first, second = representations
    mixed = [second, *models.load(["identity"]), first]
    other = geometry.padding_influence(mixed, _image(), distortions, floor=FLOOR)
    np.testing.assert_array_equal(other.zones[[2, 0]], found.zones)
    np.testing.assert_allclose(other.repadded[:, [2, 0]], found.repadded, rtol=1e-12)
    assert not other.zones[1].any()
