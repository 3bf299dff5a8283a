from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdpsych.errors import InputError
from pdpsych.stimuli.display import Display, largest_amplitude, quantise, show
from pdpsych.stimuli.encoding import linear_from_srgb, srgb_from_linear
from pdpsych.study import load

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


def _coloured(lcd_curve):
    gammas = {"red": 1.8, "green": 2.2, "blue": 2.6}
    return {"grey": lcd_curve, **{c: lambda x, g=g: 0.3 + 40 * x**g for c, g in gammas.items()}}


@pytest.mark.parametrize("model", ["pchip", "power-1"])
def test_colour_goes_through_the_curves_of_its_channels(measured_file, lcd_curve, model):
    display = load(measured_file(_coloured(lcd_curve), model=model), Display)
    image = np.full((3, 2, 2), 0.5)
    levels = display.levels(image, "linear")[:, 0, 0] / display.top
    wanted = [0.5 ** (1 / gamma) for gamma in (1.8, 2.2, 2.6)]
    np.testing.assert_allclose(levels, wanted, atol=0.01)
    again = display.units(np.round(levels * 255).astype(int)[:, None, None], "linear")
    np.testing.assert_allclose(again[:, 0, 0], 0.5, atol=0.01)


def test_grey_goes_through_the_grey_curve_and_has_candelas(measured_file, lcd_curve):
    display = load(measured_file(_coloured(lcd_curve)), Display)
    level = display.levels(np.full((1, 1, 1), 0.4), "linear") / display.top
    black, white = display.range_candela
    seen = (lcd_curve(level[0, 0, 0]) - 0.3) / 120
    assert seen == pytest.approx(0.4, abs=0.01)
    value = np.array([0, 0.4, 1])
    np.testing.assert_allclose(display.candela(value), black + value * (white - black))
    assert (black, white) == pytest.approx((0.3, 120.3), rel=0.02)


def test_a_channel_that_was_not_measured_is_missed(measured_file, lcd_curve):
    display = load(measured_file({"grey": lcd_curve, "red": lcd_curve}), Display)
    with pytest.raises(
        InputError, match=r"lab.csv has no readings of green, blue \(only grey, red"
    ):
        display.curves(3)
    colours = {k: v for k, v in _coloured(lcd_curve).items() if k != "grey"}
    display = load(measured_file(colours, name="colour"), Display)
    assert len(display.curves(3)) == 3
    with pytest.raises(InputError, match=r"no readings of grey .*, which grey images need"):
        display.curves(1)
    with pytest.raises(InputError, match="known only of a display whose grey was measured"):
        display.candela(np.zeros(1))


def test_images_have_one_or_three_channels():
    assert len(Display().curves(1)) == 1
    with pytest.raises(InputError, match="1 or 3 channels, got 2"):
        Display().curves(2)


def test_identity_changes_with_the_readings_and_the_description(measured_file, lcd_curve):
    path = measured_file({"grey": lcd_curve})
    display = load(path, Display)
    assert load(path, Display).sha256 == display.sha256
    others = [
        measured_file({"grey": lcd_curve}, seed=1, name="again"),
        measured_file({"grey": lcd_curve}, model="power-4", name="power"),
        measured_file({"grey": lcd_curve}, extra="distance_cm: 60\n", name="near"),
    ]
    assert len({display.sha256, *(load(p, Display).sha256 for p in others)}) == 4
    # The name and place of the file are no part of it.
    moved = path.rename(path.with_name("moved.yaml"))
    assert load(moved, Display).sha256 == display.sha256


def test_resolved_is_plain_data_with_the_fits(measured_file, lcd_curve):
    display = load(measured_file({"grey": lcd_curve}, model="power-4"), Display)
    data = json.loads(json.dumps(display.resolved()))
    assert data["curve"]["measurements"] == display.measurements.sha256
    assert set(data["curve"]["grey"]) == {"black", "white", "gamma", "a", "b", "k"}
    assert data["curve"]["grey"]["white"] == pytest.approx(display.range_candela[1], rel=1e-5)
    assert Display().resolved()["curve"] == "srgb"


def test_pixels_per_degree_by_hand():
    # At 57.3 cm a degree is a centimetre wide.
    assert Display(width_px=1920, width_cm=48, distance_cm=57.2957).pixels_per_degree == (
        pytest.approx(40, rel=1e-4)
    )
    assert Display(width_px=1920, width_cm=48).pixels_per_degree is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("curve: sRGB", "lab.yaml: curve: srgb, the exponent of a power law such as 2.2, or"),
        ("curve: 9", "lab.yaml: curve: input should be less than 5, got 9"),
        ("curve: {measurments: a.csv, model: pchip}", 'did you mean "measurements"?'),
        ("curve: {measurements: a.csv, model: pchp}", 'curve.model: did you mean "pchip"?'),
        ("curve: {measurements: a.csv}", "curve.model: field required"),
        (
            "width_px: 1920\nheight_px: 1080\nwidth_cm: 30\nheight_cm: 53",
            "height_cm of square pixels is 16.9",
        ),
    ],
)
def test_bad_descriptions_are_named(tmp_path, text, message):
    path = tmp_path / "lab.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(message)):
        load(path, Display)


def test_measurements_that_are_missing_are_named(tmp_path):
    path = tmp_path / "lab.yaml"
    path.write_text("curve: {measurements: other.csv, model: pchip}\n")
    with pytest.raises(InputError, match=r"other.csv: no such file"):
        load(path, Display).curves(1)
