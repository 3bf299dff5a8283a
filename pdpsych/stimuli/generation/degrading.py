"""What degradations change of a photograph."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from pdpsych.displays.encoding import Encoding, linear_from_srgb, srgb_from_linear
from pdpsych.stimuli.baselines import Degradation

Floats = NDArray[np.float64]


def change_of(
    image: Floats, degradation: Degradation, encoding: Encoding, rng: np.random.Generator
) -> Floats:
    """Return degraded − image, (C, H, W); of noise alone its length means nothing.

    Parameters
    ----------
    image
        (C, H, W) in [0, 1], in ``encoding``.
    """
    if degradation.jpeg is not None:
        return _compressed(image, degradation.jpeg, encoding)
    if degradation.blur is not None:
        sigma = (0, degradation.blur, degradation.blur)
        return np.asarray(gaussian_filter(image, sigma, mode="nearest") - image)
    if degradation.noise is not None:
        return _noise(image.shape, degradation.noise, rng)
    assert degradation.contrast is not None
    away = image - image.mean(axis=(1, 2), keepdims=True)
    return np.asarray((degradation.contrast - 1) * away)


def _compressed(image: Floats, quality: int, encoding: Encoding) -> Floats:
    """Return what compression changes of 8 bits; JPEG holds sRGB values."""
    values = image if encoding == "srgb" else srgb_from_linear(image)
    levels = np.round(255 * values).astype(np.uint8)
    file = io.BytesIO()
    shown = Image.fromarray(np.moveaxis(levels, 0, 2).squeeze())
    shown.save(file, "JPEG", quality=quality, subsampling=0)
    with Image.open(file) as compressed:
        found = np.asarray(compressed, dtype=np.float64) / 255
    after = np.moveaxis(found if found.ndim == 3 else found[..., None], 2, 0)
    before = levels / 255
    if encoding == "linear":
        return np.asarray(linear_from_srgb(after) - linear_from_srgb(before))
    return np.asarray(after - before)


def _noise(shape: tuple[int, ...], exponent: float, rng: np.random.Generator) -> Floats:
    """Return noise whose amplitudes fall off as frequency to the power of −exponent."""
    white = np.fft.rfft2(rng.standard_normal(shape))
    vertical, horizontal = np.fft.fftfreq(shape[1]), np.fft.rfftfreq(shape[2])
    frequency = np.hypot(vertical[:, None], horizontal)
    # Noise has no mean: a change of all pixels is none of it.
    gain = np.where(frequency > 0, np.maximum(frequency, 1e-9) ** -exponent, 0.0)
    return np.asarray(np.fft.irfft2(white * gain, s=shape[1:]))
