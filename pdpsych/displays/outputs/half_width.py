"""Colours in two pixels side by side."""

from __future__ import annotations

import numpy as np

from pdpsych.displays.dither import Levels
from pdpsych.displays.outputs.output import words


class HalfWidth:
    """The even pixel of a pair holds the high bytes of red, green and blue, the odd the low ones.

    CRS's Color++ and VPixx's C48: "Even/Odd pixel RED/GREEN/BLUE[7:0] concatenate to generate
    16-bit RGB components at half the horizontal resolution" (libdpx). Pixels count from 0 at the
    left edge of the screen. Grey is the same word in all three.
    """

    depths = (14, 16)
    columns = 2
    channels = (1, 3)

    def buffer_bits(self, bits: int) -> int:
        """Return 8: bytes."""
        return 8

    def encode(self, levels: Levels, bits: int) -> Levels:
        """Return bytes, (H, 2 W, 3)."""
        word = np.broadcast_to(words(levels, bits), (3, *levels.shape[1:])).transpose(1, 2, 0)
        pairs = np.stack([word >> 8, word & 0xFF], axis=2)
        return pairs.reshape(len(word), -1, 3)
