from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdpsych.stimuli.display import (
    Display,
    largest_amplitude,
    linear_from_srgb,
    quantise,
    show,
    srgb_from_linear,
)

curves = st.one_of(st.just("srgb"), st.floats(1, 3))
encodings = st.sampled_from(["srgb", "linear"])


def _unit(shape, seed):
    direction = np.random.default_rng(seed).standard_normal(shape)
    return direction / np.linalg.norm(direction)


def test_srgb_by_hand():
    # IEC 61966-2-1: the middle of the range, and the end of its linear part.
    assert linear_from_srgb(np.array(0.5)) == pytest.approx(0.214041, abs=1e-6)
    assert linear_from_srgb(np.array(0.04045)) == pytest.approx(0.0031308, abs=1e-7)


@given(st.floats(0, 1))
def test_srgb_round_trip(value):
    assert srgb_from_linear(linear_from_srgb(np.array(value))) == pytest.approx(value, abs=1e-6)


@given(curves, encodings, st.sampled_from([8, 10]))
@settings(max_examples=30, deadline=None)
def test_each_level_comes_back_as_itself(curve, encoding, bits):
    display = Display(curve=curve, bit_depth=bits)
    levels = np.arange(display.top + 1)
    again = display.levels(display.units(levels, encoding), encoding)
    np.testing.assert_allclose(again, levels, atol=1e-3)


@pytest.mark.parametrize("curve", ["srgb", 1.0, 2.2])
@pytest.mark.parametrize("encoding", ["srgb", "linear"])
def test_luminance_shown_is_the_luminance_meant(curve, encoding):
    """The display's own curve, applied to what is shown, gives back the image's luminance."""
    display = Display(curve=curve, bit_depth=16, dither="none")
    image = np.linspace(0, 1, 100).reshape(1, 10, 10)
    levels = quantise(image, display, encoding, np.random.default_rng(0)) / display.top
    shown = linear_from_srgb(levels) if curve == "srgb" else levels**curve
    meant = linear_from_srgb(image) if encoding == "srgb" else image
    np.testing.assert_allclose(shown, meant, atol=5e-5)


@pytest.mark.parametrize("rms_levels", [0.1, 0.25, 1.0])
def test_dither_keeps_small_amplitudes_linear_where_rounding_loses_them(rms_levels):
    shape = (1, 128, 128)
    image = np.full(shape, 128 / 255)
    distortion = _unit(shape, 0)
    amplitude = rms_levels / 255 * np.sqrt(image.size)

    def gain(dither):
        display = Display(curve=1.0, dither=dither)
        rng = np.random.default_rng(1)
        return show(image, distortion, amplitude, display, "linear", rng).realised / amplitude

    noise = np.sqrt(2 / 12) / (rms_levels * np.sqrt(image.size))
    assert gain("uniform") == pytest.approx(1, abs=5 * noise)
    if rms_levels == 0.1:
        assert gain("none") == 0
    if rms_levels == 0.25:
        assert gain("none") == pytest.approx(0.43, abs=0.03)


@given(st.integers(0, 50), st.sampled_from([-1, 1]), encodings, curves)
@settings(max_examples=25, deadline=None)
def test_realised_amplitude_and_residual_account_for_all_that_was_added(
    seed, sign, encoding, curve
):
    shape = (1, 32, 32)
    image = np.random.default_rng(seed).uniform(0.3, 0.7, shape)
    distortion = _unit(shape, seed + 1)
    display = Display(curve=curve)
    shown = show(image, distortion, sign * 0.8, display, encoding, np.random.default_rng(seed))
    added = display.units(shown.distorted, encoding) - display.units(shown.reference, encoding)
    total = shown.realised**2 + image.size * shown.residual_rms**2
    assert np.sum(added**2) == pytest.approx(total, rel=1e-9)
    assert shown.realised == pytest.approx(0.8, abs=0.15)
    assert shown.clipped == 0


def test_the_same_seed_shows_the_same_and_references_differ_from_it():
    image, distortion = np.full((1, 16, 16), 0.5), _unit((1, 16, 16), 0)

    def draw(seed):
        return show(image, distortion, 0.1, Display(), "srgb", np.random.default_rng(seed))

    np.testing.assert_array_equal(draw(1).distorted, draw(1).distorted)
    assert (draw(1).reference != draw(2).reference).any()
    still = show(image, distortion, 0.0, Display(), "srgb", np.random.default_rng(1))
    assert (still.distorted != still.reference).any()


@given(st.integers(0, 100), st.floats(0, 0.3))
@settings(max_examples=40, deadline=None)
def test_largest_amplitude_is_where_the_share_of_clipped_pixels_is_reached(seed, share):
    rng = np.random.default_rng(seed)
    image = rng.uniform(0.05, 0.95, (1, 12, 12))
    distortion = _unit(image.shape, seed)
    most = largest_amplitude(image, distortion, share)

    def clipped(amplitude):
        both = [image + s * amplitude * distortion for s in (1, -1)]
        return max(np.mean((x < 0) | (x > 1)) for x in both)

    assert clipped(most * (1 - 1e-9)) <= share
    assert clipped(most * (1 + 1e-6)) > share
