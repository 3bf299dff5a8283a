from __future__ import annotations

import json

import numpy as np
import pytest
from refusals import refused

from pdpsych.common.section import load
from pdpsych.displays.display import Display
from pdpsych.displays.rendering import levels


def _coloured(lcd_curve):
    gammas = {"red": 1.8, "green": 2.2, "blue": 2.6}
    return {"grey": lcd_curve, **{c: lambda x, g=g: 0.3 + 40 * x**g for c, g in gammas.items()}}


@pytest.mark.parametrize("model", ["pchip", "power-1"])
def test_colour_goes_through_the_curves_of_its_channels(measured_file, lcd_curve, model):
    display = load(measured_file(_coloured(lcd_curve), model=model), Display)
    found = levels(np.full((3, 2, 2), 0.5), display, "linear")[:, 0, 0] / display.top
    wanted = [0.5 ** (1 / gamma) for gamma in (1.8, 2.2, 2.6)]
    np.testing.assert_allclose(found, wanted, atol=0.01)


def test_grey_goes_through_the_grey_curve_and_has_candelas(measured_file, lcd_curve):
    display = load(measured_file(_coloured(lcd_curve)), Display)
    level = levels(np.full((1, 1, 1), 0.4), display, "linear") / display.top
    black, white = display.range_candela
    seen = (lcd_curve(level[0, 0, 0]) - 0.3) / 120
    assert seen == pytest.approx(0.4, abs=0.01)
    value = np.array([0, 0.4, 1])
    np.testing.assert_allclose(display.candela(value), black + value * (white - black))
    assert (black, white) == pytest.approx((0.3, 120.3), rel=0.02)


def test_a_channel_that_was_not_measured_is_missed(measured_file, lcd_curve):
    display = load(measured_file({"grey": lcd_curve, "red": lcd_curve}), Display)
    with refused(file="lab.yaml", field="curve.measurements", remedy="measure them") as told:
        display.curves(3)
    assert "green, blue (only grey, red)" in told.value.problem
    colours = {k: v for k, v in _coloured(lcd_curve).items() if k != "grey"}
    display = load(measured_file(colours, name="colour"), Display)
    assert len(display.curves(3)) == 3
    with refused(file="colour.yaml", field="curve.measurements"):
        display.curves(1)
    with refused(file="colour.yaml", field="curve"):
        display.candela(np.zeros(1))


def test_images_have_one_or_three_channels():
    assert len(Display().curves(1)) == 1
    with refused(field="channels", value=2):
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


def test_levels_are_those_of_the_display_wherever_it_stands(measured_file, lcd_curve):
    display = load(measured_file({"grey": lcd_curve}), Display)
    same = [
        measured_file({"grey": lcd_curve}, extra="distance_cm: 60\nscreen: 1\n", name="near"),
        measured_file({"grey": lcd_curve}, extra="refresh_hz: 120\nwidth_cm: 60\n", name="fast"),
    ]
    assert {load(p, Display).levels_sha256 for p in same} == {display.levels_sha256}
    others = [
        measured_file({"grey": lcd_curve}, seed=1, name="again"),
        measured_file({"grey": lcd_curve}, model="power-4", name="power"),
        measured_file({"grey": lcd_curve}, extra="dither: none\n", name="plain"),
    ]
    assert len({display.levels_sha256, *(load(p, Display).levels_sha256 for p in others)}) == 4
    # A curve without a word of the ramp is what it was before there was one.
    with_ramp = display.curve.model_copy(update={"ramp": "linear"})
    assert "ramp" not in display.resolved()["curve"]
    bent = display.model_copy(update={"curve": with_ramp})
    assert bent.levels_sha256 == display.levels_sha256
    assert bent.sha256 != display.sha256


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
    ("text", "told"),
    [
        ("curve: sRGB", {"field": "curve", "value": "sRGB", "allowed": "srgb"}),
        ("curve: 9", {"field": "curve", "value": 9, "allowed": "below 5"}),
        (
            "curve: {measurments: a.csv, model: pchip}",
            {"field": "curve.measurements"},
        ),
        (
            "curve: {measurements: a.csv, model: pchp}",
            {"field": "curve.model", "value": "pchp", "allowed": "pchip"},
        ),
        ("curve: {measurements: a.csv}", {"field": "curve.model"}),
        (
            "width_px: 1920\nheight_px: 1080\nwidth_cm: 30\nheight_cm: 53",
            {"field": "height_cm", "value": 53, "remedy": "of square pixels it is 16.9"},
        ),
        ("bit_depth: 12", {"field": "bit_depth", "value": 12}),
    ],
)
def test_bad_descriptions_are_named(tmp_path, text, told):
    path = tmp_path / "lab.yaml"
    path.write_text(text)
    with refused(file="lab.yaml", **told):
        load(path, Display)


def test_measurements_that_are_missing_are_named(tmp_path):
    path = tmp_path / "lab.yaml"
    path.write_text("curve: {measurements: other.csv, model: pchip}\n")
    with refused(file="other.csv"):
        load(path, Display).curves(1)


@pytest.mark.parametrize("field", ["width_cm", "height_cm", "distance_cm", "refresh_hz"])
@pytest.mark.parametrize("value", ["0", "1e-320", "1e308", ".inf", ".nan"])
def test_sizes_that_no_display_has_are_refused(tmp_path, field, value):
    path = tmp_path / "lab.yaml"
    path.write_text(f"{field}: {value}\n")
    with refused(file="lab.yaml", field=field):
        load(path, Display)


def test_displays_are_compared_by_what_they_are(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("curve: 2.2\nbit_depth: 10\n")
    one, other = (load(tmp_path / f"{name}.yaml", Display) for name in ("a", "b"))
    assert one == other
    assert hash(one) == hash(other)
    assert one != Display(curve=2.2)
    assert str(one) == repr(one) == "<Display: a, power law of exponent 2.2, 10 bits>"
    assert ">a: 10 bits a channel" in one._repr_html_()
