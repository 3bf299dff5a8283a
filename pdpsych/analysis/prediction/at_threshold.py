"""The thresholds that a model predicts for one participant, and the ratios of them.

The threshold of a condition is the first amplitude τ with k D̄(τ) = 1. k is one for all conditions
of the participant: the median of what each asks for by itself, 1/D̄ at the person's threshold.
As many predicted thresholds are then above the person's as below, whatever the scale they are
compared on, and a condition far off does not move k. What is not reached at the largest amplitude
at which D is known is a bound: the threshold is above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats
from pdpsych.stimuli.responses.finite_response import FiniteResponse

# Where log D̄ rises by less than this part of log α, thresholds say next to nothing of k.
LEAST_SLOPE = 0.3
# Of the step in log α in which the slope is taken.
_STEP = 0.1


class PredictedThresholds(NamedTuple):
    """What a model predicts for one participant.

    Attributes
    ----------
    log_efficiency
        log k; not a number where no condition tells.
    slope
        Median slope of log D̄ in log α at the participant's thresholds.
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
    responses: Sequence[FiniteResponse], log_thresholds: Floats
) -> PredictedThresholds:
    """Predict the thresholds of a participant.

    Parameters
    ----------
    responses
        D of the model in each condition.
    log_thresholds
        The participant's log τ in each, (C,); not a number where it is not measured. Those above
        what is known of the model count as there: k is then below what they ask for.
    """
    largest = np.array([response.largest for response in responses])
    tells = ~np.isnan(log_thresholds) & (largest > 0)
    if not tells.any():
        nothing = np.zeros(len(responses), dtype=bool)
        return PredictedThresholds(np.nan, np.nan, np.full(len(responses), np.nan), nothing)
    asked = [_asked(responses[c], float(log_thresholds[c])) for c in np.flatnonzero(tells)]
    log_efficiency, slope = (float(np.median(values)) for values in zip(*asked, strict=True))
    level = np.exp(-log_efficiency)
    crossing = np.array([response.first_crossing(level) for response in responses])
    reached = np.isfinite(crossing)
    with np.errstate(divide="ignore"):
        log_threshold = np.log(np.where(reached, crossing, largest))
    return PredictedThresholds(log_efficiency, slope, log_threshold, reached)


def ratio_bounds(predicted: PredictedThresholds, u: int, v: int) -> tuple[float, float]:
    """Return the ends between which log τ(v) − log τ(u) lies: equal where both are reached."""
    ratio = float(predicted.log_threshold[v] - predicted.log_threshold[u])
    low = ratio if predicted.reached[u] else -np.inf
    high = ratio if predicted.reached[v] else np.inf
    return low, high


def _asked(response: FiniteResponse, log_threshold: float) -> tuple[float, float]:
    """Return log k at which the threshold is the model's, and the slope of log D̄ there."""
    top = min(log_threshold, float(np.log(response.largest)))
    below, there = np.log(response.mean(np.exp([top - _STEP, top])))
    return -float(there), float(there - below) / _STEP
