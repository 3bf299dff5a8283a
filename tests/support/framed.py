"""Shows levels by each output in real windows and writes what their frame buffers hold.

Run as ``python framed.py OUT.npz NAME:BITS:SCALE …``. Written by each name are the levels ``of``
it, and its ``frame``, read back with 16 bits a channel: with a photodiode's square, black in the
upper left corner and white in the lower right. ``patch:NAME:BITS:SCALE`` shows levels as a
display's measurement does, which reads each back itself.
"""

from __future__ import annotations

import sys

import numpy as np

from pdpsych.displays import Display

WIDTH, HEIGHT, ASIDE, BACKGROUND, SQUARE = 200, 101, 31, 0.25, 9


def read_back() -> np.ndarray:
    from pdpsych.displays.lab.psychopy import gl

    values = (gl.GLushort * (WIDTH * HEIGHT * 3))()
    gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, 1)
    gl.glReadBuffer(gl.GL_BACK)
    gl.glReadPixels(0, 0, WIDTH, HEIGHT, gl.GL_RGB, gl.GL_UNSIGNED_SHORT, values)
    return np.frombuffer(values, np.uint16).reshape(HEIGHT, WIDTH, 3)[::-1].copy()


def framed(name: str, bits: int, scale: int) -> tuple[np.ndarray, np.ndarray]:
    from pdpsych.displays.lab.picture import Picture
    from pdpsych.displays.lab.screen import Screen
    from pdpsych.experiments.person.square import Square
    from pdpsych.experiments.tasks.events import Photodiode

    display = Display(output=name, bit_depth=bits, scale=scale, width_px=WIDTH, height_px=HEIGHT)
    screen = Screen(display, BACKGROUND, True, "framed")
    channels = max(display.encoder.channels)
    rng = np.random.default_rng(bits)
    levels = rng.integers(0, display.top + 1, (channels, 20, 25), dtype=np.uint16)
    picture = Picture(screen, scale)
    picture.load(levels, ASIDE)
    # The second frame, so that the background was laid by a flip.
    screen.flip()
    picture.draw()
    for corner, white in (("upper left", False), ("lower right", True)):
        photodiode = Photodiode(corner=corner, size_px=SQUARE)
        Square(screen, photodiode, (0, 0), "framed").draw(white)
    frame = read_back()
    screen.close()
    return levels, frame


def measured(name: str, bits: int, scale: int) -> None:
    from pdpsych.displays.measuring.patch import Patch
    from pdpsych.displays.measuring.readings import PlannedReading

    display = Display(output=name, bit_depth=bits, scale=scale, width_px=321, height_px=241)
    patch = Patch(display, side=101, windowed=True)
    for level in (0, 2**bits // 3, display.top):
        patch.show(PlannedReading("grey", level))
    patch.close()


def main(out: str, *wanted: str) -> None:
    arrays = {}
    for text in wanted:
        *patch, name, bits, scale = text.split(":")
        if patch:
            measured(name, int(bits), int(scale))
            continue
        levels, frame = framed(name, int(bits), int(scale))
        arrays |= {f"{text}/of": levels, f"{text}/frame": frame}
    np.savez(out, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
