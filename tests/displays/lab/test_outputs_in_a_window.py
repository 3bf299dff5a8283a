"""Frames of real windows are the encoders' values, wherever an image is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from framed import ASIDE, BACKGROUND, HEIGHT, SQUARE, WIDTH
from screens import virtual_screen

from pdpsych.displays.outputs.registry import OUTPUTS

FRAMED = Path(__file__).parents[2] / "support" / "framed.py"
EIGHT = ("window:8:1", "window:8:3", "mono++:14:1", "m16:16:2", "color++:14:2", "c48:16:4")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="windows open on Xvfb")


def shown(environment, out, *wanted):
    command = [sys.executable, str(FRAMED), str(out), *wanted]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(out) as arrays:
        return dict(arrays)


def expected(name, bits, scale, levels):
    """Return the frame buffer by the definitions, (H, W, 3)."""
    output = OUTPUTS[name]
    across = WIDTH // output.columns
    screen = np.full((3, HEIGHT, across), round(BACKGROUND * (2**bits - 1)), np.uint16)
    grown = np.kron(levels, np.ones((1, scale, scale // output.columns), np.uint16))
    height, width = grown.shape[1:]
    left = -(-(WIDTH - width * output.columns) // 2) + ASIDE
    left //= output.columns
    top = (HEIGHT - height) // 2
    screen[:, top : top + height, left : left + width] = grown
    side = -(-SQUARE // output.columns)
    screen[:, : side * output.columns, :side] = 0
    screen[:, -side * output.columns :, -side:] = 2**bits - 1
    return output.encode(screen[: max(output.channels)], bits)


def check(arrays, text):
    name, bits, scale = text.split(":")
    levels, frame = arrays[f"{text}/of"], arrays[f"{text}/frame"]
    wanted = expected(name, int(bits), int(scale), levels)
    buffer_top = 2 ** OUTPUTS[name].buffer_bits(int(bits)) - 1
    found = np.round(frame / 65535 * buffer_top).astype(int)
    # Each value is that of the buffer's own depth, read with more bits.
    assert np.abs(frame / 65535 * buffer_top - found).max() < 0.02
    if OUTPUTS[name].columns == 2:
        # In white squares these are set, which a converter of 14 bits ignores.
        found[:, 1::2] &= 256 - 2 ** (16 - int(bits))
    np.testing.assert_array_equal(found, wanted)


def test_eight_bits_and_bytes(x_environment, tmp_path):
    patches = "patch:m16:16:1", "patch:c48:14:2"
    arrays = shown(x_environment, tmp_path / "frames.npz", *EIGHT, *patches)
    for text in EIGHT:
        check(arrays, text)


def test_ten_bits_on_a_deep_screen(x_environment, tmp_path):
    with virtual_screen("-screen", "0", "640x480x30") as display:
        environment = {**x_environment, "DISPLAY": display}
        arrays = shown(environment, tmp_path / "frames.npz", "window:10:1")
    check(arrays, "window:10:1")


SIZED = """
import numpy as np, sys
from pdpsych.displays import Display
from pdpsych.displays.lab.screen import Screen
from pdpsych.displays.lab.text import Text
for width, height, output in ((640, 360, "window"), (1280, 720, "window"), (640, 360, "c48")):
    bits, scale = (8, 1) if output == "window" else (16, 2)
    display = Display(width_px=width, height_px=height, width_cm=20, distance_cm=57,
                      output=output, bit_depth=bits, scale=scale)
    screen = Screen(display, 0.5, True, "lab")
    text = Text(screen, text="Hx שלום")
    screen.flip()
    text.draw()
    frame = np.asarray(screen.win.getMovieFrame(buffer="back"))[:, ::2, 0].astype(int)
    rows = np.flatnonzero((frame < 64).any(axis=1))
    print(screen.pixels(1.0), rows[0] + rows[-1] + 1, rows[-1] - rows[0] + 1, frame.min())
    screen.close()
"""


def test_text_has_the_same_size_in_degrees_on_every_screen_and_output(x_environment):
    with virtual_screen("-screen", "0", "1280x720x24") as display:
        done = subprocess.run(
            [sys.executable, "-c", SIZED],
            env={**x_environment, "DISPLAY": display},
            capture_output=True,
            text=True,
            timeout=150,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [tuple(map(int, line.split())) for line in done.stdout.splitlines()[-3:]]
    (degree, middle, height, black), (twice, _, double, _), (same, _, deep, deep_black) = lines
    assert degree == same == pytest.approx(31.8, abs=0.6)
    assert twice == pytest.approx(2 * degree, abs=1)
    assert middle == pytest.approx(360, abs=0.3 * degree)
    # Letters of 0.7 degrees; capital and descender take most of that.
    assert height == pytest.approx(0.7 * degree, abs=0.2 * degree)
    assert double == pytest.approx(2 * height, abs=2)
    assert deep == pytest.approx(height, abs=3)
    # How black the strokes of thin letters are is the font's.
    assert max(black, deep_black) < 8


BROKEN = """
from pdpsych.common.errors import InputError
from pdpsych.displays import Display
from pdpsych.displays.lab import screen

class Device:
    def close(self):
        print("device closed")

def no_keyboard():
    raise InputError("no keyboard")

screen.open_device = lambda *asked: Device()
screen.Keyboard = no_keyboard
display = Display(width_px=320, height_px=240, output="m16", bit_depth=16)
try:
    screen.Screen(display, 0.5, False, "lab")
except InputError as error:
    print(error)
"""


def test_a_screen_that_cannot_be_made_leaves_the_device_as_it_was(x_environment):
    with virtual_screen("-screen", "0", "320x240x24") as display:
        done = subprocess.run(
            [sys.executable, "-c", BROKEN],
            env={**x_environment, "DISPLAY": display},
            capture_output=True,
            text=True,
            timeout=150,
        )
    assert done.stdout.splitlines()[-2:] == ["device closed", "no keyboard"], done.stderr[-3000:]
