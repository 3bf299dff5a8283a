"""The thresholds that a model predicts for one participant, and the ratios of them.

With e(α) the d′ of an observer who is right as often as a model is in the mean over both signs,
Φ(e/√2) = ½ Σ± Φ(k D±(α)/√2), the threshold τ of a condition is the first amplitude with e(τ) = 1.
Where both signs are seen alike that is k D(τ) = 1. Where they are not, it is what people's
threshold is of; the root mean square of both signs would miss it by .09 to .17 nat for LGG, which
sees one sign up to four times as well as the other.

k is one for all conditions of the participant: the median of what each asks for by itself at the
person's threshold. As many predicted thresholds are then above the person's as below, whatever the
scale they are compared on, and a condition far off does not move k. What is not reached at the
largest amplitude at which D is known is a bound: the threshold is above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from pdpsych.analysis.names import Floats
from pdpsych.stimuli.responses.finite_response import SIGNS, FiniteResponse

# Where log e rises by less than this part of log α, thresholds say next to nothing of k.
LEAST_SLOPE = 0.3
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
    """d′ of a model in one condition, in the mean over both signs.

    Attributes
    ----------
    response
        D of the model.
    """

    response: FiniteResponse

    @property
    def log_largest(self) -> float:
        """Log of the largest known amplitude."""
        with np.errstate(divide="ignore"):
            return float(np.log(self.response.largest))

    def log_signal(self, log_efficiency: float, log_amplitudes: Floats) -> Floats:
        """Return log e at amplitudes."""
        return _log_signal(log_efficiency, self._seen(log_amplitudes))

    def log_threshold(self, log_efficiency: float) -> float:
        """Return log τ; infinite where no known amplitude reaches it."""
        if not self.response.largest:
            return np.inf
        places, seen = self._grid
        height = _log_signal(log_efficiency, seen)
        above = int(np.argmax(height >= 0))
        if height[above] < 0:
            return np.inf
        if above == 0:
            return float(places[0] - height[0])
        rise = height[above] - height[above - 1]
        return float(places[above] - height[above] / rise * (places[above] - places[above - 1]))

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
        log_k = float(brentq(lambda k: _log_signal(k, seen)[1], low, high, xtol=1e-9))
        below, there = _log_signal(log_k, seen)
        return log_k, float(there - below) / _STEP

    def _seen(self, log_amplitudes: Floats) -> Floats:
        amplitudes = np.exp(log_amplitudes)
        return np.stack([self.response.at(amplitudes, sign) for sign in SIGNS])

    @cached_property
    def _grid(self) -> tuple[Floats, Floats]:
        """Log amplitudes, (G,), and D of both signs there, (2, G)."""
        known = np.log(self.response.amplitudes)
        steps = np.linspace(0, 1, _BETWEEN, endpoint=False)
        between = (known[:-1, None] + np.diff(known)[:, None] * steps).ravel()
        places = np.concatenate([known[0] + _BELOW, between, known[-1:]])
        return places, self._seen(places)


class PredictedThresholds(NamedTuple):
    """What a model predicts for one participant.

    Attributes
    ----------
    log_efficiency
        log k; not a number where no condition tells.
    slope
        Median slope of log e in log α at the participant's thresholds.
    log_threshold
        log τ of each condition, (C,); where it is not reached, of the largest known amplitude.
    reached
        Whether it is, (C,).
    """

    log_efficiency: float
    slope: float
    log_threshold: Floats
    reached: NDArray[np.bool_]

    @property
    def known(self) -> bool:
        """Whether any condition tells k."""
        return bool(np.isfinite(self.log_efficiency))

    @property
    def identified(self) -> bool:
        """Whether k follows from the thresholds."""
        return self.slope >= LEAST_SLOPE


def predict_thresholds(
    curves: Sequence[SignalCurve], log_thresholds: Floats
) -> PredictedThresholds:
    """Predict the thresholds of a participant.

    Parameters
    ----------
    curves
        Of the model in each condition.
    log_thresholds
        The participant's log τ in each, (C,); not a number where it is not measured. Those above
        what is known of the model count as there: k is then below what they ask for.
    """
    largest = np.array([curve.log_largest for curve in curves])
    tells = np.flatnonzero(~np.isnan(log_thresholds) & np.isfinite(largest))
    asked = [curves[c].asked(float(log_thresholds[c])) for c in tells]
    found = np.array([one for one in asked if not np.isnan(one[0])])
    if not len(found):
        nothing = np.zeros(len(curves), dtype=bool)
        return PredictedThresholds(np.nan, np.nan, np.full(len(curves), np.nan), nothing)
    log_efficiency, slope = (float(middle) for middle in np.median(found, axis=0))
    crossing = np.array([curve.log_threshold(log_efficiency) for curve in curves])
    reached = np.isfinite(crossing)
    return PredictedThresholds(log_efficiency, slope, np.where(reached, crossing, largest), reached)


def ratio_bounds(predicted: PredictedThresholds, u: int, v: int) -> tuple[float, float]:
    """Return the ends between which log τ(v) − log τ(u) lies: equal where both are reached."""
    ratio = float(predicted.log_threshold[v] - predicted.log_threshold[u])
    low = ratio if predicted.reached[u] else -np.inf
    high = ratio if predicted.reached[v] else np.inf
    return low, high


def _log_signal(log_efficiency: float, seen: Floats) -> Floats:
    """Return log e where D of both signs is ``seen``, (2, …)."""
    share = ndtr(np.exp(log_efficiency) * seen / np.sqrt(2)).mean(axis=0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.sqrt(2) * ndtri(np.minimum(share, _MOST_SURE))))
