"""Log sensitivity ratios of people, one by one and together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.names import CONDITION, EVERYONE, Floats
from pdpsych.analysis.scoring.pooling import Pooled
from pdpsych.common.errors import InputError


@dataclass(frozen=True)
class HumanRatios:
    """Samples of log τ(v) − log τ(u), by the trials alone.

    Attributes
    ----------
    pairs
        image, pair, kind of each of K pairs that somebody has both thresholds of.
    participants
        Labels of the P participants.
    samples
        (samples, P, K), nats; not-a-number where a participant lacks a threshold.
    """

    pairs: pd.DataFrame
    participants: list[str]
    samples: Floats


def human_ratios(fit: Fit, pairs: pd.DataFrame) -> HumanRatios:
    """Return log τ(v) − log τ(u) of every participant for pairs with columns image, pair, kind.

    The prior that thresholds share is taken off (:meth:`Posterior.draws_by_trials`), and
    thresholds that trials do not determine count as missing: both would put a ratio near those of
    other images, to the advantage of models that predict just that.

    Raises
    ------
    InputError
        If nobody has measured both distortions of a pair.
    """
    participants = list(fit.posteriors)
    measured_rows = fit.thresholds[fit.thresholds["bound"] == "exact"][CONDITION]
    index = {tuple(condition): row for row, *condition in measured_rows.itertuples(name=None)}
    drawn = fit.samples_by_trials
    samples = np.full((len(drawn), len(participants), len(pairs)), np.nan)
    for k, (image, pair) in enumerate(zip(pairs["image"], pairs["pair"], strict=True)):
        for p, who in enumerate(participants):
            u, v = (index.get((who, image, pair, number)) for number in (1, 2))
            if u is not None and v is not None:
                samples[:, p, k] = drawn[:, v] - drawn[:, u]
    measured = ~np.isnan(samples[0]).all(axis=0)
    if not measured.any():
        raise InputError(
            "no pair has thresholds for both of its distortions that the trials determine",
            file=fit.analysis["name"],
            remedy="see the flags of pdpsych fit, or run more sessions",
        )
    return HumanRatios(
        pairs[measured].reset_index(drop=True), participants, samples[:, :, measured]
    )


def ratio_table(ratios: HumanRatios, everyone: Pooled, level: float) -> pd.DataFrame:
    """Return log_ratio, sd, low, high per participant and pair, and for everyone together."""
    frames = []
    for p, name in enumerate(ratios.participants):
        seen = ~np.isnan(ratios.samples[0, p])
        own = ratios.samples[:, p, seen]
        low, high = interval(own, level)
        frames.append(
            ratios.pairs[seen].assign(
                log_ratio=own.mean(axis=0), sd=own.std(axis=0), low=low, high=high, participant=name
            )
        )
    low, high = interval(everyone.wide_samples, level)
    sd = everyone.samples.std(axis=0)
    frames.append(
        ratios.pairs.assign(
            log_ratio=everyone.estimate, sd=sd, low=low, high=high, participant=EVERYONE
        )
    )
    table = pd.concat(frames, ignore_index=True)
    return table[["participant", "image", "pair", "kind", "log_ratio", "sd", "low", "high"]]


def interval(samples: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the ends of the central interval over the first axis."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
