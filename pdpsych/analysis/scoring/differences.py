"""Differences between the scores of all models, told apart with one error rate for all."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats
from pdpsych.analysis.scoring.mean_score import ImageMeans

# Sensitivities are computed in single precision: what differs by less is equal.
NEGLIGIBLE = 1e-5


def differences(
    models: list[str], kind: str, means: ImageMeans, level: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Return one row a pair of models, the closer one first: how much further the other is.

    Intervals are simultaneous: over all pairs of models of a kind, all of them hold with
    probability ``level``. Their common multiple of the standard errors is a quantile of the
    largest studentised difference in the draws (max-t; Hothorn, Bretz & Westfall 2008), so the
    choice of the best model after seeing the scores is covered. Each difference has a standard
    error of its own, whose uncertainty is drawn for each independently, which errs to the safe
    side. ``p_value`` is adjusted accordingly; ``separated`` are models whose interval leaves 0
    out. Both keep a standard error of the draws to the safe side, so that a verdict does not
    hang on the seed.
    """
    order = np.argsort(means.mean, kind="stable")
    first, second = np.triu_indices(len(order), k=1)
    a, b = order[first], order[second]
    difference = means.mean[b] - means.mean[a]
    errors, largest = _studentised(means, a, b, rng)
    usable = errors > NEGLIGIBLE
    largest.sort()
    chance = _chance(len(largest))
    rare = int(np.searchsorted(chance, 1 - level, side="right"))
    reach = np.where(usable, errors, 0.0) * largest[-max(rare, 1)]
    observed = difference / np.where(usable, errors, 1.0)
    as_large = len(largest) - np.searchsorted(largest, observed)
    adjusted = np.where(usable, chance[as_large], difference < NEGLIGIBLE)
    names = np.array(models, dtype=object)
    return pd.DataFrame(
        {
            "kind": kind,
            "model": names[a],
            "other": names[b],
            "difference": difference,
            "standard_error": errors,
            "low": difference - reach,
            "high": difference + reach,
            "p_value": adjusted.astype(float),
            "separated": difference - reach > NEGLIGIBLE,
        }
    )


def _chance(draws: int) -> Floats:
    """Return the probability of what 0, 1, … of the draws are as large as, and a standard error."""
    share = np.arange(1, draws + 2) / (draws + 1)
    return np.asarray(share + np.sqrt(share * (1 - share) / draws)).clip(max=1.0)


def _studentised(
    means: ImageMeans, a: NDArray[np.intp], b: NDArray[np.intp], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return the standard errors of differences, and the largest studentised one of each draw."""
    columns = [np.ascontiguousarray(source.draws.T) for source in means.sources]
    errors, largest = np.zeros(len(a)), np.zeros(len(means.wide_draws))
    for number, (one, other) in enumerate(zip(a, b, strict=True)):
        apart = [draws[other] - draws[one] for draws in columns]
        errors[number] = np.sqrt(sum(np.mean(draws**2) for draws in apart))
        if errors[number] > NEGLIGIBLE:
            wide = sum(
                source.wide(draws, rng) for source, draws in zip(means.sources, apart, strict=True)
            )
            np.maximum(largest, np.abs(wide) / errors[number], out=largest)
    return errors, largest
