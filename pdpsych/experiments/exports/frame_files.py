"""Frames as files that other programs read, level for level."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from pdpsych.common.errors import InputError
from pdpsych.displays.dither import Levels

FrameFormat = Literal["png", "tiff", "npy"]


def check_format(form: FrameFormat, channels: int, bit_depth: int) -> None:
    """Refuse a format that cannot hold frames of so many channels and bits, or is not there.

    Raises
    ------
    InputError
        With what can be chosen instead.
    """
    if form == "png" and channels > 1 and bit_depth > 8:
        raise InputError(
            f"PNG files of colours are written with 8 bits, and the display has {bit_depth}",
            field="frames",
            value=form,
            allowed=("tiff", "npy"),
        )
    if form == "tiff":
        try:
            import tifffile  # noqa: F401
        except ImportError:
            raise InputError(
                "TIFF files need tifffile",
                field="frames",
                value=form,
                allowed=("png", "npy"),
                remedy="pip install 'pdpsych[models]'",
            ) from None


def write_frame(path: Path, levels: Levels, bit_depth: int) -> None:
    """Write levels (C, H, W) as (H, W) or (H, W, 3), in 8 bits, or unscaled in 16.

    The format is that of the ending.
    """
    array = levels[0] if len(levels) == 1 else np.moveaxis(levels, 0, 2)
    array = np.ascontiguousarray(array, dtype=np.uint8 if bit_depth <= 8 else np.uint16)
    if path.suffix == ".npy":
        np.save(path, array, allow_pickle=False)
    elif path.suffix == ".tiff":
        import tifffile

        colour = "minisblack" if array.ndim == 2 else "rgb"
        tifffile.imwrite(path, array, photometric=colour, compression="zlib", metadata=None)
    else:
        from PIL import Image

        # Without a profile or a gamma: levels are those of one display.
        Image.fromarray(array).save(path, format="PNG")
