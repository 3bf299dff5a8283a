"""The log ratios of thresholds that models predict, by where the thresholds are.

A model predicts thresholds up to its efficiency k. With one k for each pair of distortions only
their ratio speaks, as in equation 1. At amplitudes that are not small the ratio depends on k, so it
is known by the middle of the two log thresholds, which trials tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import TypeVar

import numpy as np

from pdpsych.experiments.placement.psychometric import Floats
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.responses.signal_curve import SignalCurve

Key = TypeVar("Key", bound=tuple[str, str, int])

# Amplitudes at which models are compared.
_PLACES = 9
# Log k goes so far beyond what is known, in these steps, nats.
_REACH, _STEP = 2.0, 0.5
# A model that is blind to one of two distortions is held to differ by no more.
MOST_RATIO = 6.0


def predicted_ratios(u: FiniteResponse, v: FiniteResponse, middles: Floats) -> Floats:
    """Return log τ(v) − log τ(u) of a model where the middle of both is at ``middles``.

    Thresholds are those of :func:`predicted_thresholds`.

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
    log_u, log_v = (predicted_thresholds(response, efficiencies) for response in (u, v))
    ratio = np.interp(middles, (log_u + log_v) / 2, log_v - log_u)
    return np.clip(ratio, -MOST_RATIO, MOST_RATIO)


def predicted_thresholds(response: FiniteResponse, log_efficiencies: Floats) -> Floats:
    """Return log τ of a model by log k, (K,): where d′ is first 1.

    Above the largest known amplitude d′ is held to go on in proportion to it.

    Parameters
    ----------
    response
        D of the model, who sees the distortion.
    log_efficiencies
        Log k.
    """
    curve = SignalCurve(response)
    found, top = curve.log_thresholds(log_efficiencies), np.array([curve.log_largest])
    return np.where(np.isfinite(found), found, top - curve.log_signal(log_efficiencies, top))


def largest_differences(
    responses: Mapping[Key, Mapping[str, FiniteResponse]],
) -> dict[tuple[str, str], float]:
    """Return how far apart the log ratios of each two models are at most, at known amplitudes.

    Parameters
    ----------
    responses
        D of each model by image, pair and number of the distortion.
    """
    models = list(next(iter(responses.values())))
    found = dict.fromkeys(combinations(models, 2), 0.0)
    for u, v in pairs_of(responses).values():
        ratios = {m: _at_known(responses[u][m], responses[v][m]) for m in models}
        for a, b in found:
            apart = float(np.abs(ratios[a] - ratios[b]).max())
            found[a, b] = max(found[a, b], apart)
    return found


def pairs_of(conditions: Iterable[Key]) -> dict[tuple[str, str], tuple[Key, Key]]:
    """Return u and v of each pair, image and name, of which both are among the conditions."""
    own: dict[tuple[str, str], list[Key]] = {}
    for key in sorted(conditions):
        own.setdefault((key[0], key[1]), []).append(key)
    return {pair: (keys[0], keys[1]) for pair, keys in own.items() if len(keys) == 2}


def _at_known(u: FiniteResponse, v: FiniteResponse) -> Floats:
    """Return log ratios of a model between the smallest and largest known amplitudes."""
    if not (u.largest and v.largest):
        return np.zeros(_PLACES)
    ends = (np.log(u.amplitudes[[0, -1]]) + np.log(v.amplitudes[[0, -1]])) / 2
    return predicted_ratios(u, v, np.linspace(ends[0], ends[1], _PLACES))


def _local_efficiency(response: FiniteResponse) -> float:
    """Return log(α/D) of the smallest known amplitude; infinite where nothing is seen."""
    if not response.largest:
        return np.inf
    smallest = float(response.amplitudes[0])
    with np.errstate(divide="ignore"):
        return float(np.log(smallest) - np.log(response.mean(smallest)))
