"""The pages of text of a session, each there until a key is pressed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pdpsych.displays.display import Display
from pdpsych.displays.measuring.spot_check import last_checked
from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.observers.observer import SessionStopped
from pdpsych.experiments.observers.presentation import Progress
from pdpsych.experiments.person.answers import PausePressed
from pdpsych.experiments.person.checked_screen import CheckedScreen
from pdpsych.experiments.person.frames import Phases
from pdpsych.experiments.person.signals import Signals

Text = Literal["welcome", "practice_end", "rest", "pause", "stop", "end"]

_SET_UP = """\
For the experimenter

{who}
{how_far}

Screen {screen}: {width} × {height} pixels of {bits} bits, {rate:.4g} Hz
{ramp}
{checked}
{size}
{go_on}: so it is        {pause}: stop"""
_RAMP = {
    "linear": "Gamma ramp: linear",
    "other": "Gamma ramp: not linear",
    "unknown": "Gamma ramp: cannot be read; no colour profile, no night light!",
}
_SIZE = """
It should be {width_cm:g} cm wide, and {distance_cm:g} cm from the eyes
({per_degree:.1f} pixels a degree): measure both.
"""

# Below a page of several, in any language.
_TURN = "{place}        {go_on}: →"
# Behind the consent, which may be in any language.
_AGREE = "\n\n{go_on}: OK        {pause}: ×"


class Pages:
    """Shows the experiment's texts, and lets the person stop.

    Attributes
    ----------
    turned
        When the last page was left, in s.
    """

    def __init__(self, checked: CheckedScreen, experiment: Experiment, display: Display) -> None:
        self._screen, self._text, self._rate = checked.screen, checked.text, checked.rate
        self._experiment, self._display = experiment, display
        self._texts, self._keys = experiment.texts, experiment.keys.shown
        self._go_on, self._pause = experiment.keys.names("go_on"), experiment.keys.names("pause")
        self.turned = 0.0

    @property
    def question(self) -> str:
        """What is asked in each trial."""
        return str(self._texts.question).format(**self._keys)

    def feedback(self, correct: bool) -> str:
        """Return what is said of an answer."""
        return str(self._texts.right if correct else self._texts.wrong)

    @property
    def look(self) -> str:
        """What is said where fixation was broken."""
        return str(self._texts.look)

    def remark(self, text: str) -> None:
        """Show a text for as long as feedback is shown."""
        self._text.text = text
        phases = Phases(self._screen, self._rate, _nothing, Signals({}, ()))
        phases.show("feedback", self._text.draw, self._experiment.timing.feedback)

    def show(self, name: Text, progress: Progress) -> None:
        """Show one of the experiment's texts until the person goes on.

        Raises
        ------
        SessionStopped
            If the person presses the pause key, and once more when asked.
        """
        self._show(self._filled(name, progress), progress)

    def consent(self, progress: Progress) -> None:
        """Show what a person has to agree to, if anything."""
        if self._experiment.consent:
            self._show(self._experiment.consent + _AGREE.format(**self._keys), progress)

    def set_up(self, who: str, progress: Progress, checked: CheckedScreen) -> None:
        """Have the experimenter see to what the program cannot: who sits there, and sizes."""
        display, done = self._display, progress.done
        width, height = self._screen.size
        text = _SET_UP.format(
            who=who,
            how_far=f"goes on after {done} of {progress.total} trials" if done else "begins",
            screen=display.screen,
            width=width,
            height=height,
            bits=display.bit_depth,
            rate=checked.measured_hz,
            ramp=_RAMP[self._screen.ramp.state],
            checked=last_checked(display, datetime.now().astimezone()),
            size=self._size(),
            **self._keys,
        )
        self._show(text, progress)

    def tell_experimenter(self, text: str, progress: Progress, **said: object) -> None:
        """Show the experimenter a text, in whose braces are keys and what is said."""
        self._show(text.format(**said, **self._keys), progress)

    def check_pause(self) -> None:
        """Look whether the pause key was pressed since the last page.

        Raises
        ------
        PausePressed
            If it was.
        """
        if keys := self._screen.pressed(self._pause, self.turned):
            self.turned = keys[0].tDown
            raise PausePressed

    def _size(self) -> str:
        display, per_degree = self._display, self._display.pixels_per_degree
        if per_degree is None:
            return ""
        return _SIZE.format(
            width_cm=display.width_cm, distance_cm=display.distance_cm, per_degree=per_degree
        )

    def _show(self, text: str, progress: Progress) -> None:
        while self._press(text) in self._pause:
            if self._press(self._filled("stop", progress)) in self._pause:
                raise SessionStopped(f"stopped after {progress.done} of {progress.total} trials")

    def _press(self, text: str) -> str:
        """Show a text, page by page where it is long, and return the key that ended it."""
        pages = self._text.pages(text, below=_TURN.format(place="99/99", **self._keys))
        for number, page in enumerate(pages, start=1):
            place = f"{number}/{len(pages)}"
            turn = _TURN.format(place=place, **self._keys) if number < len(pages) else place
            name = self._turned(f"{page}\n\n{turn}" if len(pages) > 1 else text)
            if name in self._pause:
                break
        return name

    def _turned(self, page: str) -> str:
        self._text.text = page
        _, key = self._screen.wait(self._text, (*self._go_on, *self._pause))
        self.turned = key.tDown
        return str(key.name)

    def _filled(self, name: Text, progress: Progress) -> str:
        done, total, practice, correct = progress
        part, whole = (done, total) if name == "rest" else (correct, practice)
        percent = round(100 * part / whole) if whole else 0
        numbers = {"done": done, "total": total, "practice": practice, "correct": correct}
        text: str = getattr(self._texts, name)
        return text.format(percent=percent, **numbers, **self._keys)


def _nothing(moment: float) -> None:
    """Look for no key: one pressed now is still there in the gap."""
