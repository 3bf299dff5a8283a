"""What people see on average: log ratios of participants as random effects."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pdpsych.analysis.inference.censoring import completed, pooled_bounds
from pdpsych.analysis.names import Floats

# Keeps a participant without noise from getting all the weight.
_LEAST_VARIANCE = 1e-9
# How far people's log ratios lie apart, nats: a half-normal prior, as is advised for the
# heterogeneity of few studies (Röver et al. 2021). It matters with two or three participants,
# whose t distributions alone would admit that people differ by any factor.
_PRIOR_SD = 0.5
# Before the data people lie apart by about this, nats, as much as one deviation says: two who
# agree by chance have not shown that everybody does.
_TYPICAL_SD = 0.2
# Degrees of freedom that all pairs lend to how far people lie apart on one.
_TYPICAL_FREEDOM = 4
# Of the draws of a mean, beyond the end that is its bound.
_ONE_END = 0.025
# The prior is no narrower than this multiple of what is estimated.
_LEAST_PRIOR = 2.0
# Logarithms of factors by which a standard deviation may be larger than its estimate.
_GRID = np.linspace(np.log(0.05), np.log(200.0), 2001)


@dataclass(frozen=True)
class Stretch:
    """How much larger than its estimate a standard deviation may be.

    Attributes
    ----------
    freedom
        Degrees of freedom of the estimate; 0 if the standard deviation is known.
    prior
        Scale of a half-normal prior of the standard deviation, in units of its estimate; without
        one, normal draws times these factors are those of Student's t.
    """

    freedom: int
    prior: float = np.inf

    def draw(self, number: int, rng: np.random.Generator) -> Floats:
        """Return factors, (number,)."""
        if not self.freedom:
            return np.ones(number)
        if np.isinf(self.prior):
            return np.asarray(np.sqrt(self.freedom / rng.chisquare(self.freedom, number)))
        factor = np.exp(_GRID)
        log_density = -self.freedom * (_GRID + factor**-2 / 2) - (factor / self.prior) ** 2 / 2
        cumulated = np.cumsum(np.exp(log_density - log_density.max()))
        places = np.interp(rng.random(number) * cumulated[-1], cumulated, _GRID)
        return np.asarray(np.exp(places))


@dataclass(frozen=True)
class Pooled:
    """Mean log ratio over participants, and draws of its error by where it comes from.

    Attributes
    ----------
    estimate
        (K,), nats; of a bound its end, 0 where there is none.
    trials
        Draws of its error by the trials that each participant had, (samples, K); 0 for bounds.
    spread
        Draws of its error by how far participants lie apart, noise of their trials included,
        (samples, K); 0 where there is one participant, of whom alone the mean then speaks.
    participants
        Draws of its error by who took part, besides the noise of trials, (samples, K).
    uncertainty
        What few participants leave open of the size of ``participants``.
    stretch
        Draws of that, (samples,).
    low, high
        Ends between which the mean lies, (K,): ``estimate`` twice, or a bound's.
    """

    estimate: Floats
    trials: Floats
    spread: Floats
    participants: Floats
    uncertainty: Stretch
    stretch: Floats
    low: Floats
    high: Floats

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Which means are more than bounds, (K,)."""
        return self.low == self.high

    @property
    def samples(self) -> Floats:
        """Draws with the variance of the estimate, (samples, K)."""
        return self.estimate + self.trials + self.participants

    @property
    def wide_samples(self) -> Floats:
        """Draws for intervals: the variance over few participants is itself uncertain."""
        return self.estimate + self.trials + self.stretch[:, None] * self.participants

    def select(self, numbers: NDArray[np.intp]) -> Pooled:
        """Return the same of some pairs."""
        return replace(
            self,
            estimate=self.estimate[numbers],
            trials=self.trials[:, numbers],
            spread=self.spread[:, numbers],
            participants=self.participants[:, numbers],
            low=self.low[numbers],
            high=self.high[numbers],
        )


def pool(
    samples: Floats,
    rng: np.random.Generator,
    low: Floats | None = None,
    high: Floats | None = None,
) -> Pooled:
    """Average over participants, weighted by 1/(s² + τ²) as random effects are.

    s² is the posterior variance of a participant's ratio, τ² that between participants by
    DerSimonian & Laird (1986), their moments summed over pairs. Whole participants are drawn, as
    Gaussian multipliers of their deviations from the mean, so that what a participant has in
    common on all pairs does not average out over pairs.

    Bounds of single participants are censored values of the same normal distribution (Tobin
    1958): see :mod:`pdpsych.analysis.inference.censoring`. The mean of a pair of which most have
    bounds is one itself.

    Parameters
    ----------
    samples
        Posterior samples, (samples, P, K), not-a-number where a participant lacks a pair.
    low, high
        Ends of each participant's ratio, (P, K), infinite where it has none; needed where samples
        are missing because there is no more than a bound.
    """
    middle = samples.mean(axis=0)
    low, high = (middle if end is None else end for end in (low, high))
    between = between_variance(middle, variances(samples))
    prior = _with_prior(between, ~np.isnan(middle))
    ends = pooled_bounds(low, high, np.sqrt(prior))
    bounded = ends[0] != ends[1]
    samples, imputed = completed(samples, low, high, bounded, np.sqrt(prior), rng)
    pooled = _pool(samples, imputed, between, prior, rng)
    # Where most are censored, one likelihood that falls off on both sides may do so by chance.
    doubtful = 2 * imputed.sum(axis=0) > (~np.isnan(low)).sum(axis=0)
    drawn = np.quantile(pooled.wide_samples, [_ONE_END, 1 - _ONE_END], axis=0)
    above, below = (doubtful & (imputed & np.isfinite(e)).any(axis=0) for e in (low, high))
    ends = (
        np.where(doubtful, np.where(above & ~below, drawn[0], -np.inf), ends[0]),
        np.where(doubtful, np.where(below & ~above, drawn[1], np.inf), ends[1]),
    )
    bounded |= doubtful
    finite = np.where(np.isfinite(ends[0]), ends[0], np.where(np.isfinite(ends[1]), ends[1], 0.0))
    estimate = np.where(bounded, finite, pooled.estimate)
    return replace(
        pooled,
        trials=pooled.trials * ~bounded,
        spread=pooled.spread * ~bounded,
        participants=pooled.participants * ~bounded,
        estimate=estimate,
        low=np.where(bounded, ends[0], estimate),
        high=np.where(bounded, ends[1], estimate),
    )


def _pool(
    samples: Floats,
    imputed: NDArray[np.bool_],
    between: float,
    prior: float,
    rng: np.random.Generator,
) -> Pooled:
    """Average over participants who have samples; what nobody has is 0, without error."""
    estimate, variance = samples.mean(axis=0), variances(samples)
    # How unsure an imputed value is says nothing of how much of the mean it stands for.
    variance[imputed] = 0.0
    present, number = ~np.isnan(estimate), len(estimate)
    weight = np.where(present, 1 / (np.maximum(variance, _LEAST_VARIANCE) + between), 0.0)
    weight /= np.maximum(weight.sum(axis=0), np.finfo(float).tiny)
    middle = (weight * np.nan_to_num(estimate)).sum(axis=0)
    trials = weighted_noise(samples, weight)
    if number < 2:
        none = np.zeros_like(trials)
        ones = np.ones(len(samples))
        return Pooled(middle, trials, none, none, Stretch(0), ones, middle, middle)
    count = present.sum(axis=0)
    deviation = np.where(present, estimate - middle, 0.0)
    share, apart = _share(deviation, variance, count), _root_mean_square(deviation, count)
    deviation *= np.sqrt(count / np.maximum(count - 1, 1))
    # Where one participant alone has a pair, it does not show how far others are away.
    deviation[:, count == 1] = np.sqrt(between / share) if share > 0 else 0.0
    spread = rng.standard_normal((len(samples), number)) @ (weight * deviation)
    own = share * ((weight * deviation) ** 2).sum(axis=0)
    typical = prior * (weight**2).sum(axis=0)
    # What few people show on one pair is chance: it is drawn towards what they show on all.
    target = ((number - 1) * own + _TYPICAL_FREEDOM * typical) / (number - 1 + _TYPICAL_FREEDOM)
    kept = np.sqrt(share * np.minimum(1.0, target / np.maximum(own, _LEAST_VARIANCE)))
    more = np.sqrt(np.maximum(target - own, 0.0))
    participants = kept * spread + more * rng.standard_normal(spread.shape)
    least = max(_LEAST_PRIOR, _PRIOR_SD / apart) if apart > 0 else _LEAST_PRIOR
    uncertainty = Stretch(number - 1, least)
    stretch = uncertainty.draw(len(samples), rng)
    return Pooled(middle, trials, spread, participants, uncertainty, stretch, middle, middle)


def variances(samples: Floats) -> Floats:
    """Return the variances of samples (samples, P, K), a participant at a time for the memory."""
    return np.stack([own.var(axis=0) for own in np.moveaxis(samples, 1, 0)])


def weighted_noise(samples: Floats, weight: Floats) -> Floats:
    """Return the sum over participants of samples (samples, P, K) less their mean, (samples, K).

    Samples that are missing have the weight 0.
    """
    total = np.zeros((len(samples), samples.shape[2]))
    for own, share in zip(np.moveaxis(samples, 1, 0), weight, strict=True):
        total += np.where(share > 0, share * (own - own.mean(axis=0)), 0.0)
    return total


def _with_prior(between: float, present: NDArray[np.bool_]) -> float:
    """Return τ² with a prior that counts as much as one deviation."""
    freedom = int(np.maximum(present.sum(axis=0) - 1, 0).sum())
    return (freedom * between + _TYPICAL_SD**2) / (freedom + 1)


def between_variance(estimate: Floats, variance: Floats) -> float:
    """Return DerSimonian & Laird's τ² for (P, K) estimates, their moments summed over K pairs.

    Missing estimates are not-a-number; 0 where nothing tells participants apart.
    """
    present = ~np.isnan(estimate)
    weight = np.where(present, 1 / np.maximum(np.nan_to_num(variance), _LEAST_VARIANCE), 0.0)
    total = weight.sum(axis=0)
    middle = (weight * np.nan_to_num(estimate)).sum(axis=0) / np.where(total > 0, total, 1.0)
    excess = (weight * np.nan_to_num(estimate - middle) ** 2).sum(axis=0) - present.sum(axis=0) + 1
    several = present.sum(axis=0) > 1
    scale = float(
        (total - (weight**2).sum(axis=0) / np.where(total > 0, total, 1.0))[several].sum()
    )
    return max(0.0, float(excess[several].sum()) / scale) if scale > 0 else 0.0


def _share(deviation: Floats, variance: Floats, count: NDArray[np.intp]) -> float:
    """Return the share of the scatter of participants that noise of trials does not explain."""
    scatter = float((deviation**2).sum())
    average = np.nansum(variance, axis=0) / np.maximum(count, 1)
    noise = float((average * np.maximum(count - 1, 0)).sum())
    return max(0.0, 1 - noise / scatter) if scatter > 0 else 0.0


def _root_mean_square(deviation: Floats, count: NDArray[np.intp]) -> float:
    """Return how far participants lie apart, root mean square over pairs, nats."""
    freedom = int(np.maximum(count - 1, 0).sum())
    return float(np.sqrt((deviation**2).sum() / max(1, freedom)))
