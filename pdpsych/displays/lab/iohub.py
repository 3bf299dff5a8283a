"""PsychoPy's ioHub, a process that reads an eye tracker. Starting it imports PsychoPy."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from pdpsych.common.errors import InputError
from pdpsych.displays.display import Display

_NAME = "tracker"
# How long ioHub may take to end, in s: some trackers send the file of their recording then. Of one
# that does not answer any more that is not to be hoped.
_END, _SILENT_END = 120.0, 2.0
# Where this process ends without a word, ioHub lets go of its devices and stays.
_WATCH = """\
import contextlib, os, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
if not sys.stdin.read(1):
    time.sleep(5)
    with contextlib.suppress(OSError):
        os.kill(int(sys.argv[1]), getattr(signal, "SIGKILL", signal.SIGTERM))
"""


class Hub:
    """ioHub with one eye tracker.

    What it and its process say is kept from the terminal. The process ends with this one, however
    that ends.

    Parameters
    ----------
    device, settings, display, window
        As :func:`pdpsych.displays.lab.trackers.open_tracker` takes them.

    Attributes
    ----------
    device
        The tracker, connected.

    Raises
    ------
    InputError
        If ioHub does not start, or the tracker is not there.
    """

    def __init__(
        self, device: str, settings: Mapping[str, Any], display: Display, window: Any
    ) -> None:
        from psychopy.iohub.client import ioHubConnection

        with quiet() as said:
            try:
                self._hub = ioHubConnection(_configuration(device, settings, display, window))
            except BaseException as error:
                _end_started()
                if isinstance(error, Exception):
                    raise _not_there(device, str(error), said()) from error
                raise
            self._process: Any = self._hub._server_process
            command = [sys.executable, "-I", "-c", _WATCH, str(self._process.pid)]
            self._watch = subprocess.Popen(command, stdin=subprocess.PIPE)
            self.device = self._hub.getDevice(_NAME)
            if self.device is not None:
                self.device.setConnectionState(True)
            if self.device is None or not self.device.isConnected():
                self.close(answers=True)
                raise _not_there(device, "it does not answer", said())

    @property
    def ended(self) -> bool:
        """Whether its process ended."""
        return self._process.poll() is not None

    def close(self, answers: bool) -> None:
        """End the process, which is killed if it does not end by itself.

        Parameters
        ----------
        answers
            Whether it still answers.
        """
        killer = threading.Timer(_END if answers else _SILENT_END, self._process.kill)
        killer.daemon = True
        killer.start()
        try:
            with quiet():
                self._hub.quit()
        finally:
            killer.cancel()
            if not self.ended:
                self._process.kill()
                self._process.wait()
            self._watch.communicate(b"+")


def _end_started() -> None:
    """End the process of a connection to ioHub that failed."""
    from psychopy.iohub.devices import Computer

    if Computer.iohub_process is not None:
        with contextlib.suppress(Exception):
            Computer.iohub_process.kill()
            Computer.iohub_process.wait(_SILENT_END)


def _not_there(device: str, problem: str, said: str) -> InputError:
    lines = [line for line in said.splitlines() if line.strip()]
    return InputError(
        f"cannot be opened ({problem})" + (f"; ioHub says: {lines[-1]}" if lines else ""),
        field="gaze.tracker",
        value=device,
        remedy="is it switched on and connected, and does no other program have it?",
    )


def _configuration(
    device: str, settings: Mapping[str, Any], display: Display, window: Any
) -> dict[str, Any]:
    """Return what ioHub is started with: all in pixels, from the middle of the screen."""
    width, height = (float(length) for length in window.size)
    across = display.width_cm or 50.0
    up = display.height_cm or across * height / width
    screen = {
        "reporting_unit_type": "pix",
        "device_number": display.screen,
        "physical_dimensions": {"width": 10 * across, "height": 10 * up, "unit_type": "mm"},
        "default_eye_distance": {
            "surface_center": 10 * (display.distance_cm or 57.0),
            "unit_type": "mm",
        },
        "override_using_psycho_settings": False,
    }
    own = {**settings, "name": _NAME}
    devices: list[dict[str, Any]] = [{"Display": screen}]
    devices += [{"Experiment": {}}, {"Keyboard": {}}, {"Mouse": {}}, {device: own}]
    return {"udp_port": _free_port(), "monitor_devices": devices}


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def quiet() -> Iterator[Any]:
    """Keep what ioHub and its process write from the terminal; it is returned when asked for."""
    kept = io.StringIO()
    with tempfile.TemporaryFile() as file:
        sys.stdout.flush()
        before = os.dup(1)
        os.dup2(file.fileno(), 1)

        def said() -> str:
            file.seek(0)
            return file.read().decode(errors="replace") + kept.getvalue()

        try:
            with contextlib.redirect_stdout(kept), contextlib.redirect_stderr(kept):
                yield said
        finally:
            os.dup2(before, 1)
            os.close(before)
