"""What people see on average: log ratios of participants as random effects."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats

# Keeps a participant without noise from getting all the weight.
_LEAST_VARIANCE = 1e-9
# How far people's log ratios lie apart, nats: a half-normal prior, as is advised for the
# heterogeneity of few studies (Röver et al. 2021). It matters with two or three participants,
# whose t distributions alone would admit that people differ by any factor.
_PRIOR_SD = 0.5
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
        (K,), nats.
    trials
        Draws of its error by the trials that each participant had, (samples, K).
    spread
        Draws of its error by how far participants lie apart, noise of their trials included,
        (samples, K); 0 where there is one participant, of whom alone the mean then speaks.
    share
        Share of the variance of ``spread`` that is not noise of trials.
    uncertainty
        What few participants leave open of the size of ``spread``.
    stretch
        Draws of that, (samples,).
    """

    estimate: Floats
    trials: Floats
    spread: Floats
    share: float
    uncertainty: Stretch
    stretch: Floats

    @property
    def participants(self) -> Floats:
        """Draws of the error by who took part, besides the noise of trials, (samples, K)."""
        return np.asarray(np.sqrt(self.share) * self.spread)

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
        )


def pool(samples: Floats, rng: np.random.Generator) -> Pooled:
    """Average over participants, weighted by 1/(s² + τ²) as random effects are.

    s² is the posterior variance of a participant's ratio, τ² that between participants by
    DerSimonian & Laird (1986), their moments summed over pairs. Whole participants are drawn, as
    Gaussian multipliers of their deviations from the mean, so that what a participant has in
    common on all pairs does not average out over pairs.

    Parameters
    ----------
    samples
        Posterior samples, (samples, P, K), not-a-number where a participant lacks a pair; some
        participant has each pair.
    """
    estimate, variance = samples.mean(axis=0), samples.var(axis=0)
    present, number = ~np.isnan(estimate), len(estimate)
    between = between_variance(estimate, variance)
    weight = np.where(present, 1 / (np.maximum(variance, _LEAST_VARIANCE) + between), 0.0)
    weight /= weight.sum(axis=0)
    middle = (weight * np.nan_to_num(estimate)).sum(axis=0)
    trials = np.einsum("spk,pk->sk", np.nan_to_num(samples - estimate), weight)
    if number < 2:
        none = np.zeros_like(trials)
        return Pooled(middle, trials, none, 0.0, Stretch(0), np.ones(len(samples)))
    count = present.sum(axis=0)
    deviation = np.where(present, estimate - middle, 0.0)
    share, apart = _share(deviation, variance, count), _root_mean_square(deviation, count)
    deviation *= np.sqrt(count / np.maximum(count - 1, 1))
    # Where one participant alone has a pair, it does not show how far others are away.
    deviation[:, count == 1] = np.sqrt(between / share) if share > 0 else 0.0
    spread = rng.standard_normal((len(samples), number)) @ (weight * deviation)
    prior = max(_LEAST_PRIOR, _PRIOR_SD / apart) if apart > 0 else _LEAST_PRIOR
    uncertainty = Stretch(number - 1, prior)
    stretch = uncertainty.draw(len(samples), rng)
    return Pooled(middle, trials, spread, share, uncertainty, stretch)


def between_variance(estimate: Floats, variance: Floats) -> float:
    """Return DerSimonian & Laird's τ² for (P, K) estimates, their moments summed over K pairs.

    Missing estimates are not-a-number; 0 where nothing tells participants apart.
    """
    present = ~np.isnan(estimate)
    weight = np.where(present, 1 / np.maximum(np.nan_to_num(variance), _LEAST_VARIANCE), 0.0)
    total = weight.sum(axis=0)
    middle = (weight * np.nan_to_num(estimate)).sum(axis=0) / total
    excess = (weight * np.nan_to_num(estimate - middle) ** 2).sum(axis=0) - present.sum(axis=0) + 1
    scale = float((total - (weight**2).sum(axis=0) / total)[present.sum(axis=0) > 1].sum())
    return max(0.0, float(excess.sum()) / scale) if scale > 0 else 0.0


def _share(deviation: Floats, variance: Floats, count: NDArray[np.intp]) -> float:
    """Return the share of the scatter of participants that noise of trials does not explain."""
    scatter = float((deviation**2).sum())
    noise = float((np.nanmean(variance, axis=0) * (count - 1)).sum())
    return max(0.0, 1 - noise / scatter) if scatter > 0 else 0.0


def _root_mean_square(deviation: Floats, count: NDArray[np.intp]) -> float:
    """Return how far participants lie apart, root mean square over pairs, nats."""
    return float(np.sqrt((deviation**2).sum() / max(1, int((count - 1).sum()))))
