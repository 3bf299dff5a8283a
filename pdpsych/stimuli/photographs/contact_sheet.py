"""Base images side by side, to look at before a set is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdpsych.common.errors import InputError

_COLUMNS = 6
# Inches of an image.
_SIDE = 1.6
_LONGEST_NAME = 22
# Pixels of an image that its place on the sheet can show.
_PIXELS = 240


def thumbnail(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return every n-th pixel of an image, (C, H, W), as many as the sheet shows."""
    step = max(1, max(image.shape[1:]) // _PIXELS)
    return image[:, ::step, ::step].copy()


def write_contact_sheet(path: str | Path, images: Mapping[str, NDArray[np.float32]]) -> None:
    """Draw images, (C, H, W) in [0, 1] each, with their names, into a PNG.

    Raises
    ------
    InputError
        If there are none, or the file cannot be written.
    """
    from pdpsych.common.drawing import new_figure, panels, save

    if not images:
        raise InputError(
            "no image that is not in a set already, or can be used",
            file=path,
            remedy="look at the previews of the set",
        )
    columns = min(_COLUMNS, len(images))
    rows = -(-len(images) // columns)
    figure = new_figure(_SIDE * columns, (_SIDE + 0.25) * rows)
    grid = panels(figure, len(images), columns)
    for axes, (name, image) in zip(grid, images.items(), strict=True):
        axes.set_axis_off()
        axes.imshow(np.moveaxis(image, 0, 2).squeeze(), cmap="gray", vmin=0, vmax=1)
        short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        axes.set_title(short, fontsize=7)
    save(figure, path, dpi=150)
