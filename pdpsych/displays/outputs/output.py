"""What writes display levels into the frame buffer."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from pdpsych.displays.dither import Levels


class Output(Protocol):
    """A way from levels to the values of the frame buffer.

    Attributes
    ----------
    depths
        Bits of a level that it can carry.
    columns
        Pixels of the frame buffer, side by side, that hold one level of each channel.
    channels
        Numbers of channels of the images that it can show.
    """

    @property
    def depths(self) -> tuple[int, ...]:
        """Bits of a level."""

    @property
    def columns(self) -> int:
        """Pixels of a level."""

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of images."""

    def buffer_bits(self, bits: int) -> int:
        """Return the bits of a channel of the frame buffer for levels of ``bits``."""
        ...

    def encode(self, levels: Levels, bits: int) -> Levels:
        """Return what the frame buffer has to hold, (H, W · columns, 3).

        Parameters
        ----------
        levels
            (C, H, W), each in [0, 2^bits − 1].
        bits
            One of ``depths``.
        """
        ...


def words(levels: Levels, bits: int) -> Levels:
    """Return 16-bit words whose most significant ``bits`` are the levels.

    A converter of 14 bits ignores the two least significant ones.
    """
    return np.left_shift(levels, np.uint16(16 - bits))
