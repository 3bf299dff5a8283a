"""What the display's curve leaves open of realised amplitudes, beside the light of a true curve."""

from __future__ import annotations

import numpy as np
import pytest

from pdpsych.common.section import load
from pdpsych.displays import Display, show
from pdpsych.displays.encoding import srgb_from_linear
from pdpsych.stimuli import NewImage, NewPair, StimulusSet, calibrate
from pdpsych.stimuli.calibration.curve_error import curve_errors

SIDE = 40


def dull(level):
    return 0.3 + 120 * (0.6 * level**2.2 + 0.4 * level**3)


def s_shaped(level):
    low, high = (1 / (1 + np.exp(-9 * (x - 0.5))) for x in (0, 1))
    return 0.3 + 120 * (1 / (1 + np.exp(-9 * (level - 0.5))) - low) / (high - low)


@pytest.fixture
def write_set(tmp_path):
    """Return a function that writes a set of one image of values in a range."""

    def build(low, high, channels=1, encoding="srgb"):
        rng = np.random.default_rng(1)
        u, v = rng.standard_normal((2, channels, SIDE, SIDE))
        # v lies where the image is bright.
        image = np.sort(rng.uniform(low, high, (channels, SIDE, SIDE)), axis=2)
        v *= np.linspace(0, 1, SIDE) ** 3
        pair = NewPair(u / np.linalg.norm(u), v / np.linalg.norm(v))
        made = {"grey": NewImage(image, {"noise": pair}, encoding)}
        return StimulusSet.create(tmp_path / f"{channels}-{encoding}-{low}", made)

    return build


def true_gain(image, distortion, display, curves, encoding):
    """Return the gain of a weak distortion in the light of true curves."""
    fine = display.model_copy(update={"bit_depth": 16, "dither": "none"})
    fine.__dict__["fits"] = display.fits
    amplitude = 0.002 * SIDE
    shown = show(image, distortion, amplitude, fine, encoding, np.random.default_rng(0))
    seen = []
    for levels in (shown.distorted, shown.reference):
        light = [curve(part / fine.top) for curve, part in zip(curves, levels, strict=True)]
        ends = [(curve(0.0), curve(1.0)) for curve in curves]
        scaled = [(y - b) / (w - b) for y, (b, w) in zip(light, ends, strict=True)]
        relative = np.array(scaled)
        seen.append(srgb_from_linear(relative) if encoding == "srgb" else relative)
    return float(np.vdot(seen[0] - seen[1], distortion)) / amplitude


@pytest.mark.parametrize("encoding", ["srgb", "linear"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_light_of_the_true_curve_is_as_far_off_as_it_says(
    write_set, measured_file, channels, encoding
):
    opened = write_set(0.35, 0.8, channels, encoding)
    image = opened["grey"]
    names = ["grey"] if channels == 1 else ["red", "green", "blue"]
    curves = dict(zip(names, [dull, s_shaped, dull], strict=False))
    scores, ratios = [], []
    for seed in range(4):
        display = load(measured_file(curves, relative=0.01, seed=seed, name=f"lab{seed}"), Display)
        known = curve_errors(image, image["noise"], display)
        light = [curves[name] for name in names]
        u, v = (
            true_gain(image.base, image["noise"].distortion(n), display, light, encoding)
            for n in (1, 2)
        )
        scores += [(u - 1) / known.amplitudes[0], (v - 1) / known.amplitudes[1]]
        ratios.append(np.log(u / v) / known.ratio)
    assert np.abs(scores).max() < 3
    assert np.abs(ratios).max() < 3
    # Nor is it far more than there is.
    assert np.sqrt(np.mean(np.square(scores))) > 0.2


def test_a_stated_curve_leaves_nothing_open_and_changes_nothing(write_set):
    opened = write_set(0.3, 0.7)
    found = calibrate(opened, Display(curve=2.2))
    condition = found.condition("grey", "noise", 1)
    assert condition.curve_sd is condition.curve_ratio_sd is None
    assert "curve_sd" not in condition.model_dump()


def test_it_is_in_calibrations_but_no_part_of_their_identity(write_set, measured_file):
    opened = write_set(0.3, 0.7)
    display = load(measured_file({"grey": dull}), Display)
    found = calibrate(opened, display)
    condition = found.condition("grey", "noise", 1)
    assert condition.curve_ratio_sd > 0
    assert 0 < condition.curve_sd < 0.02
    without = tuple(
        c.model_copy(update={"curve_sd": None, "curve_ratio_sd": None}) for c in found.conditions
    )
    assert found.model_copy(update={"conditions": without}).sha256 == found.sha256


def test_a_curve_measured_at_too_few_levels_narrows_the_range_or_empties_it(
    write_set, measured_file
):
    # All values on one interval of the measured levels.
    opened = write_set(0.52, 0.56)
    few = load(measured_file({"grey": s_shaped}, levels=6, name="few"), Display)
    many = load(measured_file({"grey": s_shaped}, levels=65, name="many"), Display)
    bad, good = (calibrate(opened, d).condition("grey", "noise", 1) for d in (few, many))
    assert good.range is not None
    assert good.curve_sd < 0.05 < bad.curve_sd
    if bad.range is None:
        assert "the display's curve leaves its amplitudes uncertain" in bad.problems[0]
    else:
        assert any("the display's curve leaves" in warning for warning in bad.warnings)
        assert bad.range[0] >= good.range[0]
    told = calibrate(opened, few).describe()
    assert "few.yaml: grey: left-out levels are missed by" in told
