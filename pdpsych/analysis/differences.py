"""Differences between the scores of all models, told apart with one error rate for all."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pdpsych.analysis.likelihood import Floats
from pdpsych.analysis.mean_score import MeanScores

# Sensitivities are computed in single precision: what differs by less is equal.
NEGLIGIBLE = 1e-5

COLUMNS = [
    "kind",
    "model",
    "other",
    "difference",
    "standard_error",
    "low",
    "high",
    "p_value",
    "separated",
]


def differences(models: list[str], kind: str, means: MeanScores, level: float) -> pd.DataFrame:
    """Return one row a pair of models, the closer one first: how much further the other is.

    Intervals are simultaneous: over all pairs of models of a kind, all of them hold with
    probability ``level``. Their common multiple of the standard errors is a quantile of the
    largest studentised difference in the draws (max-t; Hothorn, Bretz & Westfall 2008), so the
    choice of the best model after seeing the scores is covered. ``p_value`` is adjusted
    accordingly; ``separated`` are models whose interval leaves 0 out.
    """
    order = np.argsort(means.mean, kind="stable")
    first, second = np.triu_indices(len(order), k=1)
    a, b = order[first], order[second]
    difference = means.mean[b] - means.mean[a]
    errors = _standard_errors(means.draws)[a, b]
    usable = errors > NEGLIGIBLE
    safe = np.where(usable, errors, 1.0)
    largest = _largest(means, a[usable], b[usable], errors[usable])
    multiple = float(np.quantile(largest, level))
    reach = multiple * np.where(usable, errors, 0.0)
    as_large = (largest >= (difference / safe)[:, None]).sum(axis=1)
    adjusted = np.where(usable, (1 + as_large) / (1 + len(largest)), difference < NEGLIGIBLE)
    return pd.DataFrame(
        {
            "kind": kind,
            "model": np.array(models, dtype=object)[a],
            "other": np.array(models, dtype=object)[b],
            "difference": difference,
            "standard_error": errors,
            "low": difference - reach,
            "high": difference + reach,
            "p_value": adjusted.astype(float),
            "separated": difference - reach > NEGLIGIBLE,
        },
        columns=COLUMNS,
    )


def _standard_errors(draws: Floats) -> Floats:
    """Return the standard deviation of every difference, (M, M)."""
    deviation = draws - draws.mean(axis=0)
    covariance = deviation.T @ deviation / len(draws)
    variance = np.diag(covariance)
    return np.asarray(np.sqrt(np.maximum(variance[:, None] + variance - 2 * covariance, 0.0)))


def _largest(means: MeanScores, a: np.ndarray, b: np.ndarray, errors: Floats) -> Floats:
    """Return the largest studentised difference of each draw, (samples,); row by row of memory."""
    deviation = (means.wide_draws - means.mean).T
    largest = np.zeros(deviation.shape[1])
    for one, other, error in zip(a, b, errors, strict=True):
        np.maximum(largest, np.abs(deviation[one] - deviation[other]) / error, out=largest)
    return largest
