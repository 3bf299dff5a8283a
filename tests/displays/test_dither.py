from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdpsych.displays.dither import dither, moments

KINDS = ("none", "uniform", "triangular", "error-diffusion")
kinds = st.sampled_from(KINDS)


def _diffused_one_by_one(levels, top, rng):
    """Floyd & Steinberg's algorithm as they wrote it down, with noise in each rounding."""
    channels, height, width = levels.shape
    noise = np.zeros((height, width, channels))
    # The draws of the pixels of a wave are made together.
    for t in range(width + 2 * height - 2):
        rows = [y for y in range(height) if 0 <= t - 2 * y < width]
        for c, drawn in enumerate(rng.random((channels, len(rows)))):
            for y, value in zip(rows, drawn, strict=True):
                noise[y, t - 2 * y, c] = value
    errors = np.zeros((channels, height + 1, width + 2))
    shown = np.empty(levels.shape, np.uint16)
    for c, y, x in np.ndindex(levels.shape):
        wanted = levels[c, y, x] + errors[c, y, x + 1]
        shown[c, y, x] = np.clip(np.floor(wanted + noise[y, x, c]), 0, top)
        error = wanted - shown[c, y, x]
        for dy, dx, weight in ((0, 1, 7), (1, -1, 3), (1, 0, 5), (1, 1, 1)):
            errors[c, y + dy, x + 1 + dx] += error * weight / 16
    return shown


@given(st.integers(0, 1000), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=60)
def test_waves_diffuse_as_pixel_by_pixel(seed, channels, height, width):
    levels = np.random.default_rng(seed).uniform(0, 7, (channels, height, width))
    slow = _diffused_one_by_one(levels, 7, np.random.default_rng(seed))
    fast = dither(levels.copy(), "error-diffusion", 7, np.random.default_rng(seed))
    np.testing.assert_array_equal(fast, slow)


@given(kinds, st.sampled_from([255, 1023, 65535]), st.integers(0, 100))
@settings(max_examples=40)
def test_levels_stay_in_range_and_a_seed_is_a_draw(kind, top, seed):
    shape = (3, 8, 8)
    ends = np.random.default_rng(seed).choice([0, 0.3, 0.5, top - 0.4, top], shape)

    def draw(number):
        return dither(ends.astype(np.float32), kind, top, np.random.default_rng(number))

    shown = draw(seed)
    assert shown.dtype == np.uint16
    assert shown.max() <= top
    # Were one above or below the ends, it would have come around to the other.
    assert (np.abs(shown - ends) <= 2).all()
    np.testing.assert_array_equal(shown, draw(seed))
    if kind != "none":
        assert (shown != draw(seed + 1)).any()


@given(kinds, st.floats(2, 250))
@settings(max_examples=30)
def test_the_mean_over_pixels_and_draws_is_the_level(kind, level):
    shape = (1, 96, 96)
    rng = np.random.default_rng(3)
    shown = np.stack([dither(np.full(shape, level), kind, 255, rng) for _ in range(2)])
    resolution = 0.5 if kind == "none" else 5 * np.sqrt(0.25 / shown.size) + 0.01
    assert abs(shown.mean() - level) <= resolution


@pytest.mark.parametrize("kind", ["none", "uniform", "triangular"])
def test_moments_are_those_of_draws(kind):
    """On a curved scale, at both of its ends and at ties, within the error of 4320 draws."""
    seen = np.linspace(0, 1, 9) ** 2.2
    levels = np.array([0, 0.2, 0.5, 1.5, 3.1, 3.9, 6.0, 7.6, 8.0])
    mean, variance = moments(levels, seen, kind)
    rng = np.random.default_rng(0)
    image = np.repeat(levels[:, None, None], 4320, 2)
    draws = seen[dither(image, kind, 8, rng)][:, 0]
    bound = 5 * np.sqrt(0.02 / 4320)
    np.testing.assert_allclose(draws.mean(axis=1), mean, atol=bound)
    np.testing.assert_allclose(draws.var(axis=1), variance, atol=bound / 5)


def test_diffused_errors_have_the_moments_of_all_fractions():
    seen = np.linspace(0, 1, 65)
    levels = np.random.default_rng(0).uniform(10, 50, (1, 40, 40))
    mean, variance = moments(levels, seen, "error-diffusion")
    rng = np.random.default_rng(1)
    draws = np.stack([seen[dither(levels.copy(), "error-diffusion", 64, rng)] for _ in range(300)])
    error = (draws.mean(axis=0) - mean) / np.sqrt(variance / 300)
    assert np.abs(error).max() < 5
    assert np.mean(error**2) == pytest.approx(1, abs=0.15)
    inside = draws.var(axis=0)[0, 5:, 5:-5]
    assert inside.mean() == pytest.approx(variance.mean(), rel=0.03)


def test_diffused_noise_is_little_at_low_frequencies():
    levels = np.random.default_rng(0).uniform(10, 50, (1, 64, 64))
    power = {}
    for kind in ("uniform", "error-diffusion"):
        noise = dither(levels.copy(), kind, 64, np.random.default_rng(1)) - levels
        power[kind] = np.abs(np.fft.fft2(noise[0])[:5, :5]) ** 2
    assert power["error-diffusion"].mean() < 0.1 * power["uniform"].mean()
