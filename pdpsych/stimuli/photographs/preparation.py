"""Linear light into base images: resized, cut out, encoded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pdpsych.common.errors import InputError
from pdpsych.displays.encoding import Array, srgb_from_linear
from pdpsych.stimuli.photographs.photograph import Photograph
from pdpsych.stimuli.recipe import Preprocess

_Size = tuple[int, int]


def prepared(photograph: Photograph, preprocess: Preprocess, label: str) -> NDArray[np.float32]:
    """Resize, crop, encode and map into a range: a photograph to a base image, (C, H, W).

    Grey becomes three channels alike where colour is asked for.

    Parameters
    ----------
    label
        Of the photograph, for messages.

    Raises
    ------
    InputError
        If it is smaller than asked for.
    """
    own = photograph.height, photograph.width
    resized, target = sizes(*own, preprocess, label)
    cropped = np.stack(
        [_cropped(channel(), own, resized, target) for channel in photograph.channels]
    )
    if preprocess.colour == "rgb" and len(cropped) == 1:
        cropped = np.repeat(cropped, 3, axis=0)
    encoded = srgb_from_linear(cropped) if preprocess.encoding == "srgb" else cropped
    low, high = preprocess.range
    inside = np.clip(low + (high - low) * encoded, low, high)
    return np.ascontiguousarray(inside, dtype=np.float32)


def _cropped(light: Array, own: _Size, resized: _Size, target: _Size) -> Array:
    """Return what is cut out of the centre of one resized channel."""
    if resized != own:
        image = Image.fromarray(light)
        light = np.asarray(image.resize(resized[::-1], Image.Resampling.BILINEAR))
    top, left = ((a - b) // 2 for a, b in zip(resized, target, strict=True))
    return light[top : top + target[0], left : left + target[1]].astype(np.float64)


def sizes(
    height: int, width: int, preprocess: Preprocess, label: str
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return height and width after resizing and after cutting; nothing is enlarged."""
    size = preprocess.size
    if size is None:
        # Displays place images of even size on whole pixels.
        target = (height - height % 2, width - width % 2)
    else:
        target = (size, size) if isinstance(size, int) else size
    if preprocess.resize is not None:
        scale = preprocess.resize / min(height, width)
    elif size is not None:
        scale = max(target[0] / height, target[1] / width)
    else:
        scale = 1.0
    resized = (round(height * scale), round(width * scale))
    if scale > 1 or resized[0] < target[0] or resized[1] < target[1] or min(target) < 8:
        raise InputError(
            f"{height}×{width} pixels are too small for preprocess (size {size}, resize "
            f"{preprocess.resize})",
            file=label,
            remedy="images are never enlarged: give larger ones, or a smaller size",
        )
    return resized, target
