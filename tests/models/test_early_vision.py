from __future__ import annotations

import numpy as np
import plenoptic
import pytest
import torch
from refusals import refused

from pdpsych import models
from pdpsych.geometry.linearization import AutogradLinearization
from pdpsych.models.early_vision import blur_matrix

PEERS = {
    "LN": plenoptic.models.LinearNonlinear,
    "LG": plenoptic.models.LuminanceGainControl,
    "LGG": plenoptic.models.LuminanceContrastGainControl,
    "LGN": plenoptic.models.OnOff,
}


def _peer(name: str, padding: str, dtype: torch.dtype):
    peer = PEERS[name](31, pretrained=True, cache_filt=True, pad_mode=padding).to(dtype)
    # The published parameters have four decimals; plenoptic stores them rounded to float32.
    exact = {
        key: torch.tensor([round(float(x), 4) for x in value.flatten()], dtype=dtype)
        for key, value in peer.state_dict().items()
        if not key.endswith("_filt")
    }
    peer.load_state_dict(exact)
    return peer.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def parrot():
    return plenoptic.data.parrot().double()[..., 40:160, 60:193]


@pytest.mark.parametrize("padding", ["replicate", "reflect"])
@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)], ids=["f32", "f64"]
)
def test_equals_plenoptic_on_real_images(name, padding, dtype, tolerance, parrot):
    (representation,) = models.load([name], padding=padding)
    peer = _peer(name, padding, dtype)
    batch = torch.cat([parrot, plenoptic.data.einstein()[..., 40:160, 60:193]])
    for image in (parrot, batch):
        found = representation.network(image.to(dtype))
        expected = peer(image.to(dtype))
        assert found.shape == expected.shape
        assert float((found - expected).abs().max()) < tolerance


@pytest.mark.parametrize("padding", ["replicate", "reflect"])
@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("size", [(20, 33), (48, 40)])
def test_linearization_equals_automatic_differentiation(name, padding, size, parrot):
    image = parrot[0, :, : size[0], : size[1]]
    (representation,) = models.load([name], padding=padding)
    ours = representation.network.linearize(image, ["response"])
    slow = AutogradLinearization(lambda batch: [representation.network(batch)], image)
    directions = torch.randn((3, *image.shape), dtype=torch.float64)
    torch.testing.assert_close(ours.push(directions), slow.push(directions))
    weights = torch.randn_like(ours.push(directions)[0])
    torch.testing.assert_close(ours.pull([weights]), slow.pull([weights]))
    torch.testing.assert_close(ours.responses, slow.responses)


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_flat_images_have_finite_products(name, level):
    image = torch.full((1, 24, 24), level)
    linear = models.load([name])[0].network.linearize(image, ["response"])
    (pushed,) = linear.push(torch.randn((2, 1, 24, 24)))
    assert torch.isfinite(pushed).all()
    assert torch.isfinite(linear.pull([torch.ones_like(pushed)])).all()


def test_blur_conserves_a_flat_image_and_narrow_blurs_are_the_identity():
    np.testing.assert_allclose(blur_matrix(40, 3.0, "replicate").sum(dim=1), 1, atol=1e-14)
    np.testing.assert_allclose(blur_matrix(40, 0.05, "reflect"), np.eye(40), atol=1e-14)


def test_reflect_padding_needs_more_pixels_than_it_reflects():
    with refused(field="image", value=15, allowed="more than 15"):
        blur_matrix(15, 1.0, "reflect")


def test_colour_images_are_refused_with_advice():
    (representation,) = models.load(["LN"])
    with refused(field="image", value=(3, 16, 16), remedy="colour: grey"):
        representation.network.linearize(torch.zeros((3, 16, 16)), ["response"])
