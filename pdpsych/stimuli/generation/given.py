"""Distortions that were made elsewhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pdpsych.common.errors import InputError
from pdpsych.common.files.arrays import read_array
from pdpsych.common.files.reading import ARRAYS, read_bytes
from pdpsych.stimuli.baselines import Given
from pdpsych.stimuli.photographs.images import load_image
from pdpsych.stimuli.recipe import Recipe

Floats = NDArray[np.float64]


def read_given(
    recipe: Recipe, wanted: Given, name: str, image: Tensor
) -> tuple[list[Floats], dict[str, str]]:
    """Return both distortions of an image, (C, H, W) each, and SHA-256 of their files by path.

    Raises
    ------
    InputError
        If a file is missing, cannot be read, or is not of the image's shape.
    """
    base = image.double().cpu().numpy()
    found, digests = [], {}
    for pattern in (wanted.first, wanted.second):
        written = pattern.replace("{image}", name)
        path = recipe.resolve(Path(written))
        data = read_bytes(path, ARRAYS, "a distortion")
        digests[written] = hashlib.sha256(data).hexdigest()
        if path.suffix.lower() == ".npy":
            found.append(_array(data, path, base.shape))
        else:
            found.append(load_image(path, recipe.preprocess).astype(np.float64) - base)
    return found, digests


def _array(data: bytes, path: Path, shape: tuple[int, ...]) -> Floats:
    try:
        values = np.asarray(read_array(data), dtype=np.float64)
    except Exception as error:  # a damaged file fails in any way
        raise InputError(f"not an array of numbers: {error}", file=path) from None
    if values.ndim == 3 and values.shape[2] == 3 and values.shape != shape:
        values = np.moveaxis(values, 2, 0)
    elif values.ndim == 2:
        values = np.broadcast_to(values, (shape[0], *values.shape))
    if values.shape != shape:
        raise InputError(
            "not the shape of its image",
            file=path,
            field="shape",
            value=values.shape,
            allowed=f"{shape}, or (H, W) for all channels",
        )
    if not np.isfinite(values).all():
        raise InputError("has values that are not finite", file=path)
    return values
