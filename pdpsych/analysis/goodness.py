"""Whether the fit describes the trials, and what else moved the answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from pdpsych.analysis import tables
from pdpsych.analysis.counts import Counts, count, tail
from pdpsych.analysis.likelihood import Floats
from pdpsych.analysis.residuals import Residuals
from pdpsych.analysis.trials import CONDITION

EVERY = "all"
# Bins of d′ at which answers are counted: they do not depend on the answer to come.
EDGES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
# A block of consecutive trials in which a state of the person lasts, some minutes.
_BLOCK = 50

GOODNESS_COLUMNS: tables.Dictionary = {
    "participant": ("label of the participant", "none"),
    "image": ('base image; "all": all trials of the participant', "none"),
    "pair": ("pair of distortions of the image", "none"),
    "distortion": ("1 is u, 2 is v of the pair (u, v); 0: all", "none"),
    "trials": ("trials the fit rests on", "count"),
    "proportion_correct": ("share of correct answers", "none"),
    "expected_correct": ("share of correct answers that the fit expects", "none"),
    "deviance": (
        f"binomial deviance of the counts in bins of d′ with edges {', '.join(map(str, EDGES))}",
        "none",
    ),
    "deviance_expected": ("its mean in answers simulated from the fit and fitted again", "none"),
    "deviance_p": ("share of simulations with a deviance as large", "none"),
}
BIN_COLUMNS: tables.Dictionary = {
    "participant": ("label of the participant", "none"),
    "signal": ("mean d′ of the trials in a bin, by the fit", "none"),
    "trials": ("trials of all conditions in the bin", "count"),
    "proportion_correct": ("share of correct answers", "none"),
    "low": ("lower end of its interval, by the trials of the bin alone (Wilson)", "none"),
    "high": ("upper end of its interval, by the trials of the bin alone (Wilson)", "none"),
    "expected_correct": ("share of correct answers that the fit expects", "none"),
}


@dataclass(frozen=True)
class Goodness:
    """How one participant's trials agree with the fit.

    Attributes
    ----------
    conditions
        A row for all trials and one for each condition: columns :data:`GOODNESS_COLUMNS`.
    bins
        Columns :data:`BIN_COLUMNS`: proportion correct by d′ over all conditions.
    summary
        For the table of participants: ``curve_p`` of the bins' deviance; ``learning``, the change
        of log threshold from first to last trial in nats, with interval and ``learning_p``;
        ``first_share`` of answers for the first position if both were equally often right, with
        interval and ``first_p``; ``overdispersion``, the variance of counts in blocks of
        50 trials over that of independent answers, and ``overdispersion_p``.
    """

    conditions: pd.DataFrame
    bins: pd.DataFrame
    summary: dict[str, float]


def goodness(
    rows: pd.DataFrame, residuals: Residuals, level: float, rng: np.random.Generator
) -> Goodness:
    """Compare the trials of one participant with the fit.

    What the fit expects of deviances and blocks is found by simulating answers from it at the
    amplitudes shown, and letting the fit follow each of them.

    Parameters
    ----------
    rows
        The trials, sorted by condition as the observations are: participant, image, pair,
        distortion, order, response, correct.
    level
        Probability of the intervals.
    """
    bin_of = np.searchsorted(EDGES, residuals.signal, side="right")
    cell_of = residuals.observations.condition * (len(EDGES) + 1) + bin_of
    place = rows["order"].rank(method="first").to_numpy(int) - 1
    cells, bins, blocks = count(residuals, [cell_of, bin_of, place // _BLOCK], rng)
    z = float(ndtri((1 + level) / 2))
    ratio = blocks.variance_ratio()
    signal = np.bincount(bin_of, residuals.signal)[bins.label] / bins.trials
    summary = {
        "curve_p": tail(bins.deviance().sum(axis=0)),
        **_learning(place, residuals, z),
        **_first_share(rows, z),
        "overdispersion": float(ratio[0]),
        "overdispersion_p": tail(ratio),
    }
    return Goodness(_deviances(rows, residuals, cells), _bins(rows, bins, signal, z), summary)


def _deviances(rows: pd.DataFrame, residuals: Residuals, cells: Counts) -> pd.DataFrame:
    """Return a row for all conditions together, then one for each."""
    starts = np.searchsorted(
        cells.label // (len(EDGES) + 1), np.arange(residuals.observations.starts.size)
    )
    deviance = np.add.reduceat(cells.deviance(), starts)
    deviance = np.concatenate([deviance.sum(axis=0, keepdims=True), deviance])
    data = rows[CONDITION].assign(
        trials=1, proportion_correct=rows["correct"], expected_correct=residuals.expected
    )
    each = data.groupby(CONDITION, sort=True, as_index=False).agg(
        trials=("trials", "size"),
        proportion_correct=("proportion_correct", "mean"),
        expected_correct=("expected_correct", "mean"),
    )
    whole = each.iloc[[0]].assign(
        image=EVERY,
        pair=EVERY,
        distortion=0,
        trials=len(rows),
        proportion_correct=float(rows["correct"].mean()),
        expected_correct=float(residuals.expected.mean()),
    )
    return pd.concat([whole, each], ignore_index=True).assign(
        deviance=deviance[:, 0],
        deviance_expected=deviance[:, 1:].mean(axis=1),
        deviance_p=[tail(values) for values in deviance],
    )


def _bins(rows: pd.DataFrame, bins: Counts, signal: Floats, z: float) -> pd.DataFrame:
    n, share = bins.trials, bins.correct[:, 0] / bins.trials
    # Wilson (1927)
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return pd.DataFrame(
        {
            "participant": rows["participant"].iloc[0],
            "signal": signal,
            "trials": n.astype(int),
            "proportion_correct": share,
            "low": middle - reach,
            "high": middle + reach,
            "expected_correct": bins.expected[:, 0] / n,
        }
    )


def _learning(place: NDArray[np.intp], residuals: Residuals, z: float) -> dict[str, float]:
    """Return the change of log τ from the first to the last trial."""
    change, sd = residuals.trend(place / max(len(place) - 1, 1) - 0.5)
    return {
        "learning": change,
        "learning_low": change - z * sd,
        "learning_high": change + z * sd,
        "learning_p": float(2 * ndtr(-abs(change) / sd)),
    }


def _first_share(rows: pd.DataFrame, z: float) -> dict[str, float]:
    """Return the share of answers for the first position, both positions given equal weight."""
    first = rows["response"].to_numpy() == 1
    there = first == rows["correct"].to_numpy(bool)
    chosen = np.array([first[there].sum(), first[~there].sum()]) + 0.5
    number = np.array([there.sum(), (~there).sum()]) + 1.0
    share = chosen / number
    middle = float(share.mean())
    # Where one position never came, nothing is known of it.
    spread = np.where(number > 1, share * (1 - share) / number, 0.25)
    sd = float(np.sqrt(spread.sum()) / 2)
    return {
        "first_share": middle,
        "first_low": max(middle - z * sd, 0.0),
        "first_high": min(middle + z * sd, 1.0),
        "first_p": float(2 * ndtr(-abs(middle - 0.5) / sd)),
    }
