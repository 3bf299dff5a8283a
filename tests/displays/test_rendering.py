from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from pdpsych.common.section import load
from pdpsych.displays.display import Display
from pdpsych.displays.encoding import linear_from_srgb, srgb_from_linear
from pdpsych.displays.expectation import expected
from pdpsych.displays.rendering import largest_amplitude, levels, quantize, show

curves = st.one_of(st.just("srgb"), st.floats(1, 3))
encodings = st.sampled_from(["srgb", "linear"])
dithers = st.sampled_from(["none", "uniform", "triangular", "error-diffusion"])


def _unit(shape, seed):
    direction = np.random.default_rng(seed).standard_normal(shape)
    return direction / np.linalg.norm(direction)


@pytest.mark.parametrize("curve", ["srgb", 1.0, 2.2])
@pytest.mark.parametrize("encoding", ["srgb", "linear"])
def test_luminance_shown_is_the_luminance_meant(curve, encoding):
    """The display's own curve, applied to what is shown, gives back the image's luminance."""
    display = Display(curve=curve, bit_depth=16, dither="none")
    image = np.linspace(0, 1, 100).reshape(1, 10, 10)
    levels = quantize(image, display, encoding, np.random.default_rng(0)) / display.top
    shown = linear_from_srgb(levels) if curve == "srgb" else levels**curve
    meant = linear_from_srgb(image) if encoding == "srgb" else image
    np.testing.assert_allclose(shown, meant, atol=5e-5)


# facts-psychophysics.md is where these numbers were measured: how much of a distortion of so many
# levels rms is left of it on 8 bits, by what was done to it. Rows are white noise.
_GAINS = {
    # rms: whole base rounded, base with fractions rounded, uniform dither, error diffusion, 10 bits
    0.10: (0.00, 1.00, 1.00, 1.00, 0.92),
    0.25: (0.43, 0.99, 1.01, 0.98, 1.00),
    0.50: (0.99, 1.00, 1.00, 1.00, 1.00),
    1.00: (1.00, 1.00, 1.00, 1.00, 1.00),
}
_WAYS = [("whole", "none", 8), ("real", "none", 8), ("whole", "uniform", 8)]
_WAYS += [("whole", "error-diffusion", 8), ("whole10", "none", 10)]


@pytest.mark.parametrize("way", range(len(_WAYS)), ids=["-".join(map(str, w)) for w in _WAYS])
@pytest.mark.parametrize("rms", _GAINS)
def test_the_table_of_gains(rms, way):
    kind, dither, bits = _WAYS[way]
    shape = (1, 256, 256)
    rng = np.random.default_rng(0)
    image = rng.uniform(60, 190, shape) / 255
    if kind != "real":
        top = 255 if kind == "whole" else 1023
        image = np.round(image * top) / top
    amplitude = rms / 255 * np.sqrt(image.size)
    display = Display(curve=1.0, dither=dither, bit_depth=bits)
    shown = show(image, _unit(shape, 1), amplitude, display, "linear", np.random.default_rng(2))
    # The dither of two frames, or rounding, moves the amplitude of a single presentation.
    scatter = np.sqrt(2 / 12) / (rms * np.sqrt(image.size)) if kind != "whole10" else 0
    wanted = _GAINS[rms][way]
    assert shown.realised / amplitude == pytest.approx(wanted, abs=0.015 + 4 * scatter)
    if (rms, way) == (0.1, 0):
        assert shown.realised == pytest.approx(0, abs=1e-3 * amplitude)


# The same of a smooth distortion and of a patch; error diffusion of these was not measured.
_OTHER_GAINS = {
    ("smooth", 0.10): (0.00, 0.98, 1.02, None, 0.92),
    ("smooth", 0.25): (0.46, 0.99, 1.01, 1.00, 0.99),
    ("patch", 0.10): (0.95, 1.05, 1.03, None, 0.99),
}


@pytest.mark.parametrize(
    ("form", "rms", "way", "wanted"),
    [
        (*row, _WAYS[n], w)
        for row, gains in _OTHER_GAINS.items()
        for n, w in enumerate(gains)
        if w is not None
    ],
)
def test_the_table_of_gains_of_other_distortions(form, rms, way, wanted):
    kind, dither, bits = way
    rng = np.random.default_rng(0)
    image = rng.uniform(60, 190, (1, 256, 256)) / 255
    if kind != "real":
        top = 255 if kind == "whole" else 1023
        image = np.round(image * top) / top
    amplitude = rms / 255 * np.sqrt(image.size)
    display = Display(curve=1.0, dither=dither, bit_depth=bits)
    shown = show(image, _formed(form, rng), amplitude, display, "linear", rng)
    scatter = np.sqrt(2 / 12) / (rms * np.sqrt(image.size)) if kind != "whole10" else 0
    assert shown.realised / amplitude == pytest.approx(wanted, abs=0.04 + 4 * scatter)


def _formed(form, rng):
    noise = rng.standard_normal((1, 256, 256))
    if form == "smooth":
        formed = gaussian_filter(noise, (0, 4, 4))
    else:
        place = np.arange(256) - 128
        formed = noise * np.exp(-(place**2 + place[:, None] ** 2) / (2 * 8**2))
    return formed / np.linalg.norm(formed)


def _slow(image, distortion, amplitude, curve, encoding, top, draws):
    """The pipeline in float64, step by step; ``draws`` are the uniform dither of both frames."""
    wanted = image + amplitude * distortion
    frames, seen = [], []
    for picture, noise in zip((wanted, image), draws, strict=True):
        inside = np.clip(picture, 0, 1)
        linear = linear_from_srgb(inside) if encoding == "srgb" else inside
        level = srgb_from_linear(linear) if curve == "srgb" else linear ** (1 / curve)
        shown = np.clip(np.floor(level * top + noise), 0, top)
        back = shown / top
        back = linear_from_srgb(back) if curve == "srgb" else back**curve
        frames.append(shown)
        seen.append(srgb_from_linear(back) if encoding == "srgb" else back)
    added = seen[0] - seen[1]
    realised = np.vdot(added, distortion)
    residual = np.sqrt(np.mean((added - realised * distortion) ** 2))
    return *frames, np.sign(amplitude) * realised, residual, np.mean((wanted < 0) | (wanted > 1))


@given(
    st.integers(0, 100),
    encodings,
    curves,
    st.sampled_from([1, 3]),
    st.sampled_from([8, 10, 16]),
    st.floats(-20, 20).filter(lambda a: abs(a) > 0.01),
)
@settings(max_examples=60)
def test_fast_pipeline_is_the_slow_one(seed, encoding, curve, channels, bits, amplitude):
    """All sizes cross a block, values reach both ends of the gamut."""
    shape = (channels, 190, 180)
    rng = np.random.default_rng(seed)
    image = rng.uniform(0, 1, shape).astype(np.float32)
    distortion = _unit(shape, seed).astype(np.float32)
    display = Display(curve=curve, bit_depth=bits)
    shown = show(image, distortion, amplitude, display, encoding, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    # Four draws of 16 bits from each of the generator's 64.
    raw = [rng.integers(0, 2**64 - 1, -(-image.size // 4), np.uint64, True) for _ in range(2)]
    draws = [r.view("<u2")[: image.size].reshape(shape) / 2**16 for r in raw]
    wide = image.astype(float), distortion.astype(float)
    slow = _slow(*wide, amplitude, curve, encoding, display.top, draws)
    # float32 moves a level by this much, and so rounds as many values of a pair otherwise.
    error = 2e-3 if bits < 16 else 0.1
    for fast, exact in zip((shown.distorted, shown.reference), slow[:2], strict=True):
        assert np.mean(fast != exact) < error
        assert np.abs(fast - exact).max() <= 1 if bits < 16 else 8
    assert shown.realised == pytest.approx(slow[2], abs=2e-3)
    assert shown.residual_rms == pytest.approx(slow[3], rel=2e-3)
    assert shown.clipped == pytest.approx(slow[4], abs=2 / image.size)


@given(encodings, curves, dithers, st.sampled_from([8, 10]))
@settings(max_examples=30)
def test_the_mean_over_draws_is_the_image_within_a_level(encoding, curve, dither, bits):
    display = Display(curve=curve, dither=dither, bit_depth=bits)
    image = np.linspace(0.1, 0.9, 400).reshape(1, 20, 20)
    found = expected(image, display, encoding)
    seen = np.stack([_seen(image, display, encoding, seed) for seed in range(60)])
    if dither != "error-diffusion":
        spread = np.sqrt(found.variance.max() / 60)
        np.testing.assert_allclose(seen.mean(axis=0), found.mean, atol=6 * spread + 1e-6)
    scale = _scale(display, encoding)
    level = np.diff(scale)[scale[1:] > 0.1].max()
    np.testing.assert_allclose(found.mean, image, atol=0.6 * level)
    if dither == "uniform":
        # Between levels the scale is straight, which the curve is not quite.
        np.testing.assert_allclose(found.mean, image, atol=0.05 * level)


def _scale(display, encoding):
    """What each level looks like."""
    inside = np.arange(display.top + 1) / display.top
    linear = linear_from_srgb(inside) if display.curve == "srgb" else inside**display.curve
    return srgb_from_linear(linear) if encoding == "srgb" else linear


def _seen(image, display, encoding, seed):
    shown = quantize(image, display, encoding, np.random.default_rng(seed)) / display.top
    linear = linear_from_srgb(shown) if display.curve == "srgb" else shown**display.curve
    return srgb_from_linear(linear) if encoding == "srgb" else linear


@pytest.mark.parametrize("dither", ["uniform", "triangular", "error-diffusion"])
def test_realised_amplitude_is_linear_in_the_amplitude(dither):
    shape = (1, 128, 128)
    image, distortion = np.full(shape, 100.3 / 255), _unit(shape, 0)
    display = Display(dither=dither)
    amplitudes = np.geomspace(0.01, 10, 12)
    realised = []
    for number, amplitude in enumerate(amplitudes):
        rng = np.random.default_rng(number)
        pairs = [show(image, distortion, s * amplitude, display, "srgb", rng) for s in (1, -1)]
        realised.append(np.mean([pair.realised for pair in pairs]))
    np.testing.assert_allclose(
        realised, amplitudes, atol=4 * 1.5 * np.sqrt(1 / 12) / 255, rtol=0.02
    )


def test_channels_keep_their_order_and_rows_their_place(measured_file):
    gammas = {"red": 1.0, "green": 2.0, "blue": 3.0}
    file = measured_file({c: lambda x, g=g: 100 * x**g for c, g in gammas.items()}, relative=0)
    display = load(file, Display)
    image = np.zeros((3, 4, 5), np.float32)
    image[0, 0, 1] = image[1, 2, 3] = image[2, 3, 4] = 0.5
    shown = levels(image, display, "linear") / display.top
    np.testing.assert_allclose(shown[0, 0, 1], 0.5, atol=0.01)
    np.testing.assert_allclose(shown[1, 2, 3], 0.5**0.5, atol=0.01)
    np.testing.assert_allclose(shown[2, 3, 4], 0.5 ** (1 / 3), atol=0.01)
    assert np.count_nonzero(shown > 0.01) == 3


@pytest.mark.parametrize("bits", [8, 10, 16])
def test_all_grey_levels_can_be_told_apart(bits):
    """Each level of the display has a value that is shown as just that level."""
    display = Display(curve=2.2, bit_depth=bits, dither="none")
    every = np.arange(display.top + 1)
    image = ((every / display.top) ** 2.2).reshape(1, 1, -1)
    shown = quantize(image, display, "linear", np.random.default_rng(0))
    allowed = 0 if bits < 16 else 1
    assert np.abs(shown[0, 0].astype(int) - every).max() <= allowed


@given(st.integers(0, 50), st.sampled_from([-1, 1]), encodings, curves)
@settings(max_examples=25)
def test_realised_amplitude_and_residual_account_for_all_that_was_added(
    seed, sign, encoding, curve
):
    shape = (1, 32, 32)
    image = np.random.default_rng(seed).uniform(0.3, 0.7, shape)
    distortion = _unit(shape, seed + 1)
    display = Display(curve=curve)
    shown = show(image, distortion, sign * 0.8, display, encoding, np.random.default_rng(seed))
    scale = np.arange(256) / 255
    scale = linear_from_srgb(scale) if curve == "srgb" else scale**curve
    scale = srgb_from_linear(scale) if encoding == "srgb" else scale
    added = scale[shown.distorted] - scale[shown.reference]
    total = shown.realised**2 + image.size * shown.residual_rms**2
    assert np.sum(added**2) == pytest.approx(total, rel=1e-5)
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
@settings(max_examples=40)
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


@given(st.integers(0, 1000), st.floats(0, 0.3), st.booleans())
@settings(max_examples=60)
def test_largest_amplitude_is_that_of_sorting_however_many_pixels(seed, share, tied):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 6000))
    image = rng.uniform(0, 1, size)
    distortion = rng.standard_normal(size) * (rng.uniform(size=size) < 0.8)
    if tied:
        image, distortion = np.round(image, 1), np.sign(distortion)
    steps = np.where(distortion == 0, np.nan, distortion)
    leaves = [np.where(s * steps > 0, 1 - image, image) / np.abs(steps) for s in (1, -1)]
    allowed = int(np.floor(share * size))
    wanted = min(np.sort(np.where(np.isnan(row), np.inf, row))[allowed] for row in leaves)
    assert largest_amplitude(image, distortion, share) == pytest.approx(wanted, rel=1e-12)
