"""The thresholds that a model predicts for one participant, and the ratios of them.

With e(α) the d′ of an observer who is right as often as a model is in the mean over both signs,
Φ(e/√2) = ½ Σ± Φ(k D±(α)/√2), the threshold τ of a condition is the first amplitude with e(τ) = 1.
Where both signs are seen alike that is k D(τ) = 1. Where they are not, it is what people's
threshold is of; the root mean square of both signs would miss it by .09 to .17 nat for LGG, which
sees one sign up to four times as well as the other.

k is one for all conditions of the participant: the median of what each asks for by itself at the
person's threshold. As many predicted thresholds are then above the person's as below, whatever the
scale they are compared on, and a condition far off does not move k. A person's threshold that is
only known to be above an amplitude asks for no more than so much, and is a censored value of that
median, as is one above what is known of the model. What is not reached at the largest amplitude at
which D is known is a bound: the threshold is above it.
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
# Of distributing censored values, and what is half of them to rounding.
_ROUNDS, _EQUAL = 50, 1e-9
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
        return np.stack([self.response.at(amplitudes, sign) for sign in self.signs])

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
    curves: Sequence[SignalCurve], low: Floats, high: Floats
) -> PredictedThresholds:
    """Predict the thresholds of a participant.

    Parameters
    ----------
    curves
        Of the model in each condition.
    low, high
        Ends between which the participant's log τ is in each, (C,): equal where it is known,
        infinite where the trials give no end.
    """
    largest = np.array([curve.log_largest for curve in curves])
    # Above what is known of a model a threshold is no more than above it.
    known, beyond = low == high, low > largest
    top = np.where(high <= largest, high, -np.inf)
    ends = np.where(np.isfinite(low), np.minimum(low, largest), top)
    asked = np.full((len(curves), 2), np.nan)
    for c in np.flatnonzero(np.isfinite(ends)):
        asked[c] = curves[c].asked(float(ends[c]))
    told = ~np.isnan(asked[:, 0])
    exact, above = told & known & ~beyond, told & (beyond | np.isinf(high))
    below = told & ~exact & ~above
    if not exact.any():
        # Without any value their ends are all there is.
        exact, above, below = told, np.zeros_like(told), np.zeros_like(told)
    if not exact.any():
        nothing = np.zeros(len(curves), dtype=bool)
        return PredictedThresholds(np.nan, np.nan, np.full(len(curves), np.nan), nothing)
    log_efficiency = _censored_median(asked[exact, 0], asked[above, 0], asked[below, 0])
    slope = float(np.median(asked[exact, 1]))
    crossing = np.array([curve.log_threshold(log_efficiency) for curve in curves])
    reached = np.isfinite(crossing)
    return PredictedThresholds(log_efficiency, slope, np.where(reached, crossing, largest), reached)


def _censored_median(values: Floats, at_most: Floats, at_least: Floats) -> float:
    """Return the median of values and of others that are no more or no less than so much.

    What is censored is distributed over the values that it may have, in proportion to what there
    is of them (self-consistency, Turnbull 1974); where there is none, it counts beyond all.
    """
    places = np.concatenate([[-np.inf], np.sort(values), [np.inf]])
    allowed = np.concatenate([places <= at_most[:, None], places >= at_least[:, None]])
    inside = allowed[:, 1:-1].any(axis=1)
    allowed[inside, 0] = allowed[inside, -1] = False
    own = np.where(np.isfinite(places), 1.0, 0.0)
    mass = own + np.where(np.isfinite(places), 0.0, allowed.sum(axis=0))
    for _ in range(_ROUNDS):
        part = allowed * mass
        mass = own + (part / part.sum(axis=1, keepdims=True)).sum(axis=0)
    share = mass.cumsum() / mass.sum()
    low, high = (np.searchsorted(share, half) for half in (0.5 - _EQUAL, 0.5 + _EQUAL))
    middle = (places[low] + places[high]) / 2
    return float(np.clip(middle, places[1], places[-2]))


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
