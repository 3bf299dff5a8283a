"""Eye trackers, by PsychoPy's ioHub. Opening one imports PsychoPy and starts a process."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import math
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pdpsych.common.errors import InputError
from pdpsych.common.files.parsing import parse_yaml
from pdpsych.displays.display import Display
from pdpsych.displays.lab.iohub import Hub, quiet

# How often ioHub is asked for samples, and how long it may take to answer, in s.
_EACH, _ANSWER = 0.004, 2.0
# Of a calibration: seconds between its points, where settings say nothing, and their radius as a
# share of the screen's height.
_PACE, _TARGET = 1.0, 0.015
_HUB = "psychopy.iohub.devices."
# Where ioHub's classes are that a plugin of PsychoPy makes work, and which one.
_PLUGINS = {
    "sr_research": "psychopy-eyetracker-sr-research",
    "tobii": "psychopy-eyetracker-tobii",
    "gazepoint": "psychopy-eyetracker-gazepoint",
    "pupil_labs": "psychopy-eyetracker-pupil-labs",
}


class Sample(NamedTuple):
    """Where gaze was at a time on the clock of flips; None where the eye was not found.

    In pixels to the right of the window's middle and up.
    """

    time: float
    place: tuple[float, float] | None


class Tracker(Protocol):
    """What says where gaze is."""

    def samples(self) -> list[Sample]:
        """Return what came since the last call, in order; waits for nothing."""

    def tell(self, message: str) -> None:
        """Write a message into the tracker's own data file; waits for nothing."""

    def calibrate(self) -> None:
        """Have it calibrate itself, in its own way, until that is over."""

    def close(self) -> None:
        """Let go of it."""


class HubTracker:
    """An eye tracker that ioHub knows.

    ioHub is another process, whose answers take as long as they take: a thread asks for them, so
    that no frame waits.

    Parameters
    ----------
    hub
        ioHub, with the tracker.
    window
        PsychoPy's window, in which gaze is told.
    """

    def __init__(self, hub: Hub, window: Any) -> None:
        self._hub, self._window, self._device = hub, window, hub.device
        self._came: deque[Sample] = deque()
        self._messages: deque[str] = deque()
        self._stop = threading.Event()
        self._problem = ""
        self._record()

    def samples(self) -> list[Sample]:
        """Return what came since the last call.

        Raises
        ------
        InputError
            If ioHub ended, or the tracker does not answer any more.
        """
        if self._problem or self._hub.ended:
            raise _lost(self._problem or "the process of ioHub ended")
        return [self._came.popleft() for _ in range(len(self._came))]

    def tell(self, message: str) -> None:
        """Have the thread tell it."""
        self._messages.append(message)

    def calibrate(self) -> None:
        """Let ioHub show its calibration over the window."""
        self._pause()
        with quiet():
            done = _calibrated(self._device, self._window)
        if str(done).endswith("ERROR"):
            raise _lost("ioHub cannot calibrate it")
        self._window.winHandle.activate()
        self._record()

    def close(self) -> None:
        """End ioHub, and with it the recording."""
        self._stop.set()
        self._thread.join(_ANSWER)
        self._hub.close(answers=not self._thread.is_alive())

    def _record(self) -> None:
        self._device.setRecordingState(True)
        self._device.clearEvents()
        self._stop.clear()
        middle = middle_of(self._window)
        self._thread = threading.Thread(target=self._ask, args=middle, daemon=True)
        self._thread.start()

    def _pause(self) -> None:
        self._stop.set()
        self._thread.join(_ANSWER)
        if self._thread.is_alive():
            raise _lost("ioHub does not answer")
        self._device.setRecordingState(False)
        self._came.clear()

    def _ask(self, right: float, up: float) -> None:
        """Ask ioHub for samples, and give it messages, until told to stop."""
        try:
            while not self._stop.wait(_EACH):
                for event in self._device.getEvents(asType="dict"):
                    if (sample := sample_of(event, right, up)) is not None:
                        self._came.append(sample)
                while self._messages:
                    self._device.sendMessage(self._messages.popleft())
        except Exception as error:  # ioHub has no class of its own for it
            self._problem = str(error) or type(error).__name__


def _calibrated(device: Any, window: Any) -> Any:
    """Calibrate a tracker as its settings say; return what ioHub returns of it."""
    from psychopy.hardware.eyetracker import EyetrackerCalibration
    from psychopy.visual import TargetStim

    wanted = device.getConfiguration().get("calibration") or {}
    delay = wanted.get("pacing_speed") or wanted.get("target_delay") or _PACE
    target = TargetStim(window, units="height", radius=_TARGET, innerRadius=_TARGET / 3)
    procedure = EyetrackerCalibration(
        window,
        device,
        target,
        progressMode="time" if wanted.get("auto_pace", True) else "space key",
        targetLayout=wanted.get("type", "NINE_POINTS"),
        randomisePos=wanted.get("randomize", True),
        targetDelay=delay,
    )
    procedure.run()
    return procedure.last


def _lost(problem: str) -> InputError:
    return InputError(
        f"was lost: {problem}",
        field="gaze.tracker",
        remedy="the answers are saved: see to it, then the same command goes on",
    )


def sample_of(event: Mapping[str, Any], right: float = 0, up: float = 0) -> Sample | None:
    """Return the sample of an event of ioHub, None for one of another kind.

    Of two eyes it is the middle of those that were found: ioHub's status says which were not, the
    right one in units, the left one in tens.

    Parameters
    ----------
    right, up
        Where the window's middle is, from that of the screen.
    """
    status = int(event.get("status", 0))
    left, both = status // 10 == 0, "left_gaze_x" in event
    if both:
        found = {"left": left, "right": status % 10 == 0}
        names = [f"{eye}_gaze" for eye, there in found.items() if there]
    elif "gaze_x" in event:
        names = ["gaze"] * (status == 0)
    else:
        return None
    places = [(float(event[f"{name}_x"]), float(event[f"{name}_y"])) for name in names]
    places = [place for place in places if all(map(math.isfinite, place))]
    at = float(event["time"])
    if not places:
        return Sample(at, None)
    x, y = (sum(along) / len(places) for along in zip(*places, strict=True))
    return Sample(at, (x - right, y - up))


def middle_of(window: Any) -> tuple[float, float]:
    """Return where a window's middle is from that of its screen, in pixels right and up."""
    handle = window.winHandle
    if window._isFullScr:
        return 0, 0
    (x, y), screen = handle.get_location(), handle.screen
    return (
        x - screen.x + (handle.width - screen.width) / 2,
        screen.y - y + (screen.height - handle.height) / 2,
    )


def open_tracker(
    device: str, settings: Mapping[str, Any], display: Display, window: Any, label: str
) -> HubTracker:
    """Start ioHub with a tracker, which then records.

    Parameters
    ----------
    device
        Its class in ioHub, such as ``eyetracker.hw.mouse.EyeTracker``.
    settings
        What ioHub is told of it.
    display
        The display of the window, whose size and distance the tracker may need.
    window
        PsychoPy's window.
    label
        The experiment, for messages.

    Raises
    ------
    InputError
        If it is not installed, not there, or its settings are not what ioHub takes.
    """
    try:
        file = Path(_module_of(device).__file__).with_name("supported_config_settings.yaml")
        if file.is_file():
            (known,) = parse_yaml(file.read_text(encoding="utf-8"), file).values()
            _check_settings(settings, known, "gaze.settings")
        return HubTracker(Hub(device, settings, display, window), window)
    except InputError as error:
        raise error.within(file=label) from None


def _module_of(device: str) -> Any:
    """Return the module of a tracker's class, which is there.

    Raises
    ------
    InputError
        If it is not.
    """
    module, _, name = device.rpartition(".")
    plugin = next((own for part, own in _PLUGINS.items() if part in device.split(".")), None)
    lacks = plugin is not None and importlib.util.find_spec(plugin.replace("-", "_")) is None
    if not lacks:
        with quiet(), contextlib.suppress(ImportError):
            found = importlib.import_module(_HUB + module)
            if hasattr(found, name):
                return found
    raise InputError(
        f"it needs the package {plugin}" if plugin else "ioHub has no such class",
        field="gaze.tracker",
        value=device,
        remedy=f"pip install {plugin}, and what its maker says it needs" if plugin else "",
    )


def _check_settings(settings: Mapping[str, Any], known: Any, field: str) -> None:
    """Refuse settings that ioHub does not know, or not with such a value: it would say nothing."""
    for name, value in settings.items():
        if name not in known:
            raise InputError(
                "ioHub has no such setting of it",
                field=field,
                value=name,
                allowed=list(map(str, known)),
            )
        own = f"{field}.{name}"
        if not isinstance(known[name], dict):
            continue
        if isinstance(value, dict):
            _check_settings(value, known[name], own)
        choices = (known[name].get("IOHUB_LIST") or {}).get("valid_values")
        for one in value if isinstance(value, list) else [value]:
            if choices and one not in choices:
                raise InputError("unknown", field=own, value=one, allowed=list(map(str, choices)))
