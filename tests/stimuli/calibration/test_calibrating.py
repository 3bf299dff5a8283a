from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from pdpsych.common.section import load
from pdpsych.displays import Display
from pdpsych.displays.rendering import show
from pdpsych.stimuli import Calibration, NewImage, NewPair, StimulusSet, calibrate
from pdpsych.stimuli.calibration.doubts import share_above

SIDE = 48


def _unit(array):
    return array / np.sqrt((array**2).sum(axis=(-3, -2, -1), keepdims=True))


def _distortions(shape, rng):
    """A pair of white noise, and a pair of a localised patch and a grating at the top frequency."""
    white = rng.standard_normal((2, *shape))
    patch, grating = np.zeros(shape), np.zeros(shape)
    patch[:, 20:23, 20:23] = 1
    grating[:] = (-1.0) ** np.arange(shape[-1])
    return _unit(np.stack([white, np.stack([patch, grating])]))


@pytest.fixture
def write_set(tmp_path):
    """Return a function that writes a set of one image with two pairs of distortions."""

    def build(image=None, channels=1, encoding="srgb", name="tiny", seen=True):
        rng = np.random.default_rng(3)
        shape = (channels, SIDE, SIDE)
        image = rng.uniform(0.2, 0.8, shape) if image is None else image
        sensitivities = {"white": {"A": (2, 4), "B": (4, 2)}, "sharp": {"A": (1, 8), "B": (3, 3)}}
        pairs = {
            pair: NewPair(*both, sensitivities[pair] if seen else {})
            for pair, both in zip(sensitivities, _distortions(shape, rng), strict=True)
        }
        images = {"cat": NewImage(image, pairs, encoding)}
        return StimulusSet.create(tmp_path / "sets" / name, images, floor=0.03)

    return build


def _by_draws(opened, key, amplitude, display, draws=40):
    """Mean and standard deviation of the gain of presentations of both signs, one by one."""
    rng = np.random.default_rng(0)
    base, ε = opened[key[0]].base, opened[key[0]][key[1]].distortion(key[2])
    encoding = opened[key[0]].encoding
    return [
        np.array(
            [show(base, ε, s * amplitude, display, encoding, rng).realised for _ in range(draws)]
        )
        / amplitude
        for s in (1, -1)
    ]


@pytest.mark.parametrize("dither", ["none", "uniform", "triangular", "error-diffusion"])
@pytest.mark.parametrize("encoding", ["srgb", "linear"])
def test_gain_and_scatter_are_those_of_presentations(write_set, dither, encoding):
    opened = write_set(encoding=encoding, channels=3)
    display = Display(curve=2.0, dither=dither)
    found = calibrate(opened, display)
    for key in (("cat", "white", 1), ("cat", "sharp", 1)):
        for step in found.condition(*key).steps[::8]:
            gains = _by_draws(opened, key, step.amplitude, display)
            error = 5 * step.scatter / np.sqrt(40) + 1e-3
            assert np.mean(gains) == pytest.approx(step.gain, abs=error)
            assert max(abs(np.mean(g) - 1) for g in gains) == pytest.approx(
                abs(step.worst_gain - 1), abs=error
            )
            if dither in ("uniform", "triangular"):
                assert max(map(np.std, gains)) == pytest.approx(step.scatter, rel=0.5, abs=1e-4)


def test_without_dither_scatter_is_that_of_independent_rounding_errors(write_set):
    opened, display = write_set(encoding="linear"), Display(curve=2.0, dither="none")
    step = calibrate(opened, display).condition("cat", "white", 1).steps[4]
    near = step.amplitude * np.geomspace(0.5, 2, 60)
    realised = [_by_draws(opened, ("cat", "white", 1), a, display, 1)[0][0] * a for a in near]
    # Neighbouring amplitudes share the rounding of the reference: half of the variance.
    spread = np.sqrt(2) * np.std(realised - near) / step.amplitude
    assert 0 < step.scatter == pytest.approx(spread, rel=0.3)


def test_without_dither_a_direction_is_lost_near_small_thresholds(write_set):
    found = calibrate(write_set(), Display(dither="none"), threshold_rms=1e-3)
    assert any("a cosine below 0.9" in w for w in found.condition("cat", "white", 1).warnings)
    found = calibrate(write_set(name="again"), Display(), threshold_rms=1e-3)
    assert not any("cosine" in w for w in found.condition("cat", "white", 1).warnings)


def test_the_range_is_faithful_and_cannot_be_longer(write_set):
    found = calibrate(write_set(), Display())
    for c in found.conditions:
        inside = [s for s in c.steps if c.smallest <= s.amplitude <= c.largest]
        assert all(abs(s.worst_gain - 1) <= 0.1 and s.scatter <= 0.1 for s in inside)
        assert c.grid == tuple(s.amplitude for s in inside)
        assert len(c.grid) > 3
        outside = [s for s in c.steps if s not in inside]
        for edge, beyond in ((c.smallest, -1), (c.largest, 1)):
            near = [s for s in outside if beyond * (s.amplitude - edge) > 0]
            closest = min(near, key=lambda s: abs(s.amplitude - edge), default=None)
            assert closest is None or not closest.faithful()
            # Both ends are found to a fifth of a log step, or are the largest allowed.
            if closest is not None:
                assert max(closest.amplitude / edge, edge / closest.amplitude) < 1.3
            elif beyond > 0:
                assert edge == pytest.approx(c.most)


def test_whole_levels_without_dither_have_a_dead_zone_that_ends_where_the_gain_is_reached(
    write_set,
):
    whole = np.round(np.random.default_rng(0).uniform(60, 190, (1, SIDE, SIDE))) / 255
    opened = write_set(whole)
    rounded = calibrate(opened, Display(dither="none")).condition("cat", "white", 1)
    dithered = calibrate(opened, Display(dither="uniform")).condition("cat", "white", 1)
    gains = {s.amplitude / rounded.dimension**0.5 * 255: s.gain for s in rounded.steps}
    assert max(gain for rms, gain in gains.items() if rms < 0.1) < 0.02
    # 10 % is lost of white noise of 0.36 levels rms: the integral of the density beyond ±½.
    assert 0.3 < rounded.smallest / rounded.dimension**0.5 * 255 < 0.5
    assert dithered.smallest < rounded.smallest / 2


def test_more_bits_show_smaller_amplitudes(write_set):
    opened = write_set()
    ends = [
        calibrate(opened, Display(bit_depth=bits)).condition("cat", "white", 1).smallest
        for bits in (8, 10, 16)
    ]
    np.testing.assert_allclose([ends[0] / ends[1], ends[1] / ends[2]], [4, 64], rtol=0.25)


def test_gamut_limits_are_exact(write_set):
    opened = write_set()
    found = calibrate(opened, Display(), max_clipped=0.02).condition("cat", "white", 2)
    base, ε = opened["cat"].base.astype(float), opened["cat"]["white"].distortion(2).astype(float)

    def clipped(amplitude):
        return max(np.mean((x < 0) | (x > 1)) for x in (base + amplitude * ε, base - amplitude * ε))

    assert clipped(found.inside_gamut * 0.9999) == 0 < clipped(found.inside_gamut * 1.0001)
    assert clipped(found.most * 0.9999) <= 0.02 < clipped(found.most * 1.0001)
    assert found.steps[-1].clipped == pytest.approx(0.02, abs=1e-3)


def test_what_cannot_be_shown_is_named_with_reason_and_remedy(write_set):
    black = np.zeros((1, SIDE, SIDE))
    c = calibrate(write_set(black), Display()).condition("cat", "white", 1)
    assert c.range is None
    assert c.grid == ()
    assert c.steps == ()
    assert "100.0 % of the image's values are black or white" in c.problems[0]
    assert "preprocess.range" in c.problems[0]
    patch = np.full((1, SIDE, SIDE), 0.5)
    patch[:, 20:23, 20:23] = 1
    found = calibrate(write_set(patch, name="patch"), Display())
    assert found.condition("cat", "white", 1).problems == ()
    lost = found.condition("cat", "sharp", 1)
    assert lost.range is None
    assert re.search("a gain of 0.*headroom", lost.problems[0])
    said = found.describe()
    assert "3 of 4 conditions can be shown" in said
    assert "cat/sharp/1: no range of amplitudes is shown within 10 %" in said


def test_thresholds_expected_outside_the_range_are_named(write_set):
    opened = write_set()
    found = calibrate(opened, Display(), threshold_rms=0.2).condition("cat", "white", 1)
    assert "the threshold expected under A, B is not 3 times below the largest" in found.warnings[0]
    found = calibrate(opened, Display(), threshold_rms=2e-4).condition("cat", "white", 1)
    assert "not 3 times above the smallest" in found.warnings[0]
    geometric = np.exp(np.mean(np.log(np.array([1 / 2, 1 / 4, 1 / 1, 1 / 8]))))
    assert found.thresholds["A"] / SIDE == pytest.approx(2e-4 / 2 / geometric)


def test_what_no_eye_resolves_is_named(write_set):
    near = {"width_px": 1920, "width_cm": 53, "height_px": 1080}
    opened = write_set()
    far = calibrate(opened, Display(**near, distance_cm=300))
    share = far.condition("cat", "sharp", 2).above_eye
    assert share == pytest.approx(1)
    assert any("no eye resolves" in w for w in far.condition("cat", "sharp", 2).warnings)
    assert any("no eye resolves" in w for w in far.warnings)
    close = calibrate(opened, Display(**near, distance_cm=57))
    assert close.condition("cat", "sharp", 2).above_eye == 0
    assert close.warnings == ()
    unknown = calibrate(opened, Display())
    assert unknown.condition("cat", "sharp", 2).above_eye is None
    assert "width_px, width_cm and distance_cm are not all given" in unknown.warnings[0]


@given(st.integers(0, 100), st.floats(0.05, 0.7))
@settings(max_examples=20)
def test_shares_above_a_frequency_are_those_of_its_waves(seed, frequency):
    rng = np.random.default_rng(seed)
    waves, heights = rng.integers(0, 12, (4, 2)), rng.uniform(1, 3, 4)
    waves = np.unique(waves[waves.any(axis=1)], axis=0)
    y, x = np.mgrid[:32, :32] / 32
    image = 0.5 + sum(
        h * np.cos(2 * np.pi * (a * x + b * y)) for (a, b), h in zip(waves, heights, strict=False)
    )
    above = [
        h**2 for (a, b), h in zip(waves, heights, strict=False) if np.hypot(a, b) / 32 > frequency
    ]
    total = sum(h**2 for _, h in zip(waves, heights, strict=False))
    assert share_above(image[None], frequency) == pytest.approx(sum(above) / total)


def test_candelas_are_those_of_the_measured_display(write_set, measured_file, lcd_curve):
    opened = write_set(encoding="linear")
    display = load(measured_file({"grey": lcd_curve}), Display)
    found = calibrate(opened, display).condition("cat", "white", 1)
    black, white = display.range_candela
    # A linear image: each unit of amplitude is as much luminance everywhere.
    assert found.candela == pytest.approx((white - black) / SIDE, rel=1e-3)
    assert calibrate(opened, Display()).condition("cat", "white", 1).candela is None


def test_candelas_of_colours_add_up(write_set, measured_file):
    spans = {"red": 20, "green": 60, "blue": 8}
    curves = {c: lambda x, s=s: s * x**2.2 for c, s in spans.items()}
    display = load(measured_file(curves, relative=0, floor=0), Display)
    opened = write_set(np.full((3, SIDE, SIDE), 0.5), channels=3, encoding="linear")
    found = calibrate(opened, display).condition("cat", "sharp", 2)
    # The grating is the same in all channels, ±1/√D.
    assert found.candela == pytest.approx(88 / np.sqrt(3 * SIDE**2), rel=1e-3)


def test_it_is_found_again_for_exactly_this_set_and_display(write_set, tmp_path):
    opened = write_set()
    path = tmp_path / "lab.yaml"
    path.write_text("curve: 2.2\n")
    display = load(path, Display)
    assert Calibration.of(opened, display) is None
    assert Calibration.all_of(opened) == []
    with refused(file="tiny", field="display", remedy="pdpsych calibrate") as told:
        Calibration.needed(opened, display)
    assert told.value.problem == "not calibrated for the display lab"
    made = calibrate(opened.path, path)
    assert made.folder == (opened.path / "calibrations" / "lab").resolve()
    assert Calibration.of(opened, display) == made == Calibration.needed(opened, display)
    assert Calibration.with_sha256(opened, made.sha256) == made
    assert Calibration.with_sha256(opened, "0") is None
    # A copy under another name is the same display.
    shutil.copy(path, tmp_path / "copy.yaml")
    assert Calibration.of(opened, load(tmp_path / "copy.yaml", Display)) == made
    assert StimulusSet.open(opened.path).sha256 == opened.sha256
    path.write_text("curve: 2.3\n")
    with refused(remedy="pdpsych calibrate") as told:
        Calibration.needed(opened, load(path, Display))
    assert "the display lab has changed since" in told.value.problem
    other = tmp_path / "other.yaml"
    other.write_text("curve: 1.0\n")
    with refused(value="other") as told:
        Calibration.needed(opened, load(other, Display))
    assert told.value.problem == "calibrated for lab, not for other"


def test_a_calibration_of_version_0_1_0_is_still_that_of_its_set(write_set):
    """It names the set by the SHA-256 of the manifest's bytes, and has numbers of 17 digits."""
    opened = write_set()
    path = calibrate(opened, Display()).folder / "calibration.json"
    data = json.loads(path.read_text())
    manifest = (opened.path / "manifest.json").read_bytes()
    data["stimulus_set_sha256"] = hashlib.sha256(manifest).hexdigest()
    data["conditions"][0]["steps"][0]["gain"] = 0.12345678901234567
    del data["algorithm"], data["levels_sha256"]
    path.write_text(json.dumps(data))
    found = Calibration.of(opened, Display())
    assert found.conditions[0].steps[0].gain == 0.12345678901234567
    for condition in data["conditions"]:
        del condition["sensitivities"]
    known = {k: v for k, v in data.items() if k not in ("created", "versions")}
    as_then = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
    assert found.sha256 == as_then
    assert Calibration.with_sha256(opened, as_then) == found
    # Found again by this version, it is known as it was then, where the numbers are the same.
    found = calibrate(opened, Display())
    plain = json.loads(path.read_text())
    unnamed = {k: v for k, v in plain.items() if k not in ("algorithm", "levels_sha256")}
    path.write_text(json.dumps(unnamed))
    before = Calibration.of(opened, Display())
    assert found.sha256 != before.sha256
    assert found.is_known_as(before.sha256)


THREADS = """
import sys
from pdpsych.displays import Display
from pdpsych.stimuli import calibrate
print(calibrate(sys.argv[1], Display(curve=2.1, dither=sys.argv[2])).sha256)
"""


@pytest.mark.parametrize("dither", ["uniform", "none"])
def test_its_identity_does_not_depend_on_the_number_of_threads(tmp_path, dither):
    rng = np.random.default_rng(0)
    image = rng.uniform(0.2, 0.8, (1, 256, 256))
    pairs = {"white": NewPair(*_unit(rng.standard_normal((2, 1, 256, 256))))}
    opened = StimulusSet.create(tmp_path / "set", {"noise": NewImage(image, pairs)})
    found = set()
    for threads in ("1", "2"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, threads)}
        command = [sys.executable, "-c", THREADS, str(opened.path), dither]
        found.add(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    assert len(found) == 1


def test_numbers_have_seven_digits(write_set):
    found = calibrate(write_set(), Display(width_px=1920, width_cm=53, distance_cm=57))
    numbers = [found.pixels_per_degree, *found.conditions[0].thresholds.values()]
    for c in found.conditions:
        numbers += [c.inside_gamut, c.most, c.smallest, c.largest, c.above_eye]
        numbers += [value for step in c.steps for value in step.model_dump().values()]
    assert all(value == float(f"{value:.7g}") for value in numbers)


def test_its_identity_is_what_can_be_shown(write_set):
    opened = write_set()
    first = calibrate(opened, Display())
    assert calibrate(opened, Display()).sha256 == first.sha256
    assert calibrate(opened, Display(), max_clipped=0.01).sha256 != first.sha256
    # Of another machine, whose last digits differ.
    shifted = first.conditions[0].model_copy(update={"most": first.conditions[0].most * (1 + 1e-6)})
    elsewhere = first.model_copy(update={"conditions": (shifted, *first.conditions[1:])})
    assert elsewhere.sha256 == first.sha256
    assert first.model_copy(update={"algorithm": 2}).sha256 != first.sha256
    asked = [c.model_copy(update={"sensitivities": {"A": 1.0}}) for c in first.conditions]
    assert first.model_copy(update={"conditions": tuple(asked)}).sha256 == first.sha256


def test_it_is_that_of_the_display_wherever_that_stands(write_set):
    opened = write_set()
    made = calibrate(opened, Display(distance_cm=57, width_px=1920, width_cm=50, refresh_hz=60))
    for place in ({"distance_cm": 60, "screen": 1}, {"width_cm": 51, "width_px": 1920}, {}):
        assert Calibration.of(opened, Display(**place)) == made
    for levels in ({"dither": "none"}, {"bit_depth": 10}, {"curve": 2.2}):
        assert Calibration.of(opened, Display(**levels)) is None


def test_the_table_has_all_amplitudes_in_all_units(write_set):
    made = calibrate(write_set(), Display())
    table = pd.read_csv(made.folder / "conditions.csv")
    assert len(table) == sum(len(c.steps) for c in made.conditions)
    np.testing.assert_allclose(table["rms"], table["amplitude"] / SIDE)
    grid = table[table["in_range"] & (table["pair"] == "white") & (table["distortion"] == 1)]
    np.testing.assert_allclose(grid["amplitude"], made.condition("cat", "white", 1).grid)
    assert not list(made.folder.glob(".*"))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda d: d | {"schema_version": 99}, {"field": "schema_version", "value": 99}),
        (lambda d: d | {"max_cliped": 0.1}, {"field": "max_cliped", "allowed": "max_clipped"}),
        (lambda d: [], {}),
    ],
)
def test_a_damaged_calibration_is_named(write_set, damage, told):
    opened = write_set()
    path = calibrate(opened, Display()).folder / "calibration.json"
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with refused(file="calibration.json", **told):
        Calibration.of(opened, Display())


@pytest.mark.parametrize(
    ("display", "settings", "told"),
    [
        ({"width_px": 40, "height_px": 100}, {}, {"field": "images.cat", "value": "48 × 48"}),
        ({"height_px": 47}, {}, {"field": "images.cat", "remedy": "preprocess.size"}),
        ({}, {"max_clipped": 1.5}, {"field": "max_clipped", "value": 1.5}),
        ({}, {"threshold_rms": 0}, {"field": "threshold_rms", "value": 0}),
    ],
)
def test_bad_input_is_refused_and_writes_nothing(write_set, display, settings, told):
    opened = write_set()
    with refused(**told):
        calibrate(opened, Display(**display), **settings)
    assert not (opened.path / "calibrations").exists()


def test_an_unknown_condition_is_named(write_set):
    with refused(field="conditions", value="cat/whit/1", allowed="cat/white/1"):
        calibrate(write_set(), Display()).condition("cat", "whit", 1)


def test_figures_have_a_line_for_each_condition(write_set):
    patch = np.full((1, SIDE, SIDE), 0.5)
    patch[:, 20:23, 20:23] = 1
    made = calibrate(write_set(patch), Display())
    left, right = made.plot_gain().axes
    assert len(right.lines) == 4 + 3
    realised = left.lines[0].get_ydata() / left.lines[0].get_xdata()
    np.testing.assert_allclose(realised, right.lines[0].get_ydata())
    rows = made.plot().axes[0]
    assert [t.get_text() for t in rows.get_yticklabels()] == [c.name for c in made.conditions]
    drawn = made.draw()
    assert all(path.stat().st_size > 5000 for path in drawn)
    empty = calibrate(write_set(np.zeros((1, SIDE, SIDE)), name="black"), Display())
    assert all(path.exists() for path in empty.draw())


def test_a_set_without_models_is_calibrated_too(write_set):
    made = calibrate(write_set(seen=False), Display())
    assert made.conditions[0].thresholds == {}
    assert made.conditions[0].range is not None
    assert repr(made) == "<Calibration: display, 4 of 4 conditions can be shown>"
    assert all(path.exists() for path in made.draw())
    with refused(field="models", file="tiny"):
        calibrate(StimulusSet.open(made.folder.parents[1]), Display(), models=True)


def test_log_ratios_are_those_of_what_is_shown_where_models_were_asked(write_set):
    opened = write_set()
    first = calibrate(opened, Display())
    assert not first.has_sensitivities
    pd.testing.assert_frame_equal(first.log_ratios(opened), opened.log_ratios())
    seen = {"cat/white/1": {"A": 3.0, "B": 1.0}, "cat/white/2": {"A": 1.0, "B": 2.0}}
    asked = [c.model_copy(update={"sensitivities": seen.get(c.name, {})}) for c in first.conditions]
    found = first.model_copy(update={"conditions": tuple(asked)})
    ratios = found.log_ratios(opened).set_index(["pair", "model"])["log_ratio"]
    np.testing.assert_allclose(ratios["white"], np.log([3, 1 / 2]))
    np.testing.assert_allclose(ratios["sharp"], np.log([1 / 8, 1]))


def test_two_that_calibrate_at_once_leave_the_files_of_one(write_set):
    """The table is that of the calibration it lies beside."""
    opened = write_set()
    shares = (0.0, 0.01, 0.02, 0.05)
    for _ in range(3):
        with ThreadPoolExecutor(4) as pool:
            options = [{"max_clipped": share} for share in shares]
            list(pool.map(lambda o: calibrate(opened, Display(), **o), options))
        found = Calibration.needed(opened, Display())
        table = pd.read_csv(found.folder / "conditions.csv")
        np.testing.assert_allclose(table["amplitude"], found.table()["amplitude"])
        files = {path.name for path in found.folder.parent.rglob("*")}
        assert files == {"display", "conditions.csv", "calibration.json"}
