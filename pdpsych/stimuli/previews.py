"""Pictures of a set to look at; nothing reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pdpsych.displays.display import Display
from pdpsych.displays.encoding import Encoding
from pdpsych.displays.rendering import quantize
from pdpsych.stimuli.manifest import file_stem

PREVIEW_RMS = 0.05


def write_previews(
    folder: Path,
    name: str,
    image: NDArray[np.float32],
    distortions: NDArray[np.float32],
    pairs: Sequence[str],
    encoding: Encoding,
) -> None:
    """Write the base image, each distortion scaled to the full range, and each added to it.

    Parameters
    ----------
    folder
        That of the set; pictures are in ``previews/``.
    name, image
        A base image, (C, H, W).
    distortions, pairs
        Of its pairs, (P, 2, C, H, W), and their names.
    """
    amplitude = PREVIEW_RMS * np.sqrt(image.size)
    stem = folder / "previews" / name
    _write_png(f"{stem}.png", image, encoding)
    for pair, both in zip(pairs, distortions, strict=True):
        for number, distortion in enumerate(both, start=1):
            path = f"{stem}-{file_stem(pair)}-{number}"
            scaled = 0.5 + 0.5 * distortion / np.abs(distortion).max()
            _write_png(f"{path}.png", scaled, encoding)
            _write_png(f"{path}-added.png", image + amplitude * distortion, encoding)


def _write_png(path: str, image: NDArray[np.floating], encoding: Encoding) -> None:
    levels = quantize(image, Display(dither="none"), encoding, np.random.default_rng(0))
    pixels = levels.astype(np.uint8)
    Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, 2)).save(path)
