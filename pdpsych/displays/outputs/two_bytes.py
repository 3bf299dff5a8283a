"""Grey levels in two bytes of a pixel."""

from __future__ import annotations

import numpy as np

from pdpsych.displays.dither import Levels
from pdpsych.displays.outputs.output import words


class TwoBytes:
    """Red is the high byte of a 16-bit word, green its low byte, blue is 0.

    CRS's Mono++ (Bits++, Bits#, Display++), whose overlay is off where blue is 0, and VPixx's M16:
    "DVI RED[7:0] & GREEN[7:0] concatenate into a VGA 16-bit value sent to all three RGB
    components" (libdpx).
    """

    depths = (14, 16)
    columns = 1
    channels = (1,)

    def buffer_bits(self, bits: int) -> int:
        """Return 8: bytes."""
        return 8

    def encode(self, levels: Levels, bits: int) -> Levels:
        """Return bytes, (H, W, 3), of grey levels (1, H, W)."""
        word = words(levels[0], bits)
        return np.stack([word >> 8, word & 0xFF, np.zeros_like(word)], axis=-1)
