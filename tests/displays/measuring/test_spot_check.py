"""Spot checks: what the eye is shown, what is read, and how old the last one is."""

import contextlib
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from refusals import refused

from pdpsych.common.section import load
from pdpsych.displays import Display
from pdpsych.displays.measuring import spot_check as module
from pdpsych.displays.measuring.eye import looks
from pdpsych.displays.measuring.spot_check import SpotCheck, last_checked, spot_check


def luminance_of(level, display):
    return display.curves(1)[0].luminance(np.asarray(level) / display.top)


@pytest.mark.parametrize("curve", ["srgb", 2.2, 1.0])
@pytest.mark.parametrize("bits", [8, 10])
def test_the_grey_is_as_bright_as_the_lines_around_it(curve, bits):
    display = Display(curve=curve, bit_depth=bits)
    black, white, grey = (one.frame[0].astype(int) for one in looks(display, 90))
    inner, outer = grey[30:60, 30:60], np.delete(grey, slice(30, 60), axis=1)
    assert np.unique(outer[::2]) == display.top
    assert np.unique(outer[1::2]) == 0
    lines = luminance_of(outer, display).mean()
    (level,) = np.unique(inner)
    one_level = np.diff(luminance_of([level - 1, level + 1], display))[0]
    assert abs(luminance_of(level, display) - lines) <= one_level
    # Marks are the third in the middle, a few levels from black and white.
    for frame, end in ((black, 0), (white, display.top)):
        marked = np.argwhere(frame != end)
        assert (marked.min(axis=0), marked.max(axis=0)) == (pytest.approx(30), pytest.approx(59))
        assert np.abs(frame - end).max() == round(0.03 * display.top)


class Meter:
    """Reads a display that follows its curve but for a factor, and black light."""

    def __init__(self, display, factor, black):
        self.display, self._factor, self._black = display, factor, black
        self.caption = ""

    def show(self, step):
        assert step.channel == "grey"
        self._level = step.level

    def read(self):
        level = np.array([self._level / self.display.top])
        return self._factor * float(self.display.fits["grey"].candela(level)[0]) + self._black


@pytest.fixture
def reading(monkeypatch):
    """Return a function that says what an instrument will read."""

    def read(factor=1.0, black=0.0):
        @contextlib.contextmanager
        def opened(display, *_):
            meter = Meter(display, factor, black)
            yield meter, meter

        monkeypatch.setattr(module, "opened", opened)

    return read


@pytest.fixture
def display(measured_file, lcd_curve):
    return load(measured_file({"grey": lcd_curve}), Display)


def test_a_display_as_measured_passes(display, reading):
    reading(1.01)
    found = spot_check(display, SpotCheck(instrument="typed"), False)
    assert [one.level for one in found.readings] == [255, 127, 0]
    assert found.largest == pytest.approx(0.01, abs=0.001)
    assert found.passed
    assert last_checked(display, datetime.now().astimezone()) == "Display checked just now (typed)"


@pytest.mark.parametrize(
    ("factor", "black", "wrong"), [(0.9, 0, "white"), (1, 8, "white, grey, black")]
)
def test_a_display_that_is_another_now_is_refused(display, reading, factor, black, wrong):
    reading(factor, black)
    with refused(file=display.label, field="curve", allowed="5.0%", remedy="warm") as told:
        spot_check(display, SpotCheck(instrument="typed"), False).refuse(display)
    assert told.value.problem.startswith(f"{wrong} not as measured, by up to ")
    # What did not pass is no check to go by.
    assert "not checked since" in last_checked(display, datetime.now().astimezone()) or (
        last_checked(display, datetime.now().astimezone()) == "Display never checked"
    )


def test_an_instrument_needs_a_measured_grey(reading):
    with refused(field="curve", remedy="by eye"):
        spot_check(Display(), SpotCheck(instrument="typed"), False)
    with refused(field="curve", remedy="by eye"):
        SpotCheck(instrument="typed").check_against(Display())
    SpotCheck().check_against(Display())


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=2, minutes=59), "2 hours ago"),
        (timedelta(days=40), "40 days ago"),
    ],
)
def test_the_age_of_the_last_check_is_said(display, monkeypatch, later, said):
    monkeypatch.setattr(module, "look", lambda *_: ())
    found = spot_check(display, SpotCheck(), False)
    at = datetime.fromisoformat(found.time).astimezone(timezone.utc) + later
    assert last_checked(display, at) == f"Display checked {said} (eye)"
    # Of another curve it is no check.
    assert last_checked(display.model_copy(update={"dither": "none"}), at) != (
        f"Display checked {said} (eye)"
    )


def test_what_the_eye_does_not_see_is_refused(display, monkeypatch):
    monkeypatch.setattr(module, "look", lambda *_: ("black", "grey"))
    with refused(field="curve") as told:
        spot_check(display, SpotCheck(), False).refuse(display)
    assert told.value.problem == "black, grey not as measured (eye)"
