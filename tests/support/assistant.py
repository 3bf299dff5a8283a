"""A research assistant measures displays, for tests: real window, real keys, simulated light.

Run as ``python assistant.py SCRIPT OUT``. SCRIPT is a JSON list of sittings, each with the
``command`` to run and what is different from sitting through: ``escape`` and ``kill`` name the
reading before which the escape key is pressed or the process killed, ``stop`` says whether the
assistant then stops, ``dim`` how much of the light is left,
``contrast`` what PsychoPy makes of levels. OUT receives what became of each.

The light follows a curve that no power law has. It reaches the PsychoPy photometer ``Lcd``, and the
assistant, who types it with a slip of another kind first.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
from psychopy.hardware.photometer import BasePhotometerDevice, PhotometerResponse
from Xlib import XK, X
from Xlib.display import Display
from Xlib.ext import xtest

from pdpsych.cli import main as cli
from pdpsych.displays.measuring import patch

BLACK, WHITE = 0.3, 120.0
SHARES = np.array([0.22, 0.70, 0.08])
KEYSYMS = {".": "period", ",": "comma", "\n": "Return", "\b": "BackSpace", " ": "space"}


def lcd(level):
    """Return relative luminance of a level, 0 to 1."""
    return 0.75 * level**2.4 + 0.25 * (3 * level**2 - 2 * level**3)


class Assistant:
    def __init__(self, sitting: dict) -> None:
        self.sitting = sitting
        self.server = Display()
        self.rng = np.random.default_rng(1)
        self.answered: set[str] = set()
        self.light = 0.0

    def sit_down(self, target: patch.Patch) -> None:
        win, text = target.win, target.text
        flip, draw_text = win.flip, text.draw
        self.said = ""

        def draw():
            self.said = text.text
            draw_text()

        def see():
            width, height = win.size
            pixel = win._getPixels(rect=(width // 2, height // 2, 1, 1), buffer="back")[0, 0, :3]
            self.light = self.luminance(pixel / 255)
            said, self.said = self.said, ""
            now = flip()
            if said:
                self.react(said)
            return now

        text.draw, win.flip = draw, see
        target._picture._stimulus.contrast = self.sitting.get("contrast", 1.0)

    def luminance(self, levels: np.ndarray) -> float:
        light = BLACK + (WHITE - BLACK) * float(SHARES @ lcd(levels))
        return light * self.sitting.get("dim", 1.0) * self.rng.normal(1, 0.002)

    def react(self, said: str) -> None:
        if said.startswith("Put the meter"):
            self.press(" ")
        elif "readings are taken" in said:
            self.press("\x1b" if self.sitting.get("stop") else " ")
        else:
            self.attend(said, int(said.split()[1]))

    def attend(self, said: str, number: int) -> None:
        if number == self.sitting.get("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if number == self.sitting.get("escape"):
            del self.sitting["escape"]
            self.press("\x1b")
        elif "cd/m²" in said and said.partition(": ")[0] not in self.answered:
            self.answered.add(said.partition(": ")[0])
            slip = ("1.2.\n", "98\b\b", "2000\n")[number % 3]
            value = f"{self.light:.4f}\n"
            if "once more" in said:
                self.press(value)
            elif slip == "2000\n":
                self.press(slip)
            else:
                self.press(slip + value.replace(".", ","))

    def press(self, keys: str) -> None:
        for key in keys:
            keysym = "Escape" if key == "\x1b" else KEYSYMS.get(key, key)
            code = self.server.keysym_to_keycode(XK.string_to_keysym(keysym))
            xtest.fake_input(self.server, X.KeyPress, code)
            xtest.fake_input(self.server, X.KeyRelease, code)
            self.server.sync()
            # Presses at the same moment have no order.
            time.sleep(0.004)
        # for the events to arrive before the next frame
        time.sleep(0.05)


class Lcd(BasePhotometerDevice):
    """A PsychoPy photometer that sees the simulated light."""

    assistant: Assistant

    def dispatchMessages(self) -> None:
        self.receiveMessage(PhotometerResponse(0.0, self.assistant.light, device=self))


def run(sitting: dict) -> dict:
    assistant = Lcd.assistant = Assistant(sitting)
    begin = patch.Patch.__init__

    def begin_and_sit_down(self, *arguments, **options):
        begin(self, *arguments, **options)
        assistant.sit_down(self)

    patch.Patch.__init__ = begin_and_sit_down
    sys.argv = ["pdpsych", *sitting["command"]]
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
    patch.Patch.__init__ = begin
    return {"status": status, "out": out.getvalue(), "err": err.getvalue()}


def main(script: str, out: str) -> None:
    sittings = json.loads(Path(script).read_text())
    Path(out).write_text(json.dumps([run(sitting) for sitting in sittings]))


if __name__ == "__main__":
    main(*sys.argv[1:])
