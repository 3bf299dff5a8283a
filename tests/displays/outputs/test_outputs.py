"""What encoders write is what the formats' definitions say, read by decoders written from those."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused

from pdpsych.common.section import load
from pdpsych.displays import Display, quantize, show
from pdpsych.displays.outputs.registry import OUTPUTS


def decoded(name, bytes_, bits):
    """Return levels (3, H, W) of 8-bit values (H, W, 3), pixel by pixel as the devices do."""
    pixels = [[[int(v) for v in pixel] for pixel in row] for row in bytes_]
    words = []
    for row in pixels:
        if name in ("mono++", "m16"):
            assert all(blue == 0 for _, _, blue in row)
            words.append([[red * 256 + green] * 3 for red, green, _ in row])
        else:
            even, odd = row[0::2], row[1::2]
            words.append(
                [
                    [high * 256 + low for high, low in zip(first, second, strict=True)]
                    for first, second in zip(even, odd, strict=True)
                ]
            )
    return np.moveaxis(np.array(words) // 2 ** (16 - bits), 2, 0)


def random_levels(seed, channels, bits, shape=(5, 6)):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2**bits, (channels, *shape), dtype=np.uint16)


def test_words_by_hand():
    grey = np.array([[[0x1234, 0xFFFF, 0x00FF]]], np.uint16)
    assert OUTPUTS["m16"].encode(grey, 16).tolist() == [
        [[0x12, 0x34, 0], [0xFF, 0xFF, 0], [0x00, 0xFF, 0]]
    ]
    # The two bits that a converter of 14 ignores are 0.
    assert OUTPUTS["mono++"].encode(np.array([[[1, 0x3FFF]]], np.uint16), 14).tolist() == [
        [[0, 4, 0], [0xFF, 0xFC, 0]]
    ]
    colour = np.array([[[0x0102]], [[0x0304]], [[0x0506]]], np.uint16)
    assert OUTPUTS["c48"].encode(colour, 16).tolist() == [[[1, 3, 5], [2, 4, 6]]]
    assert OUTPUTS["window"].encode(colour[:1], 10).tolist() == [[[0x102, 0x102, 0x102]]]


@given(
    name=st.sampled_from(["mono++", "color++", "m16", "c48"]),
    bits=st.sampled_from([14, 16]),
    colour=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_decoder_finds_every_level_again(name, bits, colour, seed):
    output = OUTPUTS[name]
    levels = random_levels(seed, 3 if colour and 3 in output.channels else 1, bits)
    bytes_ = output.encode(levels, bits)
    assert bytes_.shape == (5, 6 * output.columns, 3)
    assert bytes_.max() < 2 ** output.buffer_bits(bits)
    found = decoded(name, bytes_, bits)
    np.testing.assert_array_equal(found, np.broadcast_to(levels, found.shape))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("output: mono++", {"field": "bit_depth", "value": 8, "allowed": "14, 16"}),
        ("{output: c48, bit_depth: 16}", {"field": "scale", "value": 1, "allowed": "2, 4, 6, …"}),
        ("{output: c48, bit_depth: 14, scale: 3}", {"field": "scale", "value": 3}),
        ("{output: mono, bit_depth: 14}", {"field": "output", "value": "mono"}),
        (
            "{output: m16, bit_depth: 16, device_table: gamma.txt}",
            {"field": "device_table", "value": "gamma.txt", "allowed": "linear"},
        ),
        (
            "{output: mono++, bit_depth: 14, device_table: '[x]'}",
            {"field": "device_table"},
        ),
    ],
)
def test_outputs_that_contradict_themselves_are_refused(tmp_path, text, told):
    path = tmp_path / "lab.yaml"
    path.write_text(text)
    with refused(file="lab.yaml", **told):
        load(path, Display)


def test_colours_need_an_output_with_colours():
    grey = Display(output="m16", bit_depth=16)
    assert len(grey.curves(1)) == 1
    with refused(field="output", value="m16", remedy="c48"):
        grey.curves(3)


@pytest.mark.parametrize("bits", [14, 16])
def test_a_depth_that_no_window_shows_is_named_with_what_does(bits):
    # It can be read: other programs may show it.
    with refused(field="bit_depth", value=bits, allowed="8, 10", remedy="output: mono++"):
        Display(bit_depth=bits).check_depth()
    Display(bit_depth=bits, output="mono++").check_depth()
    Display(bit_depth=10).check_depth()


def test_a_display_of_before_keeps_its_identity():
    plain = Display(curve=2.2)
    # As of version 0.1.0.
    assert plain.sha256 == "4d1076d8f622d2fa0de69917062eed06c79134efd0fdeab21e2517bd8406e7d8"
    sized = Display(bit_depth=16, width_px=1920, height_px=1080, width_cm=53)
    assert sized.sha256 == "cc6ce5542a91b7a04e5e5585adc3d9dbe522db6dfde6241958962712115a8dc1"
    assert not {"output", "scale", "device_table"} & plain.resolved().keys()
    others = [
        Display(curve=2.2, scale=2),
        Display(curve=2.2, bit_depth=16),
        Display(curve=2.2, bit_depth=16, output="m16"),
        Display(curve=2.2, bit_depth=16, output="mono++"),
        Display(curve=2.2, bit_depth=16, output="mono++", device_table="lab.txt"),
    ]
    assert len({plain.sha256, *(other.sha256 for other in others)}) == 6
    assert others[3].resolved()["output"] == "mono++"


@pytest.mark.parametrize("dither", ["none", "uniform"])
def test_dither_and_realised_amplitude_follow_the_depth(dither):
    rng = np.random.default_rng(3)
    image = rng.uniform(0.3, 0.7, (1, 64, 64))
    distortion = rng.standard_normal((1, 64, 64))
    distortion /= np.linalg.norm(distortion)
    # A tenth of a level of 8 bits on each pixel.
    amplitude = 0.1 / 255 * 64
    residuals = {}
    for bits, output in ((8, "window"), (14, "mono++"), (16, "mono++")):
        display = Display(curve=1.0, bit_depth=bits, output=output, dither=dither)
        found = show(image, distortion, amplitude, display, "linear", np.random.default_rng(0))
        residuals[bits] = found.residual_rms
        if bits > 8:
            assert found.realised == pytest.approx(amplitude, rel=0.02)
            words = display.encoder.encode(found.distorted, bits)
            np.testing.assert_array_equal(decoded("mono++", words, bits)[:1], found.distorted)
    # Rounding errors are those of the depth; without dither they depend on each other at 8 bits.
    assert residuals[16] / residuals[14] == pytest.approx(0.25, rel=0.1)
    if dither == "uniform":
        assert residuals[14] / residuals[8] == pytest.approx(255 / (2**14 - 1), rel=0.1)
    top = quantize(np.ones((1, 2, 2)), display, "linear", rng)
    assert (top == 65535).all()
