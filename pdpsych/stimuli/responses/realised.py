"""What a model sees of the amplitudes that a display realises."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pdpsych.stimuli.calibration.condition import TOLERANCE
from pdpsych.stimuli.responses.finite_response import SIGNS, FiniteResponse, Floats


def seen(response: FiniteResponse, realised: ArrayLike, sign: int) -> Floats:
    """Return D of realised amplitudes with a sign; not a number where it is not known.

    They scatter around those asked for: D is held proportional to α so far above the largest
    amplitude as the gain of a display may be off, and unknown further up. What is not shown at
    all, or less than nothing, is not seen.
    """
    shown = np.maximum(np.asarray(realised, dtype=float), 0.0)
    inside = np.minimum(shown, response.largest)
    stretch = np.divide(shown, inside, out=np.ones_like(shown), where=inside > 0)
    found = response.at(inside, SIGNS[0] if sign > 0 else SIGNS[1]) * stretch
    beyond = shown > response.largest * (1 + TOLERANCE)
    return np.where(beyond, np.nan, np.where(shown > 0, found, 0.0))
