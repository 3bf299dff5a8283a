from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused
from torch.autograd import gradcheck, gradgradcheck
from torchvision.models import get_model_weights
from torchvision.transforms.v2 import functional

from pdpsych.displays import encoding
from pdpsych.models.address import NetworkInput
from pdpsych.models.preprocessing import (
    InputFormat,
    Preprocessing,
    linear_from_srgb,
    srgb_from_linear,
)

IMAGENET = InputFormat(3, (8, 8), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "srgb")


def _images(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("name", ["alexnet", "resnet50", "inception_v3", "vit_b_16"])
def test_an_image_of_the_right_size_is_preprocessed_as_torchvision_does(name):
    preset = get_model_weights(name).IMAGENET1K_V1.transforms()
    # The image is already cut to the size; what is left of torchvision's are scale and colours.
    preset.resize_size = preset.crop_size
    side = preset.crop_size[0]
    image = _images(3, side, side).float()
    ours = InputFormat(3, (side, side), tuple(preset.mean), tuple(preset.std))
    found = Preprocessing(ours, "srgb").float()(image[None])[0]
    assert torch.equal(found, preset(image))


def test_resizing_is_that_of_torchvision():
    found = Preprocessing(InputFormat(size=(9, 5)), "srgb").double()(_images(1, 3, 20, 30))
    expected = functional.resize(_images(1, 3, 20, 30), [9, 5])
    torch.testing.assert_close(found, expected)


def test_an_image_that_fits_passes_unchanged():
    images = _images(2, 3, 8, 8)
    assert torch.equal(Preprocessing(InputFormat(3, (8, 8)), "srgb")(images), images)


def test_a_grey_image_is_repeated():
    grey = _images(2, 1, 8, 8)
    step = Preprocessing(IMAGENET, "srgb").double()
    assert torch.equal(step(grey), step(grey.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize(
    ("channels", "given", "advice"), [(1, 3, "colour: grey"), (3, 2, "colour: rgb"), (4, 3, "")]
)
def test_other_numbers_of_channels_are_refused(channels, given, advice):
    with refused(value=given, allowed=str(channels), remedy=advice):
        Preprocessing(InputFormat(channels), "srgb")(_images(1, given, 4, 4))


@given(st.floats(0, 1))
def test_encodings_are_those_of_the_display_and_invert_each_other(value):
    x = torch.tensor([value], dtype=torch.float64)
    assert linear_from_srgb(x).item() == pytest.approx(
        float(encoding.linear_from_srgb(np.array(value)))
    )
    assert srgb_from_linear(x).item() == pytest.approx(
        float(encoding.srgb_from_linear(np.array(value)))
    )
    assert srgb_from_linear(linear_from_srgb(x)).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("convert", [linear_from_srgb, srgb_from_linear])
def test_encodings_have_finite_derivatives_everywhere(convert):
    values = torch.tensor([-0.2, 0.0, 0.002, 0.03, 0.5, 1.0, 1.3], dtype=torch.float64)
    values.requires_grad_()
    assert gradcheck(convert, values)
    assert gradgradcheck(convert, values)
    (slope,) = torch.autograd.grad(convert(values).sum(), values)
    assert (slope > 0).all()


@pytest.mark.parametrize(("given", "wanted"), [("srgb", "linear"), ("linear", "srgb")])
def test_the_whole_is_differentiable_twice(given, wanted):
    target = InputFormat(3, (3, 3), IMAGENET.mean, IMAGENET.std, wanted)
    step = Preprocessing(target, given).double()
    image = _images(1, 1, 5, 4).requires_grad_()
    assert gradcheck(step, image)
    assert gradgradcheck(step, image)


def test_finite_distortions_are_not_clipped():
    image = torch.full((1, 3, 8, 8), 1.2, dtype=torch.float64)
    step = Preprocessing(IMAGENET, "srgb").double()
    assert (step(image) > step(torch.ones_like(image))).all()


def test_a_study_may_say_what_a_network_takes():
    assert IMAGENET.changed_by(NetworkInput()) == IMAGENET
    changed = IMAGENET.changed_by(NetworkInput(size=5, mean=(0.5,), encoding="linear"))
    assert changed == InputFormat(3, (5, 5), (0.5,), IMAGENET.std, "linear")
    assert InputFormat().changed_by(NetworkInput(std=(1, 2, 3))).channels == 3
    assert InputFormat().changed_by(NetworkInput(mean=(0.5,))).channels is None
    with refused(field="preprocess", value=2, allowed="3"):
        IMAGENET.changed_by(NetworkInput(mean=(0, 0)))


def test_words_say_all_that_is_done():
    assert str(Preprocessing(InputFormat(), "srgb")) == "none (srgb)"
    words = str(Preprocessing(IMAGENET, "linear"))
    assert words == (
        "linear to srgb; resized to 8 x 8 (bilinear, antialiased) unless of that size; grey "
        "repeated to 3 channels; minus mean 0.485, 0.456, 0.406; divided by std 0.229, 0.224, 0.225"
    )
