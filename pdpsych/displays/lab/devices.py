"""Devices between computer and screen that decode the frame buffer, switched to their mode."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Protocol

from pdpsych.common.errors import InputError
from pdpsych.displays.outputs.registry import CRS, LINEAR, OutputName

_VPIXX_CLASSES = {"pypixxlib.viewpixx": "VIEWPixx", "pypixxlib.datapixx": "DATAPixx"}
# What a Bits# is delivered with, and what it is told; CRS ends commands by a carriage return.
_LINEAR_FILE = "13bitLinearLUT.txt"
_CRS_MODES: dict[OutputName, str] = {"mono++": "$monoPlusPlus", "color++": "$colorPlusPlus"}
_CRS_ANY_MODE = "$autoPlusPlus"


class Device(Protocol):
    """What decodes the frame buffer; ``name`` is what it calls itself."""

    name: str

    def close(self) -> None:
        """Leave it as a desktop needs it."""


def open_device(output: OutputName, table: str, label: str) -> Device:
    """Connect to the device of an output and switch it to the mode of that output.

    Parameters
    ----------
    table
        The look-up table it shall use, ``linear`` or a file on a Bits#.
    label
        Where the display is described, for messages.

    Raises
    ------
    InputError
        If its library is missing, it is not there, or does not take the mode.
    """
    kind: Callable[[OutputName, str], Device] = Crs if output in CRS else VPixx
    try:
        return kind(output, table)
    except InputError as error:
        raise error.within(file=label, field="display") from None


class Crs:
    """A Bits# or Display++ of CRS, by PsychoPy's serial device.

    PsychoPy's own class for it, of the plugin psychopy-crs, makes bytes of frames in a shader of
    its own; these frames are bytes already, so that only its mode is set.
    """

    def __init__(self, output: OutputName, table: str) -> None:
        self._port = _crs_port(output)
        self.name = self._port.product
        file = _LINEAR_FILE if table == LINEAR else table
        for command in (_CRS_MODES[output], f"$enableGammaCorrection=[{file}]"):
            self._port.sendMessage(command)
            self._port.pause()

    def close(self) -> None:
        """Let it follow what the graphics card says again."""
        self._port.sendMessage(_CRS_ANY_MODE)
        self._port.close()


def _crs_port(output: OutputName) -> Any:
    from psychopy.hardware.exceptions import DeviceNotConnectedError
    from psychopy.hardware.serialdevice import SerialDevice

    class Port(SerialDevice):  # type: ignore[misc]
        """The serial port at which a device of CRS says what it is."""

        name = b"CRS"
        product = ""

        def isAwake(self) -> bool:
            self.sendMessage("$ProductType")
            told = self.com.read_until(b"\n\r").decode("ascii", "replace")
            kind, _, product = told.strip("\0\n\r;").partition(";")
            self.product = product if kind == "#ProductType" else ""
            return bool(self.product)

    with _not_found(output, "no Bits# or Display++ answers at a serial port"):
        try:
            return Port(baudrate=19200, eol=b"\r")
        except DeviceNotConnectedError as error:
            raise ConnectionError(str(error)) from None


class VPixx:
    """A DATAPixx or VIEWPixx of VPixx, by its pypixxlib."""

    def __init__(self, output: OutputName, table: str) -> None:
        mode = output.upper()
        self._device, self.name = _vpixx(output)
        self._before = self._device.getVideoMode()
        self._device.setVideoMode(mode)
        self._device.restoreLinearCLUT()
        self._device.updateRegisterCache()
        if (found := self._device.getVideoMode()) != mode:
            self.close()
            raise InputError(
                f"{self.name} stays in the mode {found}",
                field="output",
                value=output,
                remedy="is its firmware up to date?",
            )

    def close(self) -> None:
        """Put it back into the mode it was in."""
        self._device.setVideoMode(self._before)
        self._device.updateRegisterCache()
        self._device.close()


def _vpixx(output: OutputName) -> tuple[Any, str]:
    problem = ""
    for module, name in _VPIXX_CLASSES.items():
        try:
            kind = getattr(import_module(module), name)
        except ImportError as error:
            raise InputError(
                f"its device needs pypixxlib, which cannot be imported ({error})",
                field="output",
                value=output,
                remedy="install it from VPixx's Software Tools; it is not in pip's index",
            ) from None
        try:
            return kind(), name
        except Exception as error:  # pypixxlib has no class of its own for it
            problem = str(error)
    with _not_found(output, "no DATAPixx or VIEWPixx answers"):
        raise ConnectionError(problem)


@contextlib.contextmanager
def _not_found(output: OutputName, problem: str) -> Iterator[None]:
    try:
        yield
    except ConnectionError as error:
        raise InputError(
            f"{problem} ({error})",
            field="output",
            value=output,
            remedy="switch it on and connect its USB cable; `windowed` tries out without it",
        ) from None
