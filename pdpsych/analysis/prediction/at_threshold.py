"""The thresholds that a model predicts for one participant, and the ratios of them.

The threshold of a condition is that of :mod:`pdpsych.stimuli.responses.signal_curve`, at an
efficiency k.

k is one for all conditions of the participant: the median of what each asks for by itself at the
person's threshold. As many predicted thresholds are then above the person's as below, whatever the
scale they are compared on, and a condition far off does not move k. A person's threshold that is
only known to be above an amplitude asks for no more than so much, and is a censored value of that
median, as is one above what is known of the model. What is not reached at the largest amplitude at
which D is known is a bound: the threshold is above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats
from pdpsych.stimuli.responses.signal_curve import SignalCurve

# Where log e rises by less than this part of log α, thresholds say next to nothing of k.
LEAST_SLOPE = 0.3
# Of distributing censored values, and what is half of them to rounding.
_ROUNDS, _EQUAL = 50, 1e-9


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
