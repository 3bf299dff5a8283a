"""Between what the trials alone place a threshold, if they do."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from pdpsych.analysis.fitting.likelihood import Observations, log_likelihood
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.names import Floats

# log τ around the mean log amplitude of the condition, nats: beyond, everything or nothing is seen.
_PLACES = np.linspace(-8.0, 8.0, 321)
BOUNDS = ("exact", "at least", "at most", "unknown")


def trial_bounds(
    observations: Observations, posterior: Posterior, level: float
) -> dict[str, Floats | list[str]]:
    """Return the columns ``bound``, ``trials_low`` and ``trials_high`` of the thresholds.

    The ends are where the likelihood has fallen by half the quantile of χ² with one degree of
    freedom; not a number where it does not fall so far.
    """
    places = observations.centres()[:, None] + _PLACES
    height = log_likelihood(observations, places, posterior.shared).value
    inside = height >= height.max(axis=1, keepdims=True) - ndtri((1 + level) / 2) ** 2 / 2
    first, last = inside.argmax(axis=1), inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    row = np.arange(len(places))
    below, above = first > 0, last < places.shape[1] - 1
    kinds = np.select([below & above, below, above], BOUNDS[:3], BOUNDS[3])
    return {
        "bound": kinds.tolist(),
        "trials_low": np.where(below, np.exp(places[row, first]), np.nan),
        "trials_high": np.where(above, np.exp(places[row, last]), np.nan),
    }
