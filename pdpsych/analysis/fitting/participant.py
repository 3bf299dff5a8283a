"""One participant's trials, fitted."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from pdpsych.analysis.definition import Analysis
from pdpsych.analysis.fitting.bootstrap import bootstrap, bootstrap_interval
from pdpsych.analysis.fitting.bounds import trial_bounds
from pdpsych.analysis.fitting.flags import flags
from pdpsych.analysis.fitting.goodness import Goodness, goodness
from pdpsych.analysis.fitting.hierarchy import solve
from pdpsych.analysis.fitting.likelihood import Observations
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.names import CONDITION

# A threshold counts as measured if its trials alone place it within a factor e or so. Otherwise
# it is what the other conditions are, which is no basis for comparing models.
_MEASURED_SD = 1.0
# Placement may keep above a threshold: from trials at a d′ of 1.35 to the threshold, where d′ is 1,
# is no extrapolation to speak of.
_OUTSIDE = 0.3


class Estimate(NamedTuple):
    """A participant's trials, their posterior, and a row a condition of what it says."""

    observations: Observations
    posterior: Posterior
    thresholds: pd.DataFrame


class FittedParticipant(NamedTuple):
    """What the fit of one participant gives: tables, a row of another, and the posterior."""

    thresholds: pd.DataFrame
    row: dict[str, Any]
    goodness: Goodness
    posterior: Posterior


def fit_participant(
    rows: pd.DataFrame, analysis: Analysis, index: int, progress: bool
) -> FittedParticipant:
    """Fit one participant and check the fit.

    Parameters
    ----------
    rows
        The trials, in any order.
    index
        Number of the participant: what is drawn is drawn with it and the seed.
    progress
        Whether to show a progress bar over simulated experiments.
    """
    rows = rows.sort_values([*CONDITION, "order"], kind="stable")
    built, posterior, thresholds = estimate(rows, analysis.level)
    rng = np.random.default_rng([analysis.seed, index, 1])
    if analysis.bootstrap:
        errors = bootstrap(built, posterior, analysis.bootstrap, rng, progress=progress)
        low, high = bootstrap_interval(posterior.mean, errors, analysis.level)
        thresholds = thresholds.assign(bootstrap_low=np.exp(low), bootstrap_high=np.exp(high))
    checked = goodness(rows, built, posterior, analysis.level, rng)
    row = _row(rows, posterior, checked, analysis.level)
    row["flags"] = flags(row, thresholds, checked.conditions["deviance_p"].iloc[0])
    return FittedParticipant(thresholds, row, checked, posterior)


def estimate(rows: pd.DataFrame, level: float) -> Estimate:
    """Estimate one participant's thresholds, unchecked; ``rows`` are sorted by condition."""
    table = _conditions(rows)
    built = Observations.build(
        rows.groupby(CONDITION, sort=True).ngroup(),
        rows["amplitude"],
        rows["correct"],
        table.groupby(["pair", "distortion"], sort=True).ngroup(),
        rows["order"],
    )
    posterior = solve(built)
    estimates = _with_estimates(table, posterior, _normal(level))
    return Estimate(built, posterior, estimates.assign(**trial_bounds(built, posterior, level)))


def _normal(level: float) -> float:
    """Return how many standard deviations an interval reaches."""
    return float(ndtri((1 + level) / 2))


def _conditions(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row a condition: trials, and the ends of the amplitudes shown."""
    shown = rows.assign(amplitude=rows["amplitude"].where(rows["amplitude"] > 0))
    amplitude = shown.groupby(CONDITION, sort=True)["amplitude"]
    table = amplitude.agg(trials="size", least="min", most="max")
    return table.reset_index()


def _with_estimates(table: pd.DataFrame, posterior: Posterior, z: float) -> pd.DataFrame:
    mean, sd = posterior.mean, posterior.total_sd()
    threshold = np.exp(mean)
    least, most = table["least"] * np.exp(-_OUTSIDE), table["most"] * np.exp(_OUTSIDE)
    return table[CONDITION].assign(
        threshold=threshold,
        low=np.exp(mean - z * sd),
        high=np.exp(mean + z * sd),
        log_threshold=mean,
        sd=sd,
        trials=table["trials"],
        measured=posterior.trial_sd() <= _MEASURED_SD,
        outside_range=~((least <= threshold) & (threshold <= most)),
    )


def _row(
    rows: pd.DataFrame, posterior: Posterior, checked: Goodness, level: float
) -> dict[str, Any]:
    middle, low, high = posterior.interval(_normal(level))
    learning_sd = posterior.shared_sd().learning
    return {
        "participant": str(rows["participant"].iloc[0]),
        "exponent": float(middle.exponent),
        "exponent_low": float(low.exponent),
        "exponent_high": float(high.exponent),
        "lapse": float(middle.lapse),
        "lapse_low": float(low.lapse),
        "lapse_high": float(high.lapse),
        "trials": len(rows),
        "proportion_correct": float(rows["correct"].mean()),
        "converged": posterior.converged,
        "learning": float(middle.learning),
        "learning_low": float(low.learning),
        "learning_high": float(high.learning),
        "learning_p": float(2 * ndtr(-abs(middle.learning) / learning_sd)),
        **checked.summary,
    }
