"""What degradations change, against definitions and other implementations."""

import io

import numpy as np
import pytest
from PIL import Image
from refusals import refused
from skimage import data
from skimage.filters import gaussian

from pdpsych.common.section import validate
from pdpsych.displays.encoding import linear_from_srgb
from pdpsych.stimuli import Recipe
from pdpsych.stimuli.baselines import Degradation
from pdpsych.stimuli.generation.degrading import change_of

CAT = np.moveaxis(data.cat()[:64, :96] / 255.0, 2, 0)
GREY = data.camera()[None, :64, :96] / 255.0


def _change(image, encoding="srgb", seed=0, **degradation):
    rng = np.random.default_rng(seed)
    return change_of(image, Degradation(**degradation), encoding, rng)


@pytest.mark.parametrize("image", [CAT, GREY], ids=["colour", "grey"])
def test_jpeg_is_what_a_file_of_that_quality_changes(image):
    file = io.BytesIO()
    levels = np.round(255 * image).astype(np.uint8)
    Image.fromarray(np.moveaxis(levels, 0, 2).squeeze()).save(
        file, "JPEG", quality=30, subsampling=0
    )
    shown = np.atleast_3d(np.asarray(Image.open(file), float) / 255)
    expected = np.moveaxis(shown, 2, 0) - levels / 255
    np.testing.assert_allclose(_change(image, jpeg=30), expected, atol=1e-12)
    light = linear_from_srgb(image)
    linear = linear_from_srgb(np.moveaxis(shown, 2, 0)) - linear_from_srgb(levels / 255)
    np.testing.assert_allclose(_change(light, "linear", jpeg=30), linear, atol=1e-6)


def test_worse_quality_changes_more():
    norms = [np.linalg.norm(_change(CAT, jpeg=quality)) for quality in (90, 60, 30, 10)]
    assert norms == sorted(norms)


def test_blur_is_a_gaussian_of_that_width():
    expected = gaussian(CAT, 2.0, mode="nearest", channel_axis=0, truncate=4.0) - CAT
    np.testing.assert_allclose(_change(CAT, blur=2.0), expected, atol=1e-6)


def test_contrast_moves_all_pixels_from_the_mean():
    found = _change(GREY, contrast=0.5)
    np.testing.assert_allclose(GREY + found, GREY.mean() + (GREY - GREY.mean()) / 2)


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_noise_has_its_spectrum_and_no_mean(exponent):
    square = np.zeros((1, 128, 128))
    noise = np.stack([_change(square, seed=seed, noise=exponent)[0] for seed in range(40)])
    assert abs(noise.mean(axis=(1, 2))).max() < 1e-9
    power = (np.abs(np.fft.fft2(noise)) ** 2).mean(axis=0)
    radius = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128))
    low, high = (power[(radius > a) & (radius < a + 0.02)].mean() for a in (0.05, 0.35))
    assert low / high == pytest.approx((0.36 / 0.06) ** (2 * exponent), rel=0.15)


@pytest.mark.parametrize("wrong", [{}, {"jpeg": 30, "blur": 1.0}, {"contrast": 1.0}, {"jpeg": 0}])
def test_other_than_one_change_is_refused(wrong):
    entry = {"kind": "degraded", "first": wrong, "second": {"blur": 1.0}}
    recipe = {"images": [{"sample": "cat"}], "models": ["LN", "LG"], "distortions": [entry]}
    with refused():
        validate(recipe, Recipe, "recipe.yaml")
