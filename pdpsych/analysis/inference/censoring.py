"""Ratios of which participants' trials give no more than a bound, as censored normal values.

Participants' ratios of a pair are normal around their mean μ with standard deviation τ. Where the
trials say x ≥ B, the likelihood of μ has the factor Φ((μ − B)/τ) (Tobin 1958). With a ratio that
is more than a bound beside it, it falls off on both sides, and what is censored is imputed; with
bounds of one side alone it does not, and μ has a bound.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats

# By how much the log likelihood falls from its maximum to the end of a 95 % interval.
_FALL = 1.92
# Where μ is looked for around the bounds, in standard deviations, and in how many halvings.
_REACH, _HALVINGS = 8.0, 40
# Values of μ at which its density is known.
_PLACES = 4001


def pooled_bounds(low: Floats, high: Floats, sd: float) -> tuple[Floats, Floats]:
    """Return the ends of the mean over participants whose ends are given, (K,) each.

    Equal and finite where somebody's ratio is more than a bound. Of one participant, of whom alone
    the mean speaks, they are that one's. Bounds from both sides alone say nothing.

    Parameters
    ----------
    low, high
        Ends of each participant's ratio, (P, K), not-a-number where a pair was not shown.
    sd
        Standard deviation of participants, nats.
    """
    exact = (low == high).any(axis=0)
    from_below, from_above = np.isfinite(low), np.isfinite(high)
    least, most = np.full(low.shape[1], -np.inf), np.full(low.shape[1], np.inf)
    for k in np.flatnonzero(~exact & (from_below.any(axis=0) != from_above.any(axis=0))):
        if from_below[:, k].any():
            least[k] = _lower_end(low[from_below[:, k], k], sd if len(low) > 1 else 0.0)
        else:
            most[k] = -_lower_end(-high[from_above[:, k], k], sd if len(low) > 1 else 0.0)
    return np.where(exact, 0.0, least), np.where(exact, 0.0, most)


def _lower_end(bounds: Floats, sd: float) -> float:
    """Return the least μ that lower bounds of participants allow."""
    if not sd:
        return float(bounds.max())
    low, high = bounds.min() - _REACH * sd, bounds.max() + _REACH * sd
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if scipy.special.log_ndtr((middle - bounds) / sd).sum() < -_FALL:
            low = middle
        else:
            high = middle
    return float(low)


def completed(
    samples: Floats,
    low: Floats,
    high: Floats,
    left_out: NDArray[np.bool_],
    sd: float,
    rng: np.random.Generator,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Impute what is censored; return all samples, and which of them are imputed, (P, K).

    Draws μ by all that is known of it, and x | μ, truncated normal. As imputations are draws with
    μ unknown, the variance of the mean over them, added to that of complete data, is that of the
    mean (Rubin 1987).

    Parameters
    ----------
    samples
        Posterior samples, (samples, P, K), not-a-number where there are none.
    low, high
        Ends of each participant's ratio, (P, K).
    left_out
        Pairs whose mean is a bound, (K,).
    sd
        Standard deviation of participants, nats.
    """
    censored = np.isnan(samples[0]) & (np.isfinite(low) | np.isfinite(high)) & ~left_out
    chosen = np.flatnonzero(censored.any(axis=0))
    if not len(chosen):
        return samples, censored
    filled = samples.copy()
    for k in chosen:
        who = censored[:, k]
        own = samples[:, ~who & ~np.isnan(samples[0, :, k]), k]
        bounds = np.where(np.isfinite(low[who, k]), low[who, k], high[who, k])
        sides = np.where(np.isfinite(low[who, k]), 1.0, -1.0)
        filled[:, who, k] = _imputed(own, bounds, sides, sd, rng)
    return filled, censored


def _imputed(
    own: Floats, bounds: Floats, sides: Floats, sd: float, rng: np.random.Generator
) -> Floats:
    """Return draws, (samples, B), of ratios at least (side 1) or at most (−1) so large."""
    size = len(own)
    weight = 1 / (own.var(axis=0) + sd**2)
    middle = _mean_given(weight, own.mean(axis=0), bounds, sides, sd, rng.random(size))[:, None]
    beyond = scipy.special.ndtr(sides * (middle - bounds) / sd)
    share = np.maximum(beyond * rng.random((size, len(bounds))), np.finfo(float).tiny)
    return np.asarray(middle - sides * sd * scipy.special.ndtri(share))


def _mean_given(
    weight: Floats, middle: Floats, bounds: Floats, sides: Floats, sd: float, share: Floats
) -> Floats:
    """Return where the distribution of μ has reached some shares.

    Its density is that given the ratios that are known, with these precisions and middles, times
    Φ(±(μ − bound)/sd) for each bound.
    """
    centre, reach = (weight @ middle) / weight.sum(), _REACH / np.sqrt(weight.sum())
    ends = np.append(bounds + sides * _REACH * sd, centre)
    mu = np.linspace(ends.min() - reach, ends.max() + reach, _PLACES)
    log_density = -weight.sum() * (mu - centre) ** 2 / 2
    log_density += scipy.special.log_ndtr(sides * (mu[:, None] - bounds) / sd).sum(axis=1)
    density = np.exp(log_density - log_density.max())
    cumulated = np.append(0.0, np.cumsum((density[1:] + density[:-1]) / 2))
    return np.asarray(np.interp(share * cumulated[-1], cumulated, mu))
