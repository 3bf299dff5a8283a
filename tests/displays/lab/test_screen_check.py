"""A screen is compared with its display file."""

import pytest
from refusals import refused

from pdpsych.displays import Display
from pdpsych.displays.lab.screen_check import check_depth, check_ramp, check_size, frame_rate

LAB = Display(width_px=1920, height_px=1080, refresh_hz=60, bit_depth=8)


def test_the_screen_described_passes():
    check_size(LAB, (1920, 1080), "lab.yaml")
    check_size(Display(), (800, 600), "lab.yaml")
    check_depth(LAB, 8, "lab.yaml")
    assert frame_rate(LAB, 59.94, False, "lab.yaml") == 59.94
    assert frame_rate(Display(), 144.0, False, "lab.yaml") == 144.0


def test_another_resolution_is_refused():
    with refused(file="lab.yaml", field="display.width_px", value=1920) as told:
        check_size(LAB, (1280, 1080), "lab.yaml")
    assert "1280×1080" in told.value.problem
    with refused(field="display.height_px", value=1080, remedy="`windowed`"):
        check_size(LAB, (1920, 1200), "lab.yaml")


def test_another_depth_is_refused():
    with refused(file="lab.yaml", field="display.bit_depth", value=8, remedy="of the desktop"):
        check_depth(LAB, 10, "lab.yaml")


def measured(ramp):
    return Display(curve={"measurements": "lab.csv", "model": "pchip", "ramp": ramp})


@pytest.mark.parametrize(
    ("display", "state", "problem"),
    [
        (LAB, "other", "is not linear"),
        (measured("linear"), "other", "is not linear"),
        (measured("linear"), "unknown", "cannot be read back"),
    ],
)
def test_another_ramp_than_the_measurements_is_refused(display, state, problem):
    with refused(file="lab.yaml", field="display.curve", allowed="a linear ramp") as told:
        check_ramp(display, state, "lab.yaml")
    assert problem in told.value.problem


@pytest.mark.parametrize(
    ("display", "state"),
    [
        (LAB, "linear"),
        (LAB, "unknown"),
        (measured("linear"), "linear"),
        (measured(None), "unknown"),
    ],
)
def test_a_linear_ramp_passes_and_one_that_never_could_be_read(display, state):
    check_ramp(display, state, "lab.yaml")


@pytest.mark.parametrize("measured", [58.7, 75.0, 30.0])
def test_another_rate_is_refused(measured):
    with refused(file="lab.yaml", field="display.refresh_hz", value=60) as told:
        frame_rate(LAB, measured, False, "lab.yaml")
    assert f"{measured:.4g} (more than 2% off)" in told.value.problem
    assert frame_rate(LAB, measured, True, "lab.yaml") == 60


@pytest.mark.parametrize("display", [LAB, Display()])
@pytest.mark.parametrize("measured", [3.0, 668.0])
def test_flips_that_do_not_wait_are_refused(display, measured):
    with refused(file="lab.yaml", field="display", remedy="switch on vertical"):
        frame_rate(display, measured, False, "lab.yaml")
    assert frame_rate(display, measured, True, "lab.yaml") == 60
