"""Signals of a trial's events to other apparatus. Opening some imports PsychoPy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from pdpsych.common.errors import InputError
from pdpsych.displays.lab.serial_port import open_port
from pdpsych.experiments.tasks.events import Corner, Events


class Line(Protocol):
    """What carries a signal; another kind is added here, and in :func:`open_signals`."""

    def send(self, name: str, code: int) -> None:
        """Tell of an event, at once."""

    def clear(self) -> None:
        """End the signal of the event before, a frame later."""

    def close(self) -> None:
        """Let go of the device."""


class SerialLine:
    """Sends the code as a byte."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def send(self, name: str, code: int) -> None:
        """Send the byte."""
        self._port.write(bytes([code]))

    def clear(self) -> None:
        """Do nothing: a byte ends by itself."""

    def close(self) -> None:
        """Close the port."""
        self._port.close()


class ParallelLine:
    """Sets the code on the data pins, and 0 a frame later."""

    def __init__(self, port: Any) -> None:
        self._port, self._set = port, False
        self._port.setData(0)

    def send(self, name: str, code: int) -> None:
        """Set the pins."""
        self._port.setData(code)
        self._set = True

    def clear(self) -> None:
        """Set the pins to 0, if they are not."""
        if self._set:
            self._port.setData(0)
            self._set = False

    def close(self) -> None:
        """Set the pins to 0."""
        self.clear()


class MarkerLine:
    """A stream of markers of the Lab Streaming Layer: the names of events."""

    def __init__(self, outlet: Any) -> None:
        self._outlet: Any = outlet

    def send(self, name: str, code: int) -> None:
        """Push the name."""
        self._outlet.push_sample([name])

    def clear(self) -> None:
        """Do nothing: a marker has no length."""

    def close(self) -> None:
        """End the stream, which goes with its outlet."""
        self._outlet = None


class Signals:
    """Tells of a trial's events by name.

    Parameters
    ----------
    codes
        Of the events that are told.
    lines
        What carries them.

    Attributes
    ----------
    sent
        When each event of the trial was told, on the clock of flips, in s.
    """

    def __init__(self, codes: Mapping[str, int], lines: Sequence[Line]) -> None:
        self._codes, self._lines = codes, lines
        self.sent: dict[str, float] = {}

    def begin(self) -> None:
        """Begin a trial."""
        self.clear()
        self.sent = {}

    def tells(self, name: str) -> bool:
        """Return whether an event is told."""
        return name in self._codes

    def announce(self, name: str) -> None:
        """Tell of an event that began now, if it is one that is told.

        Raises
        ------
        InputError
            If the device is gone.
        """
        if not self.tells(name):
            return
        try:
            for line in self._lines:
                line.send(name, self._codes[name])
        except OSError as error:
            raise InputError(f"was lost: {error}", field="events", value=name) from None
        self.sent[name] = _now()

    def clear(self) -> None:
        """End the signal of the event before."""
        for line in self._lines:
            line.clear()

    def close(self) -> None:
        """Let go of all devices."""
        for line in self._lines:
            with contextlib.suppress(Exception):
                line.close()


def open_signals(events: Events | None, label: str) -> Signals:
    """Open what an experiment's events are told by; nothing where there are none.

    Parameters
    ----------
    label
        The experiment, for messages.

    Raises
    ------
    InputError
        If a device does not answer, or what drives it is not installed.
    """
    if events is None:
        return Signals({}, ())
    lines: list[Line] = []
    try:
        if events.trigger is not None:
            lines.append(_opened("trigger", events.trigger, label))
        if events.lsl is not None:
            lines.append(_opened("lsl", f"lsl:{events.lsl}", label))
    except InputError:
        Signals({}, lines).close()
        raise
    return Signals(events.codes, lines)


def place_of(corner: Corner, size: int, window: tuple[int, int]) -> tuple[float, float]:
    """Return the middle of a square in a corner of a window, from the window's middle, in pixels.

    A window of odd width or height begins half a pixel outside of whole ones.
    """
    right, up = ("right" in corner), ("upper" in corner)
    half = [(length - size) / 2 for length in window]
    return half[0] if right else -half[0], half[1] if up else -half[1]


def _opened(field: str, name: str, label: str) -> Line:
    kind, _, rest = name.partition(":")
    openers: dict[str, Callable[[str], Line]] = {
        "serial": _serial,
        "parallel": _parallel,
        "lsl": _markers,
    }
    try:
        return openers[kind](rest)
    except ImportError as error:
        raise InputError(
            f"cannot be told: {error}",
            file=label,
            field=f"events.{field}",
            value=name.removeprefix("lsl:"),
            remedy="pip install pylsl" if kind == "lsl" else "pip install 'pdpsych[lab]'",
        ) from None
    except Exception as error:
        raise InputError(
            f"cannot be opened ({error})",
            file=label,
            field=f"events.{field}",
            value=name.removeprefix("lsl:"),
            remedy="is it plugged in, and does no other program have it?",
        ) from error


def _serial(rest: str) -> SerialLine:
    return SerialLine(open_port(rest, write_timeout=0))


def _parallel(rest: str) -> ParallelLine:
    from psychopy import parallel

    address: Any = int(rest, 0) if rest[:1].isdigit() else rest
    return ParallelLine(parallel.ParallelPort(address))


def _markers(rest: str) -> MarkerLine:
    import pylsl

    info = pylsl.StreamInfo(rest, "Markers", 1, 0, "string", f"pdpsych {rest}")
    return MarkerLine(pylsl.StreamOutlet(info))


def _now() -> float:
    """Return the time on the clock of flips."""
    from psychopy import logging

    return float(logging.defaultClock.getTime())
