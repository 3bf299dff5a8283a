"""The program ``pdpsych``, for tests that look over its shoulder.

Run as ``python watched.py SOCKET``: everything is imported, and then each connection to the socket
is a program of its own, with the connection as its standard input and output. It first reads a
line of JSON, its options and arguments; the arguments are those of ``pdpsych``. After every flip
that showed something new it writes what that was, as a line of JSON behind ``@``, and waits for a
line, so that a person can press a key at that very moment. It begins with a line of its process
id, and ends with one of its exit status, where it is not killed.

The options: ``pixels`` names a file for all frames with images, or of ``phases``, as read back;
``vsync`` is a rate
at which flips come, as a screen's, which a virtual one lacks; ``late`` maps phases to frames by
which one of theirs comes late; ``file_size`` limits files to so many bytes, as a full disk does;
``ramp`` gives the screen a gamma ramp, see :func:`give_ramp`; ``tracker`` names a file for the
messages to an eye tracker that sees what the line that it waits for says, see :class:`Eye`. While
a point is to be looked at the phase is ``look at X Y``, in pixels.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import sys
import time
import traceback
from typing import ClassVar

import numpy as np


class NoTorch:
    """Finds no torch: the lab's computer has none."""

    def find_spec(self, name, *_):
        assert name.split(".")[0] != "torch", "torch is imported"


sys.meta_path.insert(0, NoTorch())

from psychopy import logging  # noqa: E402

from pdpsych.cli import main as cli  # noqa: E402
from pdpsych.displays.lab import screen, text  # noqa: E402
from pdpsych.displays.lab.psychopy import gamma, visual  # noqa: E402
from pdpsych.displays.lab.trackers import Sample  # noqa: E402
from pdpsych.experiments.person import checked_screen, frames, gaze_check, window  # noqa: E402

IMAGES = ("reference", "first", "second", "images")
now = {"trial": 0, "phase": "", "text": ""}
drawn: list[str] = []
seen: list[np.ndarray] = []
shown: list[tuple[int, str]] = []


def tell(told: dict) -> None:
    print("@" + json.dumps(told), flush=True)
    Eye.look(json.loads(sys.stdin.readline()))


class Eye:
    """A tracker, 500 times a second: exactly what the person's gaze was at each time.

    A calibration is a moment of its own, of the phase ``calibration``.
    """

    EACH = 0.002
    seen: ClassVar[list[tuple[float, list | None]]] = [(0.0, [0, 0])]

    def __init__(self, messages: str) -> None:
        self._file, self._messages = messages, []
        self._until = logging.defaultClock.getTime()

    @classmethod
    def look(cls, place: list | None) -> None:
        if place != cls.seen[-1][1]:
            cls.seen.append((logging.defaultClock.getTime(), place))

    def samples(self) -> list[Sample]:
        came, now = [], logging.defaultClock.getTime()
        while self._until + self.EACH <= now:
            self._until += self.EACH
            place = next(place for at, place in reversed(self.seen) if at <= self._until)
            came.append(Sample(self._until, place and (place[0], place[1])))
        return came

    def tell(self, message: str) -> None:
        self._messages.append(message)

    def calibrate(self) -> None:
        tell({"trial": 0, "phase": "calibration", "text": ""})

    def close(self) -> None:
        with open(self._file, "w") as file:
            json.dump(self._messages, file)


def watch(keep_pixels: tuple[str, ...]) -> None:
    """Note trial, phase and text, and tell after each flip what is new."""
    respond, show, draw = window.Window.respond, frames.Phases.show, text.Text.draw
    flip, clear = screen.Screen.flip, visual.Window.clearBuffer

    def responding(self, presentation):
        now["trial"] = presentation.planned.number
        return respond(self, presentation)

    def showing(self, name, *arguments):
        now["phase"] = name
        try:
            return show(self, name, *arguments)
        finally:
            now["phase"] = ""

    def drawing(self):
        drawn.append(self.text)
        return draw(self)

    def flipping(self):
        if keep_pixels and now["phase"] in keep_pixels:
            seen.append(np.asarray(self.win.getMovieFrame(buffer="back")))
            self.win.movieFrames.clear()
            shown.append((now["trial"], now["phase"]))
        moment = flip(self)
        fresh = {**now, "text": "\n".join(drawn)}
        drawn.clear()
        if fresh != watch.last:
            watch.last = fresh
            tell(fresh)
        return moment

    def clearing(self, *arguments, **fields):
        drawn.clear()
        return clear(self, *arguments, **fields)

    look = gaze_check.GazeCheck._looked_at

    def looking(self, x, y):
        now["phase"] = f"look at {x} {y}"
        try:
            return look(self, x, y)
        finally:
            now["phase"] = ""

    gaze_check.GazeCheck._looked_at = looking
    watch.last = None
    window.Window.respond, frames.Phases.show = responding, showing
    text.Text.draw, screen.Screen.flip = drawing, flipping
    visual.Window.clearBuffer = clearing


def keep_time(rate: float, late: dict[str, int]) -> None:
    """Let flips come at whole periods; the first frame of some phases comes late, once."""
    flip, todo = visual.Window.flip, dict(late)

    def waiting(self, *arguments, **fields):
        until = int(time.perf_counter() * rate) + 1 + todo.pop(now["phase"], 0)
        flip(self, *arguments, **fields)
        time.sleep(max(0, until / rate - time.perf_counter()))
        return logging.defaultClock.getTime()

    visual.Window.flip = waiting


class VidMode:
    """The gamma ramp of an X server with the extension that the virtual one lacks, to the byte.

    ``gamma`` is that of the ramp at the beginning; where it is ``stuck`` it cannot be set.
    """

    def __init__(self, gamma: float, stuck: bool) -> None:
        self.gamma, self._stuck = 0.0, stuck
        self.bend(gamma)

    def bend(self, gamma: float) -> None:
        line = np.linspace(0, 1, 256)
        self.table = np.tile(np.round(65535 * line**gamma).astype(np.uint16), (3, 1))

    def XF86VidModeGetGammaRampSize(self, display, screen, size):
        size._obj.value = self.table.shape[1]
        return 1

    def XF86VidModeGetGammaRamp(self, display, screen, size, *channels):
        for channel, entries in zip(channels, self.table, strict=True):
            ctypes.memmove(channel.data, entries.tobytes(), 2 * size)
        return 1

    def XF86VidModeSetGammaRamp(self, display, screen, size, *channels):
        if not self._stuck:
            given = [ctypes.string_at(channel.data, 2 * size) for channel in channels]
            self.table = np.array([np.frombuffer(one, np.uint16) for one in given])
        return 1


def give_ramp(options: dict) -> None:
    """Let the screen have a gamma ramp; ``night`` bends it when that trial begins."""
    ramp = VidMode(options.get("gamma", 0.8), options.get("stuck", False))
    gamma.xf86vm = ramp
    # Where PsychoPy sees a machine of a CI service it does not even ask.
    gamma.systemtools.isVM_CI = lambda: None
    respond = window.Window.respond

    def responding(self, presentation):
        if presentation.planned.number == options.get("night"):
            ramp.bend(0.7)
        return respond(self, presentation)

    window.Window.respond = responding


def run(options: dict, arguments: list[str]) -> int:
    """Run ``pdpsych`` and return its exit status."""
    if "vsync" in options:
        keep_time(options["vsync"], options.get("late", {}))
    if "ramp" in options:
        give_ramp(options["ramp"])
    if "tracker" in options:
        checked_screen.open_tracker = lambda *_: Eye(options["tracker"])
        gaze_check._SETTLE = gaze_check._MEASURED = 0.05
    watch(options.get("phases", IMAGES) if "pixels" in options else ())
    if "file_size" in options:
        resource.setrlimit(resource.RLIMIT_FSIZE, (options["file_size"],) * 2)
    sys.argv = ["pdpsych", *arguments]
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        if "pixels" in options:
            np.savez(options["pixels"], seen=np.array(seen), shown=np.array(shown))
    return 0


def be_program(connection: socket.socket) -> None:
    """Make the connection this process's input and output, and run what it asks for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for descriptor in (0, 1, 2):
        os.dup2(connection.fileno(), descriptor)
    # Streams made anew: those of the start-up remember what the descriptors were, a file, say.
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    status = 1
    try:
        print(os.getpid(), flush=True)
        status = run(*json.loads(sys.stdin.readline()))
    except BaseException:
        traceback.print_exc()
    finally:
        print(status, flush=True)
        os._exit(status)


def main(path: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        # PsychoPy has set a time-out for all sockets; a session may take longer.
        server.settimeout(None)
        server.bind(path)
        server.listen()
        print("ready", flush=True)
        while True:
            connection, _ = server.accept()
            connection.settimeout(None)
            if os.fork() == 0:
                be_program(connection)
            connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
