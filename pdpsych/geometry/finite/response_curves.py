"""D by amplitude of N representations for one distortion, and at which amplitudes it is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from pdpsych.geometry.finite.distances import RESOLVED, Distance

Floats = NDArray[np.float64]

SIGNS = (1, -1)
# RMS contrast of the smallest amplitude; intervals in each factor of ten, before they are halved.
SMALLEST_RMS, A_DECADE = 1e-4, 4
# Which error half way between two amplitudes, relative to D, halves both intervals again: half of
# it is left then where D/α has a corner, an eighth where it has none. And how often at most after
# the first time.
MISSED, MOST_HALVINGS = 0.02, 3


@dataclass(frozen=True, eq=False)
class ResponseCurves:
    """D(ε, ±α) of N representations for one distortion ε, by amplitude.

    Attributes
    ----------
    amplitudes
        α, (A,), ascending; the last is where s + αε or s − αε would leave [0, 1]. None where the
        image has no room at all.
    values
        D of +α and of −α, (N, 2, A); not a number where a representation's curve is over.
    ended
        By representation, why its curve is over before the gamut is; else empty.
    missed
        By representation, by how much an interpolation may be off, relative to D, where halving
        intervals was given up; else 0.

    Examples
    --------
    >>> from pdpsych import geometry, models
    >>> import numpy as np
    >>> image, distortion = np.full((1, 4, 4), 0.5), np.ones((1, 1, 4, 4)) / 4
    >>> (curves,) = geometry.finite_responses(models.load(["LN"]), image, distortion).curves
    >>> float(curves.amplitudes[-1]), curves.known(0) == len(curves.amplitudes), curves.ended
    (2.0, True, ('',))
    """

    amplitudes: Floats
    values: Floats
    ended: tuple[str, ...]
    missed: Floats

    def known(self, number: int) -> int:
        """Return at how many amplitudes D of the representation with this ``number`` is known."""
        return int(np.isfinite(self.values[number]).all(axis=0).sum())


class Grid:
    """The amplitudes at which D is wanted for one distortion, until interpolation will do.

    Intervals of a quarter of a decade are halved, and again where log(D/α) half way differs from
    what a monotone cubic through the amplitudes before made of it.

    Parameters
    ----------
    limit
        The largest amplitude.
    dimension
        Number of pixel values.
    slopes
        Sensitivities of the representations, (N,).
    """

    def __init__(self, limit: float, dimension: int, slopes: Floats):
        self._unit, self._slopes = dimension**0.5, slopes
        self._found: dict[float, tuple[Distance, Distance]] = {}
        self._wanted, self._before = _first(limit, SMALLEST_RMS * self._unit), np.empty(0)
        self._missed = np.zeros(len(slopes))
        self._rounds = 0

    def wanted(self, roundoff: Floats) -> list[float]:
        """Return the amplitudes to add next, none when all is done."""
        if self._found:
            self._wanted = self._halved(roundoff)
        self._before = np.array(sorted(self._found))
        self._rounds += 1
        return self._wanted

    def add(self, amplitude: float, both: Sequence[Distance]) -> None:
        """Take in the distances of +α and −α."""
        self._found[amplitude] = (both[0], both[1])

    def curves(self, roundoff: Floats) -> ResponseCurves:
        """Return what was found."""
        amplitudes = np.array(sorted(self._found))
        values = self._values(roundoff)
        known = np.asarray(np.isfinite(values).all(axis=1))
        ended = tuple(self._reason(i, amplitudes, row) for i, row in enumerate(known))
        return ResponseCurves(amplitudes, values, ended, self._missed)

    def _halved(self, roundoff: Floats) -> list[float]:
        """Return the middles of intervals that are to be halved."""
        amplitudes = np.array(sorted(self._found))
        middles = np.sqrt(amplitudes[:-1] * amplitudes[1:]).tolist()
        if self._rounds == 1:
            return middles
        missed = self._errors(amplitudes, self._values(roundoff))
        far = missed > MISSED
        self._missed = np.where(far, missed, 0).max(axis=1, initial=0)
        if self._rounds > 1 + MOST_HALVINGS:
            return []
        again = set(np.array(self._wanted)[far.any(axis=0)].tolist())
        return [
            middle
            for middle, low, high in zip(middles, amplitudes, amplitudes[1:], strict=False)
            if low in again or high in again
        ]

    def _errors(self, amplitudes: Floats, values: Floats) -> Floats:
        """Return how far the amplitudes before missed D at each new one, (N, new)."""
        new, old = np.isin(amplitudes, self._wanted), np.isin(amplitudes, self._before)
        found = np.zeros((len(values), int(new.sum())))
        x = np.log(amplitudes)
        for i, rows in enumerate(values):
            known = np.isfinite(rows).all(axis=0)
            if (old & known).sum() < 2:
                continue
            for row in rows:
                gain = np.maximum(row / amplitudes, np.finfo(float).tiny)
                guess = np.exp(PchipInterpolator(x[old & known], np.log(gain[old & known]))(x[new]))
                error = np.abs(guess - gain[new]) / np.maximum(guess, gain[new])
                found[i] = np.fmax(found[i], np.where(known[new], error, 0))
        return found

    def _values(self, roundoff: Floats) -> Floats:
        """Return D, (N, 2, A), without what comes after an end and what rounding made of it."""
        amplitudes = np.array(sorted(self._found))
        if not len(amplitudes):
            return np.empty((len(self._slopes), 2, 0))
        rows = [[one.values for one in self._found[a]] for a in amplitudes.tolist()]
        values = np.moveaxis(np.array(rows), 0, -1).swapaxes(0, 1)
        over = np.logical_or.accumulate(~np.isfinite(values).all(axis=1), axis=1)
        values[np.broadcast_to(over[:, None], values.shape)] = np.nan
        for i, both in enumerate(values):
            for row in both:
                _lead_over(row, amplitudes, float(self._slopes[i]), float(roundoff[i]))
        return values

    def _reason(self, number: int, amplitudes: Floats, known: NDArray[np.bool_]) -> str:
        if known.all():
            return ""
        end = float(amplitudes[int(np.argmin(known))])
        reason = next(one.reasons[number] for one in self._found[end] if one.reasons[number])
        return f"at RMS contrast {end / self._unit:.3g}: {reason}"


def _first(limit: float, smallest: float) -> list[float]:
    """Return amplitudes from the smallest to the limit, in equal steps of the logarithm."""
    if limit <= smallest:
        return [limit] if limit > 0 else []
    count = int(np.ceil(A_DECADE * np.log10(limit / smallest)))
    return [*np.geomspace(smallest, limit, count + 1)[:-1].tolist(), limit]


def _lead_over(row: Floats, amplitudes: Floats, slope: float, roundoff: float) -> None:
    """Replace D at amplitudes where rounding matters, by what leads from αd to the others.

    D/α differs from d in proportion to α, to first order.
    """
    known = np.isfinite(row)
    resolved = np.flatnonzero(known & (row > RESOLVED * roundoff))
    first = int(resolved[0]) if len(resolved) else int(known.sum())
    below = amplitudes[:first]
    excess = (row[first] / amplitudes[first] - slope) / amplitudes[first] if len(resolved) else 0.0
    row[:first] = below * (slope + excess * below)
