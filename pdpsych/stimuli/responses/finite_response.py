"""How far apart a model's responses to an image and to a distorted one are, by amplitude."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

SIGNS = (1, -1)


@dataclass(frozen=True, eq=False)
class FiniteResponse:
    """D(ε, ±α) of a model for one distortion: the d′ of an ideal observer of its responses.

    D(ε, α)² = ‖φ(s + αε) − φ(s)‖² + floor α², with φ the response on the scale on which its noise
    has unit variance. For small α it is α d(ε), d the local sensitivity.

    Between its amplitudes log(D/α) follows a monotone cubic (pchip) in log α; below the first D
    is proportional to α; above the last nothing is known.

    Attributes
    ----------
    amplitudes
        α, (A,), ascending, in model units; the last is the largest that the gamut (or a display)
        allows. None where it allows nothing.
    values
        D of +α and of −α, (2, A).
    ended
        Why nothing is known of larger amplitudes that could be shown, empty if they are none.

    Examples
    --------
    >>> from pdpsych.stimuli.responses.finite_response import FiniteResponse
    >>> import numpy as np
    >>> amplitudes = np.array([0.1, 0.2, 0.4])
    >>> seen = FiniteResponse(amplitudes, np.array([2.0 * amplitudes, 4.0 * amplitudes]))
    >>> seen.at([0.01, 0.3, 0.5], sign=1).round(3)
    array([0.02, 0.6 ,  nan])
    >>> seen.mean([0.2]).round(3)  # The root of the mean square of both signs.
    array([0.632])
    >>> round(seen.first_crossing(1.0), 3), seen.first_crossing(2.0)
    (0.316, inf)
    """

    amplitudes: Floats
    values: Floats
    ended: str = ""

    @property
    def largest(self) -> float:
        """The largest amplitude at which anything is known, 0 where there is none."""
        return float(self.amplitudes[-1]) if len(self.amplitudes) else 0.0

    def at(self, amplitudes: ArrayLike, sign: int) -> Floats:
        """Return D of amplitudes with a sign, 1 or −1; not a number above the largest."""
        return self._interpolated(np.asarray(amplitudes, dtype=float), self._gains[sign])

    def mean(self, amplitudes: ArrayLike) -> Floats:
        """Return D̄ of ``amplitudes``, the root of the mean of D² over both signs."""
        return np.sqrt((self.at(amplitudes, 1) ** 2 + self.at(amplitudes, -1) ** 2) / 2)

    def first_crossing(self, level: float) -> float:
        """Return the smallest amplitude at which D̄ is ``level``; infinite if none known is."""
        if not len(self.amplitudes):
            return np.inf
        low = float(self.mean(self.amplitudes[0]))
        if low >= level:
            return float(self.amplitudes[0] * level / low)
        grid = self._fine
        reached = self.mean(grid) >= level
        if not reached.any():
            return np.inf
        above = int(np.argmax(reached))
        ends = np.log(grid[above - 1 : above + 1])
        heights = np.log(self.mean(grid[above - 1 : above + 1]))
        share = (np.log(level) - heights[0]) / (heights[1] - heights[0])
        return float(np.exp(ends[0] + share * (ends[1] - ends[0])))

    @cached_property
    def _gains(self) -> dict[int, scipy.interpolate.PchipInterpolator | float]:
        """log(D/α) of each sign as a function of log α; a number where there is one amplitude."""
        tiny = np.finfo(float).tiny
        gains = [np.log(np.maximum(row / self.amplitudes, tiny)) for row in self.values]
        if len(self.amplitudes) < 2:
            return {s: float(g[0]) if len(g) else np.nan for s, g in zip(SIGNS, gains, strict=True)}
        x = np.log(self.amplitudes)
        curve = scipy.interpolate.PchipInterpolator
        return {s: curve(x, g) for s, g in zip(SIGNS, gains, strict=True)}

    @cached_property
    def _fine(self) -> Floats:
        steps = np.linspace(0, 1, 9)[1:]
        logs = np.log(self.amplitudes)
        between = (logs[:-1, None] + np.diff(logs)[:, None] * steps).ravel()
        return np.exp(np.concatenate([logs[:1], between]))

    def _interpolated(
        self, amplitudes: Floats, gain: scipy.interpolate.PchipInterpolator | float
    ) -> Floats:
        if not len(self.amplitudes):
            return np.full(amplitudes.shape, np.nan)
        inside = np.maximum(amplitudes, self.amplitudes[0])
        logs = gain if isinstance(gain, float) else gain(np.log(inside))
        found = amplitudes * np.exp(logs)
        return np.where(amplitudes <= self.largest * (1 + 1e-9), found, np.nan)
