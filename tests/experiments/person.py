"""A person at the window, for tests: sees the frames that reach the screen, presses real keys.

Run as ``python person.py EXPERIMENT SCRIPT OUT``. The script says what the person does: ``answer``
all trials, or ``stop 4:first``, ``pause 2:mark 5:text``: press the pause key when trial 4 shows its
first image, trial 2 its fixation mark, trial 5 its question, and then stop or go on. OUT receives
every frame that showed an image, and what became of the session.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from Xlib import XK, X
from Xlib.display import Display
from Xlib.ext import xtest

from pdpsych.experiments import SessionStopped, run, window

KEYS = {"escape": "Escape", "space": "space", "1": "1", "2": "2"}


class Person:
    """Wraps a window's ``flip``: what is on screen decides which key is pressed."""

    def __init__(self, script: list[str]) -> None:
        self.todo, *moments = script
        self.moments = set(moments)
        self.server = Display()
        self.seen: list[np.ndarray] = []
        self.texts: list[str] = []
        self.presented: list[tuple[int, int]] = []

    def press(self, name: str) -> None:
        code = self.server.keysym_to_keycode(XK.string_to_keysym(KEYS[name]))
        xtest.fake_input(self.server, X.KeyPress, code)
        xtest.fake_input(self.server, X.KeyRelease, code)
        self.server.sync()
        # for the event to arrive before the next frame
        time.sleep(0.2 if name == "escape" else 0.02)

    def sit_down(self, shown: window.Window) -> None:
        win, trial = shown._win, {"number": 0}
        flip, respond, text = win.flip, shown.respond, shown._screen.text

        def attend(presentation):
            trial.update(number=presentation.planned.number)
            return respond(presentation)

        def see():
            back = np.asarray(win.getMovieFrame(buffer="back"))
            win.movieFrames.clear()
            drawn, self.last = self.last, ""
            flipped = flip()
            if drawn in ("first", "second"):
                self.seen.append(back)
                self.presented.append((trial["number"], 1 if drawn == "first" else 2))
            moment = f"{trial['number']}:{drawn}"
            if moment in self.moments:
                self.moments.remove(moment)
                self.press("escape")
            elif drawn == "text":
                self.texts.append(text.text)
                self.press(self.reply(text.text, trial["number"]))
            return flipped

        win.flip, shown.respond = see, attend
        self.watch(shown)

    def watch(self, shown: window.Window) -> None:
        """Note which stimulus was drawn last."""
        self.last = ""
        load, draw_text = shown._load, shown._screen.text.draw

        def load_and_watch(frames):
            fresh = shown._stimuli is None
            load(frames)
            if fresh:
                for name, stimulus in zip(("first", "second"), shown._stimuli, strict=True):
                    stimulus.draw = self.noting(name, stimulus.draw)

        shown._load = load_and_watch
        shown._screen.text.draw = self.noting("text", draw_text)
        shown._mark.draw = self.noting("mark", shown._mark.draw)

    def noting(self, name, draw):
        def noted():
            self.last = name
            draw()

        return noted

    def reply(self, text: str, number: int) -> str:
        if text.startswith("Interrupted"):
            return "escape" if self.todo == "stop" else "space"
        if text == "1 or 2?":
            return str(1 + number % 2)
        return "space"


def main(experiment: str, script: str, out: str) -> None:
    person = Person(script.split())
    enter = window.Window.__enter__

    def enter_and_sit_down(self):
        person.sit_down(self)
        return enter(self)

    window.Window.__enter__ = enter_and_sit_down
    try:
        end = "complete" if run(experiment, windowed=True).complete else "incomplete"
    except SessionStopped as stop:
        end = f"stopped: {stop}"
    np.savez(out, seen=np.array(person.seen), presented=np.array(person.presented).reshape(-1, 2))
    Path(out).with_suffix(".json").write_text(json.dumps({"end": end, "texts": person.texts}))


if __name__ == "__main__":
    main(*sys.argv[1:])
