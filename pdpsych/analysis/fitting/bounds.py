"""Between what the trials alone place a threshold, if they do."""

from __future__ import annotations

import numpy as np
import scipy

from pdpsych.analysis.fitting import places
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.names import Floats

BOUNDS = ("exact", "at least", "at most", "unknown")


def trial_bounds(posterior: Posterior, level: float) -> dict[str, Floats | list[str]]:
    """Return the columns ``bound``, ``trials_low`` and ``trials_high`` of the thresholds.

    The ends are where the likelihood, what conditions share integrated out, has fallen by half the
    quantile of χ² with one degree of freedom; not a number where it does not fall so far however
    small or large the threshold is.
    """
    height = posterior.log_likelihood
    level_of = height.max(axis=1) - scipy.special.ndtri((1 + level) / 2) ** 2 / 2
    low, high, below, above = places.crossings(posterior.places, height, level_of)
    kinds = np.select([below & above, below, above], BOUNDS[:3], BOUNDS[3])
    return {
        "bound": kinds.tolist(),
        "trials_low": np.where(below, np.exp(low), np.nan),
        "trials_high": np.where(above, np.exp(high), np.nan),
    }
