"""Levels that are the values of the frame buffer."""

from __future__ import annotations

import numpy as np

from pdpsych.displays.dither import Levels


class Direct:
    """A window of 8 or 10 bits a channel; grey is the same level in all three."""

    depths = (8, 10)
    columns = 1
    channels = (1, 3)

    def buffer_bits(self, bits: int) -> int:
        """Return the bits of the levels."""
        return bits

    def encode(self, levels: Levels, bits: int) -> Levels:
        """Return the levels, (H, W, 3)."""
        return np.broadcast_to(levels, (3, *levels.shape[1:])).transpose(1, 2, 0)
