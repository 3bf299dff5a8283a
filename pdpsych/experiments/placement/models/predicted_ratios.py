"""The log ratios of thresholds that models predict, by where the thresholds are.

A model predicts thresholds up to its efficiency k. With one k for each pair of distortions only
their ratio speaks, as in equation 1. At amplitudes that are not small the ratio depends on k, so it
is known by the middle of the two log thresholds, which trials tell.
"""

from __future__ import annotations

import numpy as np

from pdpsych.experiments.placement.psychometric import Floats
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.signal_curve import SignalCurve

# Log k goes so far beyond what is known, in these steps, nats.
_REACH, _STEP = 4.0, 0.25
# A model that is blind to one of two distortions is held to differ by no more.
MOST_RATIO = 6.0


def predicted_ratios(u: FiniteResponse, v: FiniteResponse, middles: Floats) -> Floats:
    """Return log τ(v) − log τ(u) of a model where the middle of both is at ``middles``.

    A threshold is the first amplitude with d′ = 1; above the largest known amplitude d′ is held to
    go on in proportion to it.

    Parameters
    ----------
    u, v
        D of the model.
    middles
        Log amplitudes, in model units.
    """
    asked = [_local_efficiency(one) for one in (u, v)]
    if not all(map(np.isfinite, asked)):
        # Blind to one of them, or to both.
        blind = float(np.isinf(asked[1])) - float(np.isinf(asked[0]))
        return np.full(middles.shape, MOST_RATIO * blind)
    # log k at which the middle would be there, if both went on as they begin.
    typical = np.mean(asked) - middles
    efficiencies = np.arange(typical.max() + _REACH, typical.min() - _REACH, -_STEP)
    log_u, log_v = (_thresholds(SignalCurve(response), efficiencies) for response in (u, v))
    ratio = np.interp(middles, (log_u + log_v) / 2, log_v - log_u)
    return np.clip(ratio, -MOST_RATIO, MOST_RATIO)


def _local_efficiency(response: FiniteResponse) -> float:
    """Return log(α/D) of the smallest known amplitude; infinite where nothing is seen."""
    if not response.largest:
        return np.inf
    smallest = float(response.amplitudes[0])
    with np.errstate(divide="ignore"):
        return float(np.log(smallest) - np.log(response.mean(smallest)))


def _thresholds(curve: SignalCurve, log_efficiencies: Floats) -> Floats:
    found = curve.log_thresholds(log_efficiencies)
    top = np.array([curve.log_largest])
    return np.where(np.isfinite(found), found, top - curve.log_signal(log_efficiencies, top))
