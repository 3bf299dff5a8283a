"""How far models are from people where people's ratios are known with noise.

A model's errors e_k = x_model − x_human of K pairs are seen as ê_k = e_k + c + n_k, n_k noise of
variance s_k², c of variance γ² common to all pairs. Noise makes |ê| larger than |e| on average, the
more the better the model. So the errors of a model are taken as normal over pairs around a mean m
with standard deviation σ, both unknown, and its |e_k| are drawn given what was seen (empirical
Bayes; Efron 2010): with little noise they are |ê_k|, whatever the shape of their distribution, with
much they are those of the distribution. The mean over *all* images like these is then drawn as that
of a Dirichlet process with one prior draw (Ferguson 1973): over the images with random weights, and
over one image more that nobody has seen, which keeps two that agree by chance from being all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pdpsych.analysis.names import Floats

# Standard deviations and means of errors over pairs, nats: half-Cauchy priors of this scale.
_SCALE = 0.5
_SPREADS = np.concatenate([[1e-3], np.geomspace(0.02, 8.0, 25)])
_OFFSETS = np.concatenate([[1e-3], np.geomspace(0.02, 4.0, 10)])
# The part of the noise that is common to all pairs leaves each some of its own.
_MOST_COMMON = 0.9


class Noise(NamedTuple):
    """Noise of the ratios of people.

    Attributes
    ----------
    variance
        s_k² of each pair, (K,).
    common
        γ².
    stretch
        Draws of how much larger than γ the standard deviation of what is common may be, (samples,).
    """

    variance: Floats
    common: float
    stretch: Floats


def noise_of(variance: Floats, shared: Floats, stretch: Floats) -> Noise:
    """Take apart the noise of ratios: what pairs have in common, and what they have not.

    Parameters
    ----------
    variance
        Of all the noise of each pair, (K,).
    shared
        Draws, (samples, K), that have in common what noise has in common.
    stretch
        As in :class:`Noise`.
    """
    number = variance.size
    if number < 2:
        return Noise(variance, 0.0, stretch)
    apart = shared.mean(axis=1).var() - shared.var(axis=0).sum() / number**2
    common = min(max(0.0, apart * number / (number - 1)), _MOST_COMMON * variance.min())
    return Noise(variance - common, float(common), stretch)


class Errors(NamedTuple):
    """Draws of the errors of a model.

    Attributes
    ----------
    pairs
        |e| of the pairs seen, (samples, K); not-a-number of others.
    another
        |e| of a pair like them that was not seen, (samples,).
    """

    pairs: Floats
    another: Floats


class Misfit:
    """Draws of models' errors; models share the random numbers.

    Parameters
    ----------
    noise
        Of the ratios of people.
    rng
        Random numbers.
    """

    def __init__(self, noise: Noise, rng: np.random.Generator) -> None:
        size, number = len(noise.stretch), len(noise.variance)
        self._noise = noise
        self._place = rng.random(size)
        self._mean, self._common, self._other = rng.standard_normal((3, size))
        self._own = rng.standard_normal((size, number))

    def draw(self, errors: Floats) -> Errors:
        """Return draws of |e| given ê of one model, (K,), not-a-number where it was not seen."""
        seen = ~np.isnan(errors)
        found, variance = errors[seen], self._noise.variance[seen]
        spread, offset, mean, precision = self._hyperparameters(found, variance)
        common = self._noise.common * self._noise.stretch**2
        # m + c, of which ``mean`` is a noisy value, and m given that.
        both = offset**2 + common
        gain = both * precision / (both * precision + 1)
        moved = gain * mean + np.sqrt(gain / precision) * self._mean
        part = offset**2 / both
        middle = part * moved + np.sqrt(part * common) * self._common
        gains = spread[:, None] ** 2 / (spread[:, None] ** 2 + variance)
        drawn = np.sqrt(gains * variance) * self._own[:, seen]
        drawn += gains * (found - moved[:, None]) + middle[:, None]
        pairs = np.full(self._own.shape, np.nan)
        pairs[:, seen] = np.abs(drawn)
        return Errors(pairs, np.abs(middle + spread * self._other))

    def _hyperparameters(
        self, errors: Floats, variance: Floats
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Draw σ and the standard deviation of m by their posterior, (samples,) each.

        Beside them, the mean of ê weighted by 1/(σ² + s²), and its precision.
        """
        weight = 1 / (_SPREADS[:, None] ** 2 + variance)
        # Without any error the prior is the posterior.
        total = np.maximum(weight.sum(axis=1), np.finfo(float).tiny)
        mean = weight @ errors / total
        away = (weight * (errors - mean[:, None]) ** 2).sum(axis=1)
        of_mean = _OFFSETS**2 + self._noise.common + 1 / total[:, None]
        log_density = (np.log(weight).sum(axis=1) - np.log(total) - away)[:, None] / 2
        log_density = log_density - (np.log(of_mean) + mean[:, None] ** 2 / of_mean) / 2
        log_density += _log_prior(_SPREADS)[:, None] + _log_prior(_OFFSETS)
        cumulated = np.exp(log_density - log_density.max()).ravel().cumsum()
        places = np.searchsorted(cumulated, self._place * cumulated[-1])
        spread, offset = np.unravel_index(places, log_density.shape)
        return _SPREADS[spread], _OFFSETS[offset], mean[spread], total[spread]


def _log_prior(grid: Floats) -> Floats:
    """Return the log of a half-Cauchy density times the steps of a grid; its first step is at 0."""
    steps = np.append(grid[1], grid[1:] * np.log(grid[2] / grid[1]))
    return np.asarray(np.log(steps) - np.log1p((grid / _SCALE) ** 2))
