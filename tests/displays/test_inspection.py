from __future__ import annotations

import pytest

from pdpsych.common.section import load
from pdpsych.displays import Display, inspect
from pdpsych.displays.measurements import CHANNELS


def test_stated_displays_say_so():
    words = Display(width_px=1920, height_px=1080, width_cm=53, distance_cm=57).describe()
    assert "1920×1080 pixels, 53 cm wide, seen from 57 cm, 36.0 pixels per degree" in words
    assert "curve: sRGB, as stated; not measured" in words
    assert "exponent 2.2, as stated" in inspect(Display(curve=2.2)).describe()


def test_measured_displays_say_what_was_measured_and_how_well_it_fits(measured_file, lcd_curve):
    found = inspect(measured_file({"grey": lcd_curve}))
    words = found.describe()
    assert "curve: pchip fitted to lab.csv (51 readings)" in words
    assert "noise of a reading (from repeats)" in words
    assert "→ pchip     grey" in words
    assert "  power-4   grey" in words
    assert "warning: red, green, blue not measured: no colour images here" in words
    assert words.endswith("last verification: none since it was measured")
    assert found.display.describe() in words
    assert found.comparison.describe() in words
    assert repr(found) == "<Inspection: lab>"
    assert repr(found.display) == "<Display: lab, measured, pchip, 8 bits>"
    assert len(found.plot().axes) == 3


@pytest.mark.parametrize(("green", "warned"), [(71, False), (66, True)])
def test_channels_that_do_not_add_up_are_warned_of(measured_file, green, warned):
    whites = zip(CHANNELS, (101, 21, green, 12), strict=True)
    curves = {c: lambda x, white=white: 1 + (white - 1) * x**2 for c, white in whites}
    words = load(measured_file(curves, relative=0.001), Display).describe()
    assert ("red + green + blue is" in words) is warned
    assert "not measured" not in words
