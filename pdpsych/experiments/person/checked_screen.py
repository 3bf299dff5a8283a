"""The screen of a session: open, and found to be the display described."""

from __future__ import annotations

from pdpsych.displays.lab.buttons import open_buttons
from pdpsych.displays.lab.keys import check_keys
from pdpsych.displays.lab.screen import Screen
from pdpsych.displays.lab.screen_check import check_depth, check_ramp, check_size, frame_rate
from pdpsych.displays.lab.text import Text
from pdpsych.displays.lab.trackers import Tracker, open_tracker
from pdpsych.experiments.person.signals import open_signals
from pdpsych.experiments.sessions.preparation import Preparation


class CheckedScreen:
    """A window of the session's display, whose size, depth and rate are those described.

    Parameters
    ----------
    background
        Level around the images, 0 to 1.
    windowed
        Leave the rest of the screen free, for trying out: neither size, ramp nor rate are checked.
    person
        Whether a person looks at it, whose gaze is watched where the experiment says so.

    Attributes
    ----------
    screen
        The window.
    lettering, text
        Font and size of text on it, and a text to be set and drawn.
    measured_hz
        Refresh rate, as measured.
    rate
        Refresh rate in Hz by which durations become frames.
    signals
        What other apparatus is told by.
    tracker
        The eye tracker, None where gaze is not watched.

    Raises
    ------
    InputError
        If the screen is not the display described, a key is not on the keyboard, a device does
        not answer, or no window can be opened.
    """

    def __init__(
        self, prepared: Preparation, background: float, windowed: bool, person: bool
    ) -> None:
        experiment, display = prepared.experiment, prepared.display
        check_keys(experiment.keys.all_written, experiment.label)
        self.windowed, self._buttons = windowed, experiment.buttons
        self.signals, self._gaze = open_signals(None, ""), experiment.gaze if person else None
        self.tracker: Tracker | None = None
        self.screen = Screen(display, background, windowed, experiment.label)
        try:
            self.lettering = experiment.lettering()
            self.text = Text(self.screen, self.lettering)
            self.measured_hz = self.screen.measured_rate()
            check_depth(display, self.screen.depth(), experiment.label)
            if not windowed:
                check_size(display, self.screen.size, experiment.label)
                check_ramp(display, self.screen.ramp.state, experiment.label)
            self.rate = frame_rate(display, self.measured_hz, windowed, experiment.label)
            if experiment.buttons is not None:
                self.screen.buttons = open_buttons(experiment.buttons, experiment.label)
            self.signals = open_signals(experiment.events, experiment.label)
            if (gaze := self._gaze) is not None:
                window, label = self.screen.win, experiment.label
                self.tracker = open_tracker(gaze.device, gaze.settings, display, window, label)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of all devices, and close the window."""
        try:
            if self.tracker is not None:
                self.tracker.close()
        finally:
            self.signals.close()
            self.screen.close()

    @property
    def system(self) -> dict[str, str]:
        """What the session runs on, for its log; no host or user name."""
        buttons = {"buttons": self._buttons} if self._buttons else {}
        tracker = {"tracker": self._gaze.device} if self._gaze else {}
        return {
            **self.screen.system(),
            **buttons,
            **tracker,
            "window": "windowed" if self.windowed else "full screen",
            "size_px": "{}×{}".format(*self.screen.size),
            "measured_hz": f"{self.measured_hz:.4g}",
        }
