"""What reads luminances: a light meter that PsychoPy knows, or a person with one in hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pdpsych.common.errors import InputError
from pdpsych.displays.measuring.readings import Instrument
from pdpsych.displays.outputs.registry import WINDOW

if TYPE_CHECKING:
    from pdpsych.displays.measuring.patch import Patch

_PSYCHOPY = "psychopy"
_ATTEMPTS = 3
# What the screen buffer calls white, in cd/m².
_BUFFER_WHITE = 100.0


class Typed:
    """A person reads a hand-held meter and types its numbers."""

    name = "typed"

    def __init__(self, patch: Patch) -> None:
        self._patch = patch

    def read(self) -> float:
        """Return the number typed."""
        return self._patch.typed()


class Photometer:
    """A photometer of PsychoPy or of one of its plugins.

    Parameters
    ----------
    device
        Has ``getLum()``.
    settle
        Seconds from showing a level to its reading.
    unit
        cd/m² of the device's 1.
    """

    def __init__(
        self, name: str, device: Any, patch: Patch, settle: float, unit: float = 1.0
    ) -> None:
        self.name = name
        self._device, self._patch = device, patch
        self._settle, self._unit = settle, unit

    def read(self) -> float:
        """Wait, then read; a reading that fails is tried again twice."""
        self._patch.hold(self._settle)
        problem = ""
        for _ in range(_ATTEMPTS):
            try:
                value = float(self._device.getLum()) * self._unit
            except Exception as error:
                problem = str(error) or type(error).__name__
                continue
            if math.isfinite(value) and value >= 0:
                return value
            problem = f"it says {value:g}"
        raise InputError(
            f"no luminance in {_ATTEMPTS} attempts ({problem})",
            field="instrument",
            value=self.name,
            remedy="what was read before is kept: check the cable and the meter's settings "
            "(absolute luminance in cd/m²), then run the same again to go on",
        )


def open_instrument(name: str, patch: Patch, settle: float) -> Instrument:
    """Return the instrument of a name; another kind of instrument is added here.

    Parameters
    ----------
    name
        ``typed``: numbers typed from a hand-held meter. ``psychopy:CLASS`` or
        ``psychopy:CLASS:PORT``: a photometer that PsychoPy or a plugin of it knows.
        ``buffer``: PsychoPy's emulator, which reads the window's memory and no light.
    settle
        Seconds from showing a level to its reading; a person decides this for themselves.

    Raises
    ------
    InputError
        If there is no such instrument, or it does not answer.
    """
    kind, _, rest = name.partition(":")
    if name == Typed.name:
        return Typed(patch)
    if name == "buffer":
        return Photometer(name, _buffer_device(patch), patch, settle, unit=_BUFFER_WHITE)
    if kind == _PSYCHOPY and rest:
        return Photometer(name, _device(rest), patch, settle)
    allowed = (Typed.name, "buffer", *(f"{_PSYCHOPY}:{known}" for known in _photometers()))
    raise InputError("unknown instrument", field="instrument", value=name, allowed=allowed)


def _photometers() -> dict[str, Any]:
    """Return the photometer classes that work by themselves, those of plugins too."""
    from psychopy import plugins
    from psychopy.hardware import photometer

    plugins.activatePlugins()
    emulator = photometer.ScreenBufferPhotometerDevice
    return {k: v for k, v in photometer.getAllPhotometers().items() if v is not emulator}


def _device(name: str) -> Any:
    """Connect to ``CLASS`` or ``CLASS:PORT``."""
    wanted, _, port = name.partition(":")
    known = _photometers()
    if wanted not in known:
        raise InputError(
            "PsychoPy has no such photometer" + ("" if known else "; none is installed"),
            field="instrument",
            value=wanted,
            allowed=known,
            remedy="meters of Minolta, Photo Research, CRS and others come with plugins, such as "
            "pip install psychopy-minolta",
        )
    try:
        return known[wanted](port) if port else known[wanted]()
    except Exception as error:
        raise InputError(
            f"cannot be connected to ({error})",
            field="instrument",
            value=f"{_PSYCHOPY}:{name}",
            remedy="" if port else f"if it needs a port, write {_PSYCHOPY}:{wanted}:PORT",
        ) from error


def _buffer_device(patch: Patch) -> Any:
    if patch.output != WINDOW:
        raise InputError(
            f"the window's memory holds bytes of {patch.output}, which only its device turns into "
            "light",
            field="instrument",
            value="buffer",
        )
    from psychopy.hardware.photometer import ScreenBufferPhotometerDevice

    class Drawn:
        """The window as the device sees it: the frame drawn anew.

        The frame on screen, which the device asks for, cannot be read with every driver.
        """

        def __getattr__(self, attribute: str) -> Any:
            return getattr(patch.win, attribute)

        def _getPixels(self, **options: Any) -> Any:
            patch.draw()
            return patch.win._getPixels(**{**options, "buffer": "back"})

    half = [length / 2 for length in patch.size]
    return ScreenBufferPhotometerDevice(Drawn(), pos=(0, 0), size=half, units="pix")
