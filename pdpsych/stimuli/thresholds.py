"""The thresholds that an observer would have who saw like a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import scipy

from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.stimulus_set import StimulusSet

_Key = TypeVar("_Key", bound=tuple[str, str, int])


def expected_thresholds(
    opened: StimulusSet, model: str, median_rms: float
) -> dict[tuple[str, str, int], float]:
    """Return τ of each (image, pair, distortion), in model units: inverse to sensitivity.

    Of thresholds only ratios follow from a model: their geometric mean over the set, without
    rivals, is put at ``median_rms`` in RMS contrast, τ/√D. Those of distortions to which the model
    is blind are infinite.
    """
    table = opened.sensitivities(rivals=True).query("model == @model")
    root = np.sqrt([opened[image].dimension for image in table["image"]])
    with np.errstate(divide="ignore"):
        relative = 1 / (table["sensitivity"].to_numpy() * root)
    rivals = _rivals(opened)
    own = [key not in rivals for key in zip(table["image"], table["pair"], strict=True)]
    visible = np.isfinite(relative) & own
    scale = median_rms / np.exp(np.mean(np.log(relative[visible])))
    keys = zip(table["image"], table["pair"], table["distortion"], strict=True)
    return {key: float(v) for key, v in zip(keys, scale * relative * root, strict=True)}


def efficiency(
    opened: StimulusSet, responses: Mapping[_Key, FiniteResponse], median_rms: float
) -> float:
    """Return k of an observer whose d′ is k D and whose thresholds are at ``median_rms``.

    Their geometric mean over the set, without rivals, is in RMS contrast, see
    :func:`efficiency_for`.
    """
    rivals = _rivals(opened)
    own = [key for key in responses if key[:2] not in rivals]
    wanted = [median_rms * opened[image].dimension ** 0.5 for image, _, _ in own]
    return efficiency_for([responses[key] for key in own], wanted)


def efficiency_for(responses: Sequence[FiniteResponse], thresholds: Sequence[float]) -> float:
    """Return k for which thresholds and those given have the same geometric mean.

    A threshold is the first amplitude with k D̄ = 1. Where it is not reached at any known
    amplitude, it counts as though D went on in proportion to α; where nothing is ever seen, it
    does not count.
    """
    seen = [r.largest > 0 and float(r.mean(r.largest)) > 0 for r in responses]
    own = [r for r, sees in zip(responses, seen, strict=True) if sees]
    wanted = np.mean(np.log(np.array(thresholds)[seen]))

    def above(log_efficiency: float) -> float:
        level = float(np.exp(-log_efficiency))
        return float(np.mean([np.log(_reached(r, level)) for r in own]) - wanted)

    first = -np.log([r.mean(r.largest) for r in own])
    low, high = float(first.min()), float(first.max())
    while above(low) < 0:
        low -= 1
    while above(high) > 0:
        high += 1
    return float(np.exp(scipy.optimize.brentq(above, low, high, xtol=1e-10)))


def _reached(response: FiniteResponse, level: float) -> float:
    found = response.first_crossing(level)
    if np.isfinite(found):
        return found
    return response.largest * level / float(response.mean(response.largest))


def _rivals(opened: StimulusSet) -> set[tuple[str, str]]:
    return {(i.name, p.name) for i in opened for p in i.with_rivals if p.rival_of}
