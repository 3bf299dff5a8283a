"""What is around images on a display."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pdpsych.displays.display import Display
from pdpsych.displays.encoding import linear_from_srgb
from pdpsych.stimuli.set_image import SetImage


def background_level(images: Iterable[SetImage], display: Display) -> float:
    """Return the level, 0 to 1, that shows the mean luminance of base images."""
    means = []
    for image in images:
        base = image.base.astype(np.float64)
        means.append(np.mean(base if image.encoding == "linear" else linear_from_srgb(base)))
    level = display.curves(1)[0].level(np.array(np.mean(means)))
    return float(np.round(level * display.top)) / display.top
