"""One participant's trials, fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy

from pdpsych.analysis.definition import Analysis
from pdpsych.analysis.fitting.bootstrap import bootstrap, bootstrap_interval
from pdpsych.analysis.fitting.bounds import trial_bounds
from pdpsych.analysis.fitting.checks.flags import WIDENED_P, flags
from pdpsych.analysis.fitting.checks.goodness import Goodness, goodness
from pdpsych.analysis.fitting.checks.widening import NONE, Widening
from pdpsych.analysis.fitting.integration import solve
from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.population import Told, exponents_by_others
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.fitting.prior import Exponents
from pdpsych.analysis.names import CONDITION, GROUP, Floats
from pdpsych.analysis.tasks.links import TWO, Link

_MOST_LINES = 18
# Placement may keep above a threshold: from trials at a d′ of 1.35 to the threshold, where d′ is 1,
# is no extrapolation to speak of.
_OUTSIDE = 0.3


class Estimate(NamedTuple):
    """The posterior of a participant, and a row a condition of what it says."""

    posterior: Posterior
    thresholds: pd.DataFrame


class FittedParticipant(NamedTuple):
    """What the fit of one participant gives: tables, a row of another, and the posterior."""

    thresholds: pd.DataFrame
    row: dict[str, Any]
    goodness: Goodness
    posterior: Posterior


def fit_participant(
    rows: pd.DataFrame,
    analysis: Analysis,
    index: int,
    progress: bool,
    exponents: Exponents | None = None,
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
    exponents
        The prior of log b, by default that of somebody of whom nothing is known.
    """
    rows = in_conditions(rows)
    found = estimate(rows, analysis.level, link=analysis.link, exponents=exponents)
    rng = np.random.default_rng([analysis.seed, index, 1])
    checked = goodness(rows, found.posterior, analysis.level, rng)
    if checked.summary["overdispersion_p"] < WIDENED_P:
        found = estimate(rows, analysis.level, checked.widening, analysis.link, exponents)
    posterior, thresholds = found
    if analysis.bootstrap:
        errors = bootstrap(posterior, analysis.bootstrap, rng, progress=progress)
        low, high = bootstrap_interval(posterior.mean, errors, analysis.level)
        thresholds = thresholds.assign(bootstrap_low=np.exp(low), bootstrap_high=np.exp(high))
    row = _row(rows, posterior, checked, analysis.level)
    deviance_p = checked.conditions["deviance_p"].iloc[0]
    row["flags"] = flags(row, thresholds, deviance_p, analysis.link.chance)
    if GROUP in rows:
        row[GROUP] = group = str(rows[GROUP].iloc[0])
        thresholds = thresholds.assign(**{GROUP: group})
    return FittedParticipant(thresholds, row, checked, posterior)


def in_conditions(rows: pd.DataFrame) -> pd.DataFrame:
    """Return trials sorted by condition and time, as :class:`Observations` have them."""
    return rows.sort_values([*CONDITION, "order"], kind="stable")


def estimate(
    rows: pd.DataFrame,
    level: float,
    widening: Widening = NONE,
    link: Link = TWO,
    exponents: Exponents | None = None,
) -> Estimate:
    """Estimate one participant's thresholds, unchecked; ``rows`` are sorted by condition."""
    table = _conditions(rows)
    posterior = solve(replace(_observed(rows, link), **widening._asdict()), exponents=exponents)
    thresholds = _with_estimates(table, posterior, level)
    return Estimate(posterior, thresholds.assign(**trial_bounds(posterior, level)))


def exponents_of(people: Iterable[pd.DataFrame], link: Link) -> list[Exponents]:
    """Return the prior of log b of each participant, given the trials of each, in any order."""
    told = []
    for rows in map(in_conditions, people):
        groups = set(zip(rows["pair"], rows["distortion"], strict=True))
        told.append(Told.by(_observed(rows, link), sorted(groups)))
    return list(exponents_by_others(told))


def _observed(rows: pd.DataFrame, link: Link) -> Observations:
    """Return trials, sorted by condition, as the fit takes them."""
    table = _conditions(rows)
    right = rows["correct"].to_numpy(float) == 1
    response, order = rows["response"].to_numpy(float), rows["order"]
    positions = np.where(right, response, 3 - response)
    return Observations.build(
        rows.groupby(CONDITION, sort=True).ngroup(),
        rows["amplitude"],
        rows["correct"],
        table.groupby(["pair", "distortion"], sort=True).ngroup(),
        None if order.isna().all() else order,
        None if np.isnan(response).all() else positions,
        link,
    )


def _conditions(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row a condition: trials, and the ends of the amplitudes shown."""
    shown = rows.assign(amplitude=rows["amplitude"].where(rows["amplitude"] > 0))
    amplitude = shown.groupby(CONDITION, sort=True)["amplitude"]
    table = amplitude.agg(trials="size", least="min", most="max")
    return table.reset_index()


def _with_estimates(table: pd.DataFrame, posterior: Posterior, level: float) -> pd.DataFrame:
    middle, low, high = (posterior.quantile(q) for q in (0.5, (1 - level) / 2, (1 + level) / 2))
    threshold = np.exp(middle)
    least, most = table["least"] * np.exp(-_OUTSIDE), table["most"] * np.exp(_OUTSIDE)
    return table[CONDITION].assign(
        threshold=threshold,
        low=np.exp(low),
        high=np.exp(high),
        log_threshold=middle,
        sd=posterior.sd,
        exponent=posterior.shared.exponents[posterior.observations.group],
        trials=table["trials"],
        outside_range=~((least <= threshold) & (threshold <= most)),
    )


def _row(
    rows: pd.DataFrame, posterior: Posterior, checked: Goodness, level: float
) -> dict[str, Any]:
    nodes = posterior.nodes
    drift, repetition = np.sqrt(2) * nodes.criteria.T[1:]
    return {
        "participant": str(rows["participant"].iloc[0]),
        **_interval(posterior, "exponent", nodes.log_exponent, level, np.exp),
        **_interval(
            posterior, "lapse", nodes.guess_logit, level, lambda y: scipy.special.expit(y) / 2
        ),
        "trials": len(rows),
        "proportion_correct": float(rows["correct"].mean()),
        "converged": posterior.mode.converged,
        **_interval(posterior, "learning", nodes.learning, level),
        "learning_p": _p_of_none(posterior, nodes.learning),
        "exponents_p": _exponents_p(posterior, rows),
        "criterion_drift": float(posterior.moments(drift)[0]),
        "criterion_drift_p": _p_of_none(posterior, drift),
        "repetition": float(posterior.moments(repetition)[0]),
        "repetition_p": _p_of_none(posterior, repetition),
        **checked.summary,
    }


def _interval(
    posterior: Posterior,
    name: str,
    values: Floats,
    level: float,
    readable: Callable[[Floats], Floats] = np.asarray,
) -> dict[str, float]:
    """Return mean and interval of a number at the nodes, (S,), on the scale that people read."""
    mean, sd = posterior.moments(values)
    reach = scipy.special.ndtri((1 + level) / 2) * sd
    ends = {name: mean, f"{name}_low": mean - reach, f"{name}_high": mean + reach}
    return {key: float(readable(value)) for key, value in ends.items()}


def _p_of_none(posterior: Posterior, values: Floats) -> float:
    """Return the p value of 0 for a number given at the nodes, (S,)."""
    mean, sd = posterior.moments(values)
    return float(2 * scipy.special.ndtr(-abs(mean) / sd))


def _exponents_p(posterior: Posterior, rows: pd.DataFrame) -> float:
    """Return the p value of equal exponents of the two distortions of each pair.

    Groups are in the order of pair and distortion.
    """
    pairs = rows[["pair", "distortion"]].drop_duplicates().sort_values(["pair", "distortion"])
    both = np.flatnonzero(pairs["pair"].duplicated())
    if not both.size:
        return 1.0
    apart = posterior.nodes.log_exponents[:, both] - posterior.nodes.log_exponents[:, both - 1]
    mean = posterior.weight @ apart
    off = apart - mean
    covariance = (off * posterior.weight[:, None]).T @ off
    return float(scipy.special.chdtrc(both.size, mean @ np.linalg.solve(covariance, mean)))


def participant_lines(people: pd.DataFrame) -> list[str]:
    """Say what each participant's trials gave, a line each, of very many the first."""
    lines = [
        f"{row['participant']}: {row['trials']} trials, exponent {row['exponent']:.2f} "
        f"[{row['exponent_low']:.2f}, {row['exponent_high']:.2f}], lapse {row['lapse']:.3f}; "
        f"{row['flags'] or 'no flags'}"
        for row in people.head(_MOST_LINES).to_dict("records")
    ]
    more = len(people) - _MOST_LINES
    return lines + ([f"and {more} more, in participants.csv"] if more > 0 else [])
