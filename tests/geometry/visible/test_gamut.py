"""Pairs inside the gamut at twice the amplitude."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from pdpsych.geometry.space import DistortionSpace
from pdpsych.geometry.visible.gamut import Gamut

SHAPE = (1, 8, 8)


def _image(seed=0):
    """Return an image with black and white pixels."""
    generator = torch.Generator().manual_seed(seed)
    image = 1.4 * torch.rand(SHAPE, generator=generator, dtype=torch.float64) - 0.2
    return image.clamp(0, 1)


def _pair(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((2, *SHAPE), generator=generator, dtype=torch.float64).pow(3)


def _frames(image, pair, rms):
    alpha = 2 * rms * image.numel() ** 0.5
    return torch.cat([image + alpha * pair, image - alpha * pair])


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.floats(0.001, 0.1), st.sampled_from([{}, {"window": 0.9}]))
def test_frames_are_inside(seed, rms, options):
    image = _image()
    gamut = Gamut.of(image, DistortionSpace(image, **options), rms)
    pair = gamut.nearest(_pair(seed))
    np.testing.assert_allclose(pair.flatten(1).norm(dim=1), 1)
    frames = _frames(image, pair, rms)
    assert frames.min() >= 0
    assert frames.max() <= 1
    # Pixels without room stay as they are, and so does a pair that is inside.
    assert (pair[:, (image == 0) | (image == 1)] == 0).all()
    torch.testing.assert_close(gamut.nearest(3 * pair), pair)


def test_it_is_the_nearest_of_many():
    image, rms = _image(), 0.08
    gamut = Gamut.of(image, DistortionSpace(image), rms)
    aim = _pair(5)
    likeness = (gamut.nearest(aim) * aim).sum(dim=(1, 2, 3))
    for seed in range(50):
        near = gamut.nearest(aim + 0.3 * aim.std() * _pair(seed))
        assert ((near * aim).sum(dim=(1, 2, 3)) <= likeness + 1e-12).all()
    assert gamut.at_limit(gamut.nearest(aim)).any()


def test_a_limit_binds_beside_it():
    image = _image()
    space = DistortionSpace(image, limit=2.0)
    pair = Gamut.of(image, space, 0.05).nearest(_pair(1))
    assert pair.abs().max() <= 2 / 8 * (1 + 1e-9)
    assert (_frames(image, pair, 0.05) >= 0).all()


@pytest.mark.parametrize("options", [{"cycles_per_image": 2.5}, {"luminance": True}, {}])
def test_other_spaces_are_kept(options):
    image = (0.1 + 0.8 * _image()).expand(3, 8, 8).clone()
    image[1:] = 0.5
    earlier = torch.ones((1, 3, 8, 8), dtype=torch.float64)
    space = DistortionSpace(image, **options).orthogonal_to(earlier)
    pair = Gamut.of(image, space, 0.04).nearest(_pair(2).expand(2, 3, 8, 8))
    torch.testing.assert_close(space.nearest(pair), pair)
    np.testing.assert_allclose(pair.flatten(1).norm(dim=1), 1)
    frames = _frames(image, pair, 0.04)
    assert frames.min() >= -1e-5
    assert frames.max() <= 1 + 1e-5


def test_what_black_and_white_pixels_leave_no_room_for():
    image = _image()
    room = float(torch.minimum(image, 1 - image).square().mean().sqrt())
    space = DistortionSpace(image)
    Gamut.of(image, space, 0.49 * room)
    with refused(
        field="amplitude_rms",
        value=room,
        allowed=f"below {room / 2:.3g}",
        remedy="preprocess.range",
    ):
        Gamut.of(image, space, room)
    band = DistortionSpace(image, cycles_per_image=1.0)
    with refused(field="amplitude_rms", value=0.05, remedy="space.headroom"):
        Gamut.of(image, band, 0.05).nearest(_pair(0))


@pytest.mark.parametrize("rms", [0.0, -0.1, float("nan"), float("inf")])
def test_no_amplitude(rms):
    with refused(field="amplitude_rms", allowed="above 0"):
        Gamut.of(_image(), DistortionSpace(_image()), rms)
