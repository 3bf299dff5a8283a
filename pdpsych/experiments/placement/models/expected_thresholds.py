"""Where models expect thresholds before anybody is measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from pdpsych.experiments.placement.models.predicted_ratios import predicted_thresholds
from pdpsych.experiments.placement.placement import Placement
from pdpsych.stimuli.responses.finite_response import FiniteResponse
from pdpsych.stimuli.thresholds import efficiency_for

Key = TypeVar("Key", bound=tuple[str, str, int])


def expecting_models(
    each: Mapping[Key, Placement], responses: Mapping[Key, Mapping[str, FiniteResponse]]
) -> dict[Key, Placement]:
    """Return placements that expect thresholds where models predict them.

    A model predicts them up to its efficiency: their geometric mean is put where the prior has its
    median. All models are as likely, and a threshold is normal around its predicted place, with the
    sd of the prior.

    Parameters
    ----------
    each
        Before any answer, of conditions whose priors are alike but for their units.
    responses
        D of each model in each condition.
    """
    chance = {key: np.zeros_like(one.posterior.prior) for key, one in each.items()}
    for model in next(iter(responses.values())):
        places = _places({key: responses[key][model] for key in each}, each)
        for key, place in places.items():
            before = each[key].posterior
            near = np.exp(-(((before.log_thresholds - place) / before.sd) ** 2) / 2)
            chance[key] = chance[key] + near / near.sum()
    return {key: one.expecting(chance[key]) for key, one in each.items()}


def _places(own: Mapping[Key, FiniteResponse], each: Mapping[Key, Placement]) -> dict[Key, float]:
    """Return the log thresholds that a model predicts, within the grids of the posteriors."""
    sees = {key: r.largest > 0 and float(r.mean(r.largest)) > 0 for key, r in own.items()}
    found = dict.fromkeys(own, np.inf)
    if any(sees.values()):
        medians = [float(np.exp(each[key].posterior.median)) for key in own]
        log_k = np.log([efficiency_for(list(own.values()), medians)])
        found |= {
            key: float(predicted_thresholds(r, log_k)[0]) for key, r in own.items() if sees[key]
        }
    grids = {key: each[key].posterior.log_thresholds for key in own}
    return {key: float(np.clip(t, grids[key][0], grids[key][-1])) for key, t in found.items()}
