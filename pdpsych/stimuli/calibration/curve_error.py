"""How far a display's curve leaves open which amplitudes are shown."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pdpsych.displays.accuracy.slope_error import cells_of
from pdpsych.displays.display import Display
from pdpsych.displays.encoding import Array
from pdpsych.displays.measurements import CHANNELS
from pdpsych.displays.rendering import levels
from pdpsych.stimuli.set_image import SetImage, SetPair


class CurveErrors(NamedTuple):
    """Relative standard errors of the realised amplitudes of a pair, and of their ratio."""

    amplitudes: tuple[float, float]
    ratio: float


def curve_errors(image: SetImage, pair: SetPair, display: Display) -> CurveErrors | None:
    """Return how well the curve is known for a pair of distortions, None where it is stated.

    Both distortions lie on the levels of the same image, so that errors of their amplitudes have
    much in common, and their ratio is known better. Channels are measured each for itself.
    """
    names = CHANNELS[:1] if len(image.base) == 1 else CHANNELS[1:]
    if not all(name in display.slope_errors for name in names):
        return None
    shown = levels(image.base, display, image.encoding) / display.top
    u, v = (_factors(pair.distortion(number), shown, image, display) for number in (1, 2))
    first, second, ratio = (float(np.linalg.norm(x)) for x in (u, v, u - v))
    return CurveErrors((first, second), ratio)


def _factors(distortion: Array, shown: Array, image: SetImage, display: Display) -> Array:
    """Return the independent parts of the error of a distortion's gain."""
    names = CHANNELS[:1] if len(image.base) == 1 else CHANNELS[1:]
    return np.concatenate(
        [
            display.slope_errors[name].factors(image.encoding) @ cells_of(level, part**2)
            for name, level, part in zip(names, shown, distortion, strict=True)
        ]
    )
