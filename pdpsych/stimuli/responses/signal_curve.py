"""The d′ of an observer who sees like a model, and its threshold, in the mean over both signs.

With e(α) the d′ of an observer who is right as often as a model is in the mean over both signs,
Φ(e/√2) = ½ Σ± Φ(k D±(α)/√2), the threshold τ of a condition is the first amplitude with e(τ) = 1.
Where both signs are seen alike that is k D(τ) = 1. Where they are not, it is what people's
threshold is of; the root mean square of both signs would miss it by .09 to .17 nat for LGG, which
sees one sign up to four times as well as the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import NDArray

from pdpsych.stimuli.responses.finite_response import SIGNS, FiniteResponse

Floats = NDArray[np.float64]

# Of the step in log α in which the slope is taken.
_STEP = 0.1
# Points between two known amplitudes, and how far below the first one looks, in nats.
_BETWEEN = 8
_BELOW = np.arange(-12.0, 0.0, _STEP)
# No k is asked for that is further from that of either sign.
_REACH = 5.0
# Above it the inverse of Φ is infinite.
_MOST_SURE = 1 - 1e-15


@dataclass(frozen=True, eq=False)
class SignalCurve:
    """d′ of a model in one condition, in the mean over the signs shown.

    Attributes
    ----------
    response
        D of the model.
    signs
        The signs of the distortion that were shown.
    """

    response: FiniteResponse
    signs: tuple[int, ...] = SIGNS

    @property
    def log_largest(self) -> float:
        """Log of the largest known amplitude."""
        with np.errstate(divide="ignore"):
            return float(np.log(self.response.largest))

    def log_signal(self, log_efficiency: float | Floats, log_amplitudes: Floats) -> Floats:
        """Return log e at amplitudes; efficiencies and amplitudes broadcast."""
        return _log_signal(log_efficiency, self._seen(log_amplitudes))

    def log_threshold(self, log_efficiency: float) -> float:
        """Return log τ; infinite where no known amplitude reaches it."""
        return float(self.log_thresholds(np.array([log_efficiency]))[0])

    def log_thresholds(self, log_efficiencies: Floats) -> Floats:
        """Return log τ by efficiency, (K,); infinite where no known amplitude reaches it."""
        if not self.response.largest:
            return np.full(len(log_efficiencies), np.inf)
        places, seen = self._grid
        reached = _share(log_efficiencies[:, None], seen[:, None]) >= scipy.special.ndtr(
            np.sqrt(0.5)
        )
        above = np.where(reached.any(axis=1), np.argmax(reached, axis=1), len(places) - 1)
        below = np.maximum(above - 1, 0)
        low, top = (_log_signal(log_efficiencies, seen[:, at]) for at in (below, above))
        with np.errstate(divide="ignore", invalid="ignore"):
            between = places[above] - top / (top - low) * (places[above] - places[below])
        # Below all places e is in proportion to the amplitude.
        found = np.where(above == 0, places[0] - top, between)
        return np.where(top < 0, np.inf, found)

    def asked(self, log_threshold: float) -> tuple[float, float]:
        """Return log k at which a threshold is predicted, and the slope of log e there.

        Not a number where there is none: one sign alone is not seen often enough.
        """
        top = min(log_threshold, self.log_largest)
        seen = self._seen(np.array([top - _STEP, top]))
        with np.errstate(divide="ignore"):
            ends = -np.log(seen[:, 1])
        low, high = float(ends.min() - _REACH), float(ends.min() + _REACH)
        if not np.isfinite(low) or _log_signal(high, seen)[1] < 0:
            return np.nan, np.nan
        log_k = float(
            scipy.optimize.brentq(lambda k: _log_signal(k, seen)[1], low, high, xtol=1e-9)
        )
        below, there = _log_signal(log_k, seen)
        return log_k, float(there - below) / _STEP

    def _seen(self, log_amplitudes: Floats) -> Floats:
        amplitudes = np.exp(log_amplitudes)
        return np.stack([self.response.at(amplitudes, sign) for sign in self.signs])

    @cached_property
    def _grid(self) -> tuple[Floats, Floats]:
        """Log amplitudes, (G,), and D of both signs there, (2, G)."""
        known = np.log(self.response.amplitudes)
        steps = np.linspace(0, 1, _BETWEEN, endpoint=False)
        between = (known[:-1, None] + np.diff(known)[:, None] * steps).ravel()
        places = np.concatenate([known[0] + _BELOW, between, known[-1:]])
        return places, self._seen(places)


def _log_signal(log_efficiency: float | Floats, seen: Floats) -> Floats:
    """Return log e where D of both signs is ``seen``, (2, …)."""
    share = _share(log_efficiency, seen)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.sqrt(2) * scipy.special.ndtri(np.minimum(share, _MOST_SURE))))


def _share(log_efficiency: float | Floats, seen: Floats) -> Floats:
    """Return Φ(e/√2), the mean over both signs."""
    return np.asarray(scipy.special.ndtr(np.exp(log_efficiency) * seen / np.sqrt(2)).mean(axis=0))
