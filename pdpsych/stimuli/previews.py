"""Pictures of a set to look at; nothing reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdpsych.displays.display import Display
from pdpsych.displays.encoding import Encoding
from pdpsych.displays.rendering import quantize
from pdpsych.stimuli.manifest import file_stem

PREVIEW_RMS = 0.05
# Pixels between pictures in one.
_BETWEEN = 4


def write_previews(
    folder: Path,
    name: str,
    image: NDArray[np.float32],
    distortions: NDArray[np.float32],
    pairs: Mapping[str, str | None],
    encoding: Encoding,
) -> None:
    """Write the base image, each distortion scaled to the full range, and each added to it.

    Of a pair with rivals there is a picture of all of them too: a row for each, the pair first.

    Parameters
    ----------
    folder
        That of the set; pictures are in ``previews/``.
    name, image
        A base image, (C, H, W).
    distortions, pairs
        Of its pairs, (P, 2, C, H, W), and their names, each with that of the pair that it is a
        rival of.
    """
    amplitude = PREVIEW_RMS * np.sqrt(image.size)
    stem = folder / "previews" / name
    _write_png(f"{stem}.png", image, encoding)
    for pair, both in zip(pairs, distortions, strict=True):
        for number, distortion in enumerate(both, start=1):
            path = f"{stem}-{file_stem(pair)}-{number}"
            _write_png(f"{path}.png", _scaled(distortion), encoding)
            _write_png(f"{path}-added.png", image + amplitude * distortion, encoding)
    by_name = dict(zip(pairs, distortions, strict=True))
    for pair in dict.fromkeys(own for own in pairs.values() if own is not None):
        rows = [by_name[pair], *(by_name[name] for name, own in pairs.items() if own == pair)]
        _write_png(f"{stem}-{file_stem(pair)}-rivals.png", _beside(rows), encoding)


def _scaled(distortion: NDArray[np.float32]) -> NDArray[np.float32]:
    return 0.5 + 0.5 * distortion / np.abs(distortion).max()


def _beside(rows: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return one picture of several pairs (2, C, H, W), a row each, with white between."""
    edge = ((0, 0), (_BETWEEN, 0), (_BETWEEN, 0))
    drawn = [
        np.concatenate([np.pad(_scaled(ε), edge, constant_values=1) for ε in both], axis=2)
        for both in rows
    ]
    whole = np.concatenate(drawn, axis=1)
    return whole[:, _BETWEEN:, _BETWEEN:]


def _write_png(path: str, image: NDArray[np.floating], encoding: Encoding) -> None:
    from PIL import Image

    levels = quantize(image, Display(dither="none"), encoding, np.random.default_rng(0))
    pixels = levels.astype(np.uint8)
    Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, 2)).save(path)
