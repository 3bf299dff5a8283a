"""The curve of a display: relative luminance as a function of level, and its inverse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pdpsych.displays.encoding import Array, linear_from_srgb, srgb_from_linear

# Cells of an interpolated curve: finer than the levels of 10 bits are apart.
_CELLS = 4096


class Curve(Protocol):
    """Relative luminance, 0 at the display's black and 1 at its white, of a relative level.

    Both functions are strictly increasing, take arrays of values in [0, 1], keep float32, and
    undo each other to rounding. Curves are hashable: tables made of one are kept by it.
    """

    def luminance(self, level: Array) -> Array:
        """Return the relative luminance of levels; 0 is the lowest level, 1 the highest."""
        ...

    def level(self, luminance: Array) -> Array:
        """Return the levels, 0 to 1, of relative luminances."""
        ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class Srgb:
    """The curve of IEC 61966-2-1."""

    def luminance(self, level: Array) -> Array:
        """Decode sRGB."""
        return linear_from_srgb(level)

    def level(self, luminance: Array) -> Array:
        """Encode sRGB."""
        return srgb_from_linear(luminance)


@dataclass(frozen=True)
class Power:
    """A power law, ((level + offset)^exponent − offset^exponent), scaled to end at 1.

    With an offset of 0 this is PsychoPy's gamma equation 1, else 2 and 4, without their black
    and white: those are the display's.
    """

    exponent: float
    offset: float = 0.0

    def luminance(self, level: Array) -> Array:
        """Return the relative luminance of levels."""
        if not self.offset:
            return level**self.exponent
        black = self.offset**self.exponent
        span = (1 + self.offset) ** self.exponent - black
        return np.clip(((level + self.offset) ** self.exponent - black) / span, 0.0, 1.0)

    def level(self, luminance: Array) -> Array:
        """Return the levels of relative luminances."""
        if not self.offset:
            return luminance ** (1 / self.exponent)
        black = self.offset**self.exponent
        span = (1 + self.offset) ** self.exponent - black
        return np.clip((luminance * span + black) ** (1 / self.exponent) - self.offset, 0.0, 1.0)


class Interpolated:
    """A curve between closely spaced points.

    Level is linear in the square root of luminance between points at equal steps of that root,
    so that both directions read the same table and the inverse, the one that images go
    through, finds its cell without a search.

    Parameters
    ----------
    levels, luminances
        Points of the curve, both strictly increasing from 0 to 1 and close together.
    """

    def __init__(self, levels: Array, luminances: Array) -> None:
        self._roots = np.linspace(0, 1, _CELLS + 1)
        self._levels = np.interp(self._roots, np.sqrt(luminances), levels)
        # In cell i: level = starts[i] + steps[i] · (position − i); one more for luminance 1.
        self._steps = np.append(np.diff(self._levels), 0.0)

    def luminance(self, level: Array) -> Array:
        """Return the relative luminance of levels."""
        root = np.interp(level, self._levels, self._roots)
        return (root * root).astype(np.result_type(level, np.float32))

    def level(self, luminance: Array) -> Array:
        """Return the levels of relative luminances."""
        position = np.sqrt(luminance) * _CELLS
        cell = position.astype(np.intp)
        kind = position.dtype
        position -= cell.astype(kind)
        position *= self._steps.astype(kind).take(cell)
        position += self._levels.astype(kind).take(cell)
        return position
