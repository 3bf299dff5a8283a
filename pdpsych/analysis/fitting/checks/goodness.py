"""Whether the fit describes the trials, and what else moved the answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from pdpsych.analysis.binomial import wilson
from pdpsych.analysis.fitting.checks.asymmetry import asymmetry
from pdpsych.analysis.fitting.checks.curve import curve_p, predicted
from pdpsych.analysis.fitting.checks.discrepancy import discrepancy, p_value
from pdpsych.analysis.fitting.checks.widening import Widening, widening
from pdpsych.analysis.fitting.columns import EDGES
from pdpsych.analysis.fitting.likelihood import expected_correct
from pdpsych.analysis.fitting.posterior import Posterior
from pdpsych.analysis.names import CONDITION, Floats

# In the columns image and pair, of what is of all trials of a participant.
_EVERY = "all"
# A block of consecutive trials in which a state of the person lasts, some minutes.
_BLOCK = 50


@dataclass(frozen=True)
class Goodness:
    """How one participant's trials agree with the fit.

    Attributes
    ----------
    conditions
        A row for all trials and one for each condition: columns
        :data:`pdpsych.analysis.fitting.columns.GOODNESS_COLUMNS`.
    bins
        Proportion correct by predicted d′ over all conditions: columns
        :data:`pdpsych.analysis.fitting.columns.BIN_COLUMNS`.
    summary
        For the table of participants: ``curve_p``, the p value of the bins; ``first_share`` of
        answers for the first position if both were equally often right, with interval and
        ``first_p``; ``overdispersion``, the variance of counts in blocks of 50 trials over that
        of independent answers, and ``overdispersion_p``; ``asymmetry`` of the two signs of
        distortions and ``asymmetry_p``.
    widening
        Powers to which likelihoods are to count if that variance is real.
    """

    conditions: pd.DataFrame
    bins: pd.DataFrame
    summary: dict[str, float]
    widening: Widening


def goodness(
    rows: pd.DataFrame,
    posterior: Posterior,
    level: float,
    rng: np.random.Generator,
) -> Goodness:
    """Compare the trials of one participant with the fit.

    Parameters
    ----------
    rows
        The trials, sorted by condition as the observations are: participant, image, pair,
        distortion, order, response, correct, sign.
    level
        Probability of the intervals.
    """
    # Without an order, trials are in one that does not depend on answers.
    place = np.arange(len(rows))
    if rows["order"].notna().all():
        place = rows["order"].rank(method="first").to_numpy(int) - 1
    else:
        place = rng.permutation(place)
    block = place // _BLOCK
    found = discrepancy(posterior, block, rng)
    z = float(scipy.special.ndtri((1 + level) / 2))
    expected = expected_correct(posterior.observations, posterior.mode.mean, posterior.mode.shared)
    before = predicted(posterior.observations, posterior.mode.shared)
    bins = np.searchsorted(EDGES, before.signal, side="right")
    summary = {
        "curve_p": curve_p(posterior, before.chance, bins),
        **_first_share(rows, z),
        "overdispersion": float(np.divide(*found.blocks.mean(axis=0))),
        "overdispersion_p": p_value(found.blocks),
        **asymmetry(posterior, rows["sign"].to_numpy(float)),
    }
    data = rows.assign(expected=expected, predicted=before.chance, signal=before.signal, bin=bins)
    return Goodness(
        _deviances(data, found.conditions),
        _bins(data, level),
        summary,
        widening(posterior.observations.condition, block, summary["overdispersion"]),
    )


def _deviances(data: pd.DataFrame, deviances: Floats) -> pd.DataFrame:
    """Return a row for all conditions together, then one for each."""
    both = np.concatenate([deviances.sum(axis=2, keepdims=True), deviances], axis=2)
    each = data.groupby(CONDITION, sort=True, as_index=False)
    whole = data.assign(image=_EVERY, pair=_EVERY, distortion=0)
    parts = [
        groups.agg(
            trials=("correct", "size"),
            proportion_correct=("correct", "mean"),
            expected_correct=("expected", "mean"),
        )
        for groups in (whole.groupby(CONDITION, as_index=False), each)
    ]
    return pd.concat(parts, ignore_index=True).assign(
        deviance=both[:, 0].mean(axis=0),
        deviance_expected=both[:, 1].mean(axis=0),
        deviance_p=[p_value(both[:, :, k]) for k in range(both.shape[2])],
    )


def _bins(data: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return proportion correct in bins of predicted d′."""
    groups = data.groupby("bin")
    low, high = wilson(groups["correct"].sum(), groups.size(), level)
    return pd.DataFrame(
        {
            "participant": data["participant"].iloc[0],
            "signal": groups["signal"].mean(),
            "trials": groups.size(),
            "proportion_correct": groups["correct"].mean(),
            "low": low,
            "high": high,
            "expected_correct": groups["predicted"].mean(),
        }
    ).reset_index(drop=True)


def _first_share(rows: pd.DataFrame, z: float) -> dict[str, float]:
    """Return the share of answers for the first position, both positions given equal weight."""
    if rows["response"].isna().all():
        return dict.fromkeys(("first_share", "first_low", "first_high", "first_p"), np.nan)
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
        "first_p": float(2 * scipy.special.ndtr(-abs(middle - 0.5) / sd)),
    }
