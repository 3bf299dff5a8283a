"""The keyboard: which keys there are, and when one went down. Importing it imports PsychoPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pdpsych.common.errors import InputError
from pdpsych.displays.lab.psychopy import clock, keyboard

# Its times are those of the key press; those of PsychoPy's others are of the polling.
_BACKEND = "ptb"
# Buttons of other devices, see buttons.py.
_BUTTON = "button:"


class Keyboard:
    """All keyboards of the computer; times are those of the window's flips.

    A key that is held down is one press, at the time it went down.

    Attributes
    ----------
    backend, clock
        What reports the keys, and what tells the time.

    Raises
    ------
    InputError
        If the keyboard cannot be read, or its times are not those of the key presses.
    """

    def __init__(self) -> None:
        try:
            self._device = keyboard.Keyboard()
        except OSError as error:
            raise InputError(f"cannot be read: {error}", file="the keyboard") from None
        self.backend: str = self._device.getBackend()
        if self.backend != _BACKEND:
            raise InputError(
                f"PsychoPy reads it through {self.backend}, which does not tell when a key went "
                "down",
                file="the keyboard",
                remedy="install psychtoolbox, which PsychoPy comes with",
            )
        self.clock = str(clock.getTime.__module__)

    def pressed(self, names: tuple[str, ...], since: float) -> list[Any]:
        """Return those of the keys that went down after a time, in order; forget all others.

        PsychoPy lists a key while it is down, and once more when it is up: a short press may
        only be there as the second, and the second may belong to a press already answered.
        """
        seen = [*self._device.getKeys(waitRelease=False), *self._device.getKeys(waitRelease=True)]
        fresh = {(key.tDown, key.name): key for key in seen if key.tDown > since}
        return [fresh[moment] for moment in sorted(fresh) if moment[1] in names]


def check_keys(names: Mapping[str, Sequence[str]], label: str) -> None:
    """Refuse keys, by field, that PsychoPy does not know on this computer's keyboards."""
    known = sorted(set(keyboard.keyNames.values()))
    each = [(field, name) for field, own in names.items() for name in own]
    for field, name in each:
        if name not in known and not name.startswith(_BUTTON):
            raise InputError(
                "no such key on this keyboard layout",
                file=label,
                field=f"keys.{field}",
                value=name,
                allowed=known,
            )
