"""The gamma ramp of the graphics card, read back. Importing it imports PsychoPy."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, NamedTuple

import numpy as np

from pdpsych.displays.lab.psychopy import gamma

# A ramp this near to a straight line shows 256 levels unchanged; cards differ in where theirs ends.
_STRAIGHT = 1 / 255

RampState = Literal["linear", "other", "unknown"]


class Ramp(NamedTuple):
    """A gamma ramp as the system says it is.

    Attributes
    ----------
    state
        ``linear``, ``other``, or ``unknown`` where the system does not tell.
    off
        Its largest distance from a straight line, of 1; None where it is unknown.
    sha256
        Of its entries, red, green and blue, in 16 bits of little endian; None where it is unknown.
    """

    state: RampState
    off: float | None = None
    sha256: str | None = None


def read_ramp(win: Any) -> Ramp:
    """Return the ramp of the screen that a PsychoPy window is on."""
    try:
        ramp = gamma.getGammaRamp(
            win.backend.screenID, xDisplay=win.backend.xDisplay, gammaErrorPolicy="raise"
        )
    except OSError:
        return Ramp("unknown")
    # PsychoPy tells nothing on a virtual machine.
    if ramp is None:
        return Ramp("unknown")
    off = float(np.abs(ramp - np.linspace(0, 1, ramp.shape[1])).max())
    entries = np.round(65535 * ramp).astype("<u2").tobytes()
    state: RampState = "linear" if off <= _STRAIGHT else "other"
    return Ramp(state, round(off, 5), hashlib.sha256(entries).hexdigest())
