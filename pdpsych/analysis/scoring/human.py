"""Log sensitivity ratios of people, one by one and together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdpsych.analysis.fitting.bounds import BOUNDS
from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.names import CONDITION, EVERYONE, Floats
from pdpsych.analysis.scoring.pooling import Pooled
from pdpsych.common.errors import InputError

# The likelihood of an unseen threshold falls off like the quarter of a parabola below its end, as
# wide as that of a threshold that was seen. Of their difference the end is then z(√(s² + s²) − s)
# from where both are, s the sd and zs the reach of the threshold that was seen.
_OF_REACH = np.sqrt(2) - 1


@dataclass(frozen=True)
class HumanRatios:
    """What the trials say of log τ(v) − log τ(u).

    Attributes
    ----------
    pairs
        image, pair, kind of each of K pairs that somebody was shown both distortions of.
    participants
        Labels of the P participants.
    samples
        (samples, P, K), nats; not-a-number where a participant was not shown the pair, or its
        trials do not bound both thresholds.
    low, high
        Ends between which the trials leave each ratio, (P, K): equal where there are samples,
        infinite where there is none, not-a-number where the pair was not shown.
    """

    pairs: pd.DataFrame
    participants: list[str]
    samples: Floats
    low: Floats
    high: Floats

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Which ratios have samples, (P, K)."""
        return np.isfinite(self.low) & (self.low == self.high)

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Which pairs were shown to whom, (P, K)."""
        return ~np.isnan(self.low)


def human_ratios(fit: Fit, pairs: pd.DataFrame) -> HumanRatios:
    """Return log τ(v) − log τ(u) of every participant for pairs with columns image, pair, kind.

    The prior that thresholds share is taken off (:meth:`Posterior.draws_by_trials`): it would put
    a ratio near those of other images, to the advantage of models that predict just that. Where
    the trials bound a threshold from one side alone, so they do the ratio: what people cannot see
    is no missing value.

    Raises
    ------
    InputError
        If nobody was shown both distortions of a pair.
    """
    participants = list(fit.posteriors)
    rows = _rows(fit, participants, pairs)
    some = np.flatnonzero((rows >= 0).all(axis=0).any(axis=0))
    if not some.size:
        raise InputError(
            "no participant was shown both distortions of a pair",
            file=fit.analysis["name"],
            remedy="run more sessions",
        )
    u, v = rows[..., some]
    shown = np.minimum(u, v) >= 0
    samples, middle = np.empty((fit.analysis["samples"], *shown.shape)), _unknown(fit)
    for place, (own, drawn) in enumerate(_drawn(fit)):
        middle[own] = drawn.mean(axis=0)
        of_u, of_v = (drawn[:, np.searchsorted(own, x[place])] for x in (u, v))
        samples[:, place] = np.where(shown[place], of_v - of_u, np.nan)
    near_low, near_high = _near_ends(fit.thresholds, middle)
    middle, exact = samples.mean(axis=0), ~np.isnan(samples[0])
    low = np.where(exact, middle, np.where(shown, near_low[v] - near_high[u], np.nan))
    high = np.where(exact, middle, np.where(shown, near_high[v] - near_low[u], np.nan))
    return HumanRatios(pairs.iloc[some].reset_index(drop=True), participants, samples, low, high)


def bound_kinds(low: Floats, high: Floats) -> NDArray[np.str_]:
    """Say of ends whether they are a value (exact), or bound it from one side or none."""
    return np.select([low == high, np.isfinite(low), np.isfinite(high)], BOUNDS[:3], BOUNDS[3])


def finite_ends(low: Floats, high: Floats) -> Floats:
    """Return the value, or the end that there is; not a number where there is none."""
    known = np.where(np.isfinite(low), low, high)
    return np.where(np.isfinite(known), known, np.nan)


def ratio_table(ratios: HumanRatios, everyone: Pooled, level: float) -> pd.DataFrame:
    """Return log_ratio, sd, low, high, bound per participant and pair, and for all together.

    Of a bound, log_ratio and low or high are its end.
    """
    frames = [
        _rows_of(name, ratios.pairs[seen], samples[:, seen], low[seen], high[seen], level)
        for name, seen, samples, low, high in zip(
            ratios.participants,
            ratios.shown,
            np.moveaxis(ratios.samples, 1, 0),
            ratios.low,
            ratios.high,
            strict=True,
        )
    ]
    together = _rows_of(
        EVERYONE, ratios.pairs, everyone.wide_samples, everyone.low, everyone.high, level
    )
    together["sd"] = np.where(together["bound"] == "exact", everyone.samples.std(axis=0), np.nan)
    table = pd.concat([*frames, together], ignore_index=True)
    columns = ["participant", "image", "pair", "kind", "log_ratio", "sd", "low", "high", "bound"]
    return table[columns]


def interval(samples: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the ends of the central interval over the first axis."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def _rows_of(
    name: str, pairs: pd.DataFrame, samples: Floats, low: Floats, high: Floats, level: float
) -> pd.DataFrame:
    exact = low == high
    drawn = interval(samples, level)
    ends = [np.where(exact, own, end) for own, end in zip(drawn, (low, high), strict=True)]
    return pairs.assign(
        log_ratio=finite_ends(low, high),
        sd=np.where(exact, samples.std(axis=0), np.nan),
        low=np.where(np.isfinite(ends[0]), ends[0], np.nan),
        high=np.where(np.isfinite(ends[1]), ends[1], np.nan),
        bound=bound_kinds(low, high),
        participant=name,
    )


def _rows(fit: Fit, participants: list[str], pairs: pd.DataFrame) -> NDArray[np.intp]:
    """Return the rows of ``thresholds`` of u and v, (2, P, K); −1 where there is none."""
    index = {tuple(c): row for row, *c in fit.thresholds[CONDITION].itertuples(name=None)}
    keys = list(zip(pairs["image"], pairs["pair"], strict=True))
    found = [
        [[index.get((who, *key, number), -1) for key in keys] for who in participants]
        for number in (1, 2)
    ]
    return np.array(found, dtype=np.intp).reshape(2, len(participants), len(keys))


def threshold_ends(fit: Fit) -> tuple[Floats, Floats]:
    """Return both ends of each log threshold by its trials, (C,) each.

    Equal, the mean, where the trials bound it from both sides, infinite where they do not.
    """
    middle = _unknown(fit)
    for own, drawn in _drawn(fit):
        middle[own] = drawn.mean(axis=0)
    low, high = _near_ends(fit.thresholds, middle)
    exact = ~np.isnan(middle)
    return np.where(exact, middle, low), np.where(exact, middle, high)


def _unknown(fit: Fit) -> Floats:
    return np.full(len(fit.thresholds), np.nan)


def _drawn(fit: Fit) -> Iterator[tuple[NDArray[np.intp], Floats]]:
    """Yield the rows of each participant, R, and samples of its log thresholds, (samples, R).

    They are not-a-number where the trials do not bound a threshold from both sides; those far
    beyond its ends, which an approximation of the posterior may reach, are put back. Those of all
    participants together would fill the memory.
    """
    low, high = _trial_ends(fit.thresholds)
    least, most = 2 * low - high, 2 * high - low
    unknown = (fit.thresholds["bound"] != "exact").to_numpy()
    participant = fit.thresholds["participant"].to_numpy()
    for name in fit.posteriors:
        own = np.flatnonzero(participant == name)
        drawn = np.clip(fit.draws_by_trials(name), least[own], most[own])
        drawn[:, unknown[own]] = np.nan
        yield own, drawn


def _near_ends(table: pd.DataFrame, middle: Floats) -> tuple[Floats, Floats]:
    """Return both ends of each log threshold as they enter a bound, by the means of its samples."""
    low, high = _trial_ends(table)
    near_low = np.where(np.isnan(middle), low, middle - _OF_REACH * (middle - low))
    near_high = np.where(np.isnan(middle), high, middle + _OF_REACH * (high - middle))
    return (
        np.where(np.isnan(near_low), -np.inf, near_low),
        np.where(np.isnan(near_high), np.inf, near_high),
    )


def _trial_ends(table: pd.DataFrame) -> tuple[Floats, Floats]:
    low, high = (
        np.log(table[name].to_numpy(dtype=float)) for name in ("trials_low", "trials_high")
    )
    return low, high
