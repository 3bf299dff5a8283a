"""A person at the window, for tests: a process of its own that presses the keys of an X server."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from Xlib import XK, X
from Xlib.display import Display
from Xlib.ext import xtest
from Xlib.protocol.event import ClientMessage

WATCHED = Path(__file__).with_name("watched.py")
KEYS = {"escape": "Escape"}
# For a key to be two events, and for it to reach a program that looks for it once.
APART, ARRIVAL = 0.01, 0.25


class Moment(NamedTuple):
    """What a session has just begun to show: trial, its phase if one is timed, all text."""

    trial: int
    phase: str
    text: str


class Sitting(NamedTuple):
    """How a session ended: exit status (−9: killed), what it printed, and what it showed."""

    status: int
    said: str
    moments: list[Moment]


class Person:
    """Sits at an X display, whose keys go to the program with the window."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._server = Display(environment["DISPLAY"])
        self._socket = str(folder / "programs")
        command = [sys.executable, str(WATCHED), self._socket]
        self._programs = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        assert self._programs.stdout
        self._programs.stdout.readline()
        self._running = 0
        self.gaze: tuple[float, float] | None = (0, 0)

    def leave(self) -> None:
        """Let go of the X server, and of the programs."""
        self._server.close()
        self._programs.terminate()
        self._programs.communicate()

    def press(self, *names: str) -> None:
        """Press keys one after the other and let go of each."""
        for name in names:
            self.hold(name)
            self.release(name)

    def hold(self, name: str) -> None:
        self._send(X.KeyPress, name)

    def release(self, name: str) -> None:
        self._send(X.KeyRelease, name)

    def press_in_time(self, *names: str) -> None:
        """Press keys, and wait until they have reached a program that is about to look once."""
        self.press(*names)
        time.sleep(ARRIVAL)

    def look(self, right: float, up: float) -> None:
        """Move the mouse to a place, from the middle of the window, until a tracker knows it."""
        root = self._server.screen().root
        window = max(
            (child.get_geometry() for child in root.query_tree().children),
            key=lambda place: place.width * place.height,
        )
        x, y = window.x + window.width / 2 + right, window.y + window.height / 2 - up
        xtest.fake_input(self._server, X.MotionNotify, x=round(x), y=round(y))
        self._server.sync()
        time.sleep(ARRIVAL)

    def close_eyes(self, closed: bool) -> None:
        """Press two mouse buttons, by which PsychoPy's mouse loses the eye, or let go of them."""
        for button in (1, 3):
            kind = X.ButtonPress if closed else X.ButtonRelease
            xtest.fake_input(self._server, kind, button)
        self._server.sync()
        time.sleep(ARRIVAL)

    def close_window(self) -> None:
        """Ask every window on the screen to close, as its frame's button does."""
        protocols = self._server.intern_atom("WM_PROTOCOLS")
        delete = self._server.intern_atom("WM_DELETE_WINDOW")
        for window in self._server.screen().root.query_tree().children:
            data = (32, [delete, X.CurrentTime, 0, 0, 0])
            window.send_event(ClientMessage(window=window, client_type=protocols, data=data))
        self._server.sync()
        time.sleep(ARRIVAL)

    def kill(self, how: int = signal.SIGKILL) -> None:
        """End the program as a crash does, or as Ctrl-C."""
        os.kill(self._running, how)

    def sit(self, *arguments: str, react: Callable[[Moment], None], **options: object) -> Sitting:
        """Run ``pdpsych ARGUMENTS``, and react to every moment; the program waits meanwhile.

        Where the program has a tracker of :mod:`watched`, ``gaze`` is what it sees after that.
        """
        moments: list[Moment] = []
        said: list[str] = []
        with socket.socket(socket.AF_UNIX) as program:
            program.connect(self._socket)
            lines = program.makefile()
            self._running = int(lines.readline())
            program.sendall(json.dumps([options, arguments]).encode() + b"\n")
            # It may be killed.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for line in lines:
                    if not line.startswith("@"):
                        said.append(line)
                        continue
                    moments.append(Moment(**json.loads(line[1:])))
                    react(moments[-1])
                    program.sendall(json.dumps(self.gaze).encode() + b"\n")
            lines.close()
        killed = not (said and said[-1].strip().isdigit())
        status = -signal.SIGKILL if killed else int(said.pop())
        return Sitting(status, "".join(said), moments)

    def _send(self, kind: int, name: str) -> None:
        code = self._server.keysym_to_keycode(XK.string_to_keysym(KEYS.get(name, name)))
        xtest.fake_input(self._server, kind, code)
        self._server.sync()
        time.sleep(APART)
