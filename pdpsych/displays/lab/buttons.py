"""Buttons that are no keys: boxes and game pads. Opening one imports PsychoPy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from pdpsych.common.errors import InputError
from pdpsych.displays.lab.serial_port import open_port

_SERIAL, _PSYCHOPY, _PAD = "serial", "psychopy", "pad"
_ALLOWED = "serial:PORT, serial:PORT:BAUD, psychopy:CLASS, psychopy:CLASS:PORT, pad, pad:NUMBER"


class Press(NamedTuple):
    """A button that went down: ``button:`` and its number or character, and when, in s."""

    name: str
    tDown: float


class Buttons(Protocol):
    """A device with buttons."""

    def presses(self) -> list[Press]:
        """Return what went down since the last call, in order, on the clock of flips."""

    def close(self) -> None:
        """Let go of the device."""


class SerialButtons:
    """A box that sends a byte for each press; its time is that of the reading.

    A printable character is ``button:`` and itself, any other byte its number: ``button:7``.
    """

    def __init__(self, port: Any) -> None:
        self._port = port

    def presses(self) -> list[Press]:
        """Return a press for each byte that came."""
        now = _now()
        try:
            sent = self._port.read(self._port.in_waiting)
        except OSError as error:
            raise InputError(f"was lost: {error}", field="buttons", value=_SERIAL) from None
        return [Press(f"button:{_character(byte)}", now) for byte in sent]

    def close(self) -> None:
        """Close the port."""
        self._port.close()


class BoxButtons:
    """A button box of PsychoPy or one of its plugins, which tells when each press was."""

    def __init__(self, device: Any) -> None:
        self._device = device

    def presses(self) -> list[Press]:
        """Return what the device reports as pressed."""
        found = self._device.getResponses(state=True, clear=True)
        return [Press(f"button:{one.channel}", float(one.t)) for one in found]

    def close(self) -> None:
        """Close the device, where it can be."""
        with contextlib.suppress(Exception):
            self._device.close()


class PadButtons:
    """A game pad; the time of a press is that at which it was looked at."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self._down = self._states()

    def presses(self) -> list[Press]:
        """Return the buttons that are down and were not."""
        before, self._down = self._down, self._states()
        now = _now()
        pairs = enumerate(zip(before, self._down, strict=True))
        return [Press(f"button:{n}", now) for n, (was, down) in pairs if down and not was]

    def close(self) -> None:
        """Close the device, where it can be."""
        with contextlib.suppress(Exception):
            self._device.close()

    def _states(self) -> list[bool]:
        self._device.poll()
        return [bool(down) for down in self._device.getAllButtons()]


def open_buttons(name: str, label: str) -> Buttons:
    """Open the device of a name; another kind of device is added here.

    Parameters
    ----------
    name
        ``serial:PORT`` or ``serial:PORT:BAUD``, ``psychopy:CLASS`` or ``psychopy:CLASS:PORT``, or
        ``pad`` or ``pad:NUMBER``.
    label
        The experiment, for messages.

    Raises
    ------
    InputError
        If there is no such device, or it does not answer.
    """
    kind, _, rest = name.partition(":")
    openers: dict[str, Callable[[str], Buttons]] = {
        _SERIAL: _serial,
        _PSYCHOPY: _box,
        _PAD: _pad,
    }
    if kind not in openers or (kind != _PAD and not rest):
        raise InputError(
            "no kind of device with buttons",
            file=label,
            field="buttons",
            value=name,
            allowed=_ALLOWED,
        )
    try:
        return openers[kind](rest)
    except InputError as error:
        raise error.within(file=label, field="buttons") from None
    except Exception as error:
        raise InputError(
            f"cannot be opened ({error})",
            file=label,
            field="buttons",
            value=name,
            remedy="is it plugged in and switched on, and does no other program have it?",
        ) from error


def _serial(rest: str) -> SerialButtons:
    opened = open_port(rest, timeout=0)
    opened.reset_input_buffer()
    return SerialButtons(opened)


def _box(rest: str) -> BoxButtons:
    wanted, _, port = rest.partition(":")
    known = boxes()
    if wanted not in known:
        raise InputError(
            "PsychoPy has no such button box" + ("" if known else "; none is installed"),
            value=f"{_PSYCHOPY}:{wanted}",
            allowed=known,
            remedy="boxes of Cedrus, VPixx (RESPONSEPixx), BlackBox ToolKit and others come with "
            "plugins, such as pip install psychopy-cedrus",
        )
    device = known[wanted](port) if port else known[wanted]()
    device.resetTimer()
    return BoxButtons(device)


def boxes() -> dict[str, Any]:
    """Return the classes of button boxes by name, those of plugins too."""
    from psychopy import plugins
    from psychopy.hardware import button

    plugins.activatePlugins()
    found = _below(button.BaseButtonGroup)
    return {one.__name__: one for one in found if one is not button.KeyboardButtonBox}


def _below(kind: Any) -> list[Any]:
    found: list[Any] = []
    for one in kind.__subclasses__():
        found += [one, *_below(one)]
    return found


def _pad(rest: str) -> PadButtons:
    from psychopy.hardware import joystick

    joystick.backend = "pyglet"
    count, number = joystick.getNumJoysticks(), int(rest or 0)
    if number >= count:
        raise InputError(
            f"there are {count} game pads on this computer" if count else "there is no game pad",
            value=f"{_PAD}:{number}",
            allowed=[f"{_PAD}:{n}" for n in range(count)],
        )
    return PadButtons(joystick.Joystick(number))


def _now() -> float:
    """Return the time on the clock of flips and keys."""
    from psychopy import logging

    return float(logging.defaultClock.getTime())


def _character(byte: int) -> str:
    return chr(byte) if 32 < byte < 127 else str(byte)
