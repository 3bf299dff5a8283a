"""What an image's values mean: relative luminance, or sRGB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdpsych.models.address import Encoding

__all__ = ["Array", "Encoding", "linear_from_srgb", "srgb_from_linear"]

Array = NDArray[np.floating]


def linear_from_srgb(value: Array) -> Array:
    """Decode sRGB (IEC 61966-2-1) to relative luminance."""
    powered = ((np.maximum(value, 0.04045) + 0.055) / 1.055) ** 2.4
    return np.where(value <= 0.04045, value / 12.92, powered)


def srgb_from_linear(luminance: Array) -> Array:
    """Encode relative luminance as sRGB (IEC 61966-2-1)."""
    powered = 1.055 * np.maximum(luminance, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(luminance <= 0.0031308, 12.92 * luminance, powered)
