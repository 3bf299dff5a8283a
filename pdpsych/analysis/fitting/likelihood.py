"""The likelihood of two-alternative forced-choice trials and its derivatives.

P(correct) = λ + (1 − 2λ)·Φ(w) with w = d′/√2 + r·(c₀ + c₁t + c₂p) and d′ = exp(b·(log α − log τ −
s·t)): r is +1 where the distorted image came first and −1 where second, p the same of the answer
before, t the progress of the trial. Without a preference for a position this is
:func:`pdpsych.experiments.placement.psychometric.proportion_correct`. Other tasks have another
relation between d′ and P, and no positions: :mod:`pdpsych.analysis.tasks.linked`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from pdpsych.analysis.fitting.observations import Observations
from pdpsych.analysis.fitting.shared import Shared
from pdpsych.analysis.names import Floats
from pdpsych.analysis.normal import cumulative
from pdpsych.analysis.tasks import linked
from pdpsych.analysis.tasks.links import TWO, Link

# Elements of one temporary array: small enough to stay in the processor's cache.
_BLOCK = 1 << 14
# Of log d′: beyond, Φ is 1 to the last bit.
_MOST_SIGNAL = 4.0
# No logarithm of d′ is further from 0, so that products of amplitude and threshold are finite.
_MOST_LOG = 300.0
# P of a run of trials multiplied stays a normal number.
_LEAST_LAPSE = 1e-15


def signal(observations: Observations, log_threshold: Floats, shared: Shared) -> Floats:
    """Return d′ of each trial, (N,), given log τ of each condition, (C,); at most e⁴."""
    return np.asarray(np.exp(_log_signal(observations, log_threshold, shared)))


def _log_signal(observations: Observations, log_threshold: Floats, shared: Shared) -> Floats:
    z = _log_amplitude(observations, shared) - log_threshold[observations.condition]
    exponent = shared.exponents[observations.group][observations.condition]
    return np.asarray(np.minimum(exponent * z, _MOST_SIGNAL))


def criterion(observations: Observations, shared: Shared) -> Floats:
    """Return what moves answers towards the correct position, r·(c₀ + c₁t + c₂p), (…, N)."""
    return np.asarray(shared.criteria @ observations.criteria.T)


def expected_correct(observations: Observations, log_threshold: Floats, shared: Shared) -> Floats:
    """Return P(correct) of each trial, (N,), given log τ of each condition, (C,)."""
    height = _log_signal(observations, log_threshold, shared)
    return correct_at(observations.link, height, criterion(observations, shared), shared)


def correct_at(link: Link, log_signal: Floats, pull: Floats, shared: Shared) -> Floats:
    """Return P(correct) at values of log d′ and of what moves answers to the correct position."""
    if link is not TWO:
        return link.answered(log_signal, float(shared.guess))[0]
    chosen = scipy.special.ndtr(np.exp(log_signal) / np.sqrt(2) + pull)
    return np.asarray(shared.lapse + (1 - shared.guess) * chosen)


def growth(observations: Observations, log_threshold: Floats, shared: Shared) -> Floats:
    """Return the derivative of P(correct) of each trial in log d′, (N,)."""
    height = _log_signal(observations, log_threshold, shared)
    if observations.link is not TWO:
        return np.asarray((1 - shared.guess) * observations.link.slopes(height).first)
    seen = np.exp(height) / np.sqrt(2)
    towards = seen + criterion(observations, shared)
    slope = np.exp(-(towards**2) / 2) * (1 - shared.guess) / np.sqrt(2 * np.pi)
    return np.asarray(slope * seen)


def log_likelihood(observations: Observations, log_threshold: Floats, shared: Shared) -> Floats:
    """Return each condition's log likelihood, (…, C, K), at K values of its log τ, (C, K).

    ``shared`` may be several φ, of any shape.
    """
    if observations.link is not TWO:
        return linked.log_likelihood(observations, log_threshold, shared)
    exponent = shared.exponents[..., observations.group]
    origin = log_threshold.mean(axis=1)
    # d′ = A·B, so that no trial and threshold together need an exponential.
    reach = _log_amplitude(observations, shared) - origin[observations.condition]
    shown = _exponential(exponent[..., observations.condition] * reach) * observations.sign
    apart = log_threshold - origin[:, None]
    seen = _exponential(-exponent[..., None] * apart) / np.sqrt(2)
    pull = observations.sign * criterion(observations, shared)
    lapse = np.maximum(shared.lapse, _LEAST_LAPSE)[..., None, None]
    certain = (1 - shared.guess)[..., None, None]
    first_runs = np.searchsorted(observations.runs, observations.starts)
    total = np.empty_like(seen)
    for first, last, trials, runs in _blocks(observations, seen.size // len(log_threshold)):
        towards = seen.take(observations.condition[trials], axis=-2)
        towards *= shown[..., trials, None]
        towards += pull[..., trials, None]
        chance = cumulative(towards, out=towards)
        chance *= certain
        chance += lapse
        products = np.multiply.reduceat(chance, observations.runs[runs] - trials.start, axis=-2)
        np.log(products, out=products)
        starts = first_runs[first:last] - runs.start
        np.add.reduceat(products, starts, axis=-2, out=total[..., first:last, :])
    return np.asarray(observations.power * total)


@dataclass(frozen=True)
class Expansion:
    """Log likelihood L of some conditions at K values of log τ, and its derivatives.

    They are in the numbers of φ that P(correct) of a trial depends on: logit 2λ, s, c₀, c₁, c₂ and
    log b of the condition's group.

    Attributes
    ----------
    conditions
        Which ones, C of them.
    value
        L, (C, K).
    first
        Its first derivatives, (6, C, K).
    """

    conditions: slice
    value: Floats
    first: Floats
    _starts: NDArray[np.intp]
    _rows: NDArray[np.intp]
    _trials: _Trials
    _power: float

    def second(self, weight: Floats) -> Floats:
        """Return the mean of its second derivatives over log τ with weights (C, K), (C, 6, 6)."""
        terms = self._trials.second(weight[self._rows])
        return np.asarray(self._power * np.add.reduceat(terms, self._starts, axis=0))


def expansions(
    observations: Observations, log_threshold: Floats, shared: Shared
) -> Iterator[Expansion | linked.Expansion]:
    """Yield the expansion of the log likelihood of some conditions after the other, all in all.

    Parameters
    ----------
    log_threshold
        log τ, (C, K): K values at which each condition is evaluated.
    """
    if observations.link is not TWO:
        yield from linked.expansions(observations, log_threshold, shared)
        return
    exponent = shared.exponents[observations.group]
    log_amplitude = _log_amplitude(observations, shared)
    covariates = observations.criteria
    pull = covariates @ shared.criteria
    for first, last, block, _ in _blocks(observations, log_threshold.shape[1]):
        which = observations.condition[block]
        slope = exponent[which, None]
        z = slope * (log_amplitude[block, None] - log_threshold[which])
        slip = -slope * observations.progress[block, None]
        trials = _Trials.at(
            z, pull[block, None], observations.sign[block, None], float(shared.guess),
            np.concatenate([slip, covariates[block]], axis=1),
        )  # fmt: skip
        starts = observations.starts[first:last] - block.start
        sums = np.stack([np.add.reduceat(term, starts, axis=0) for term in trials.zeroth_first()])
        sums *= observations.power
        yield Expansion(
            slice(first, last), sums[0], sums[1:], starts, which - first, trials, observations.power
        )


@dataclass(frozen=True)
class _Trials:
    """Derivatives of log P of single trials at K values of log τ, (N, K).

    With w = d + pull, d = d′/√2 = exp(z)/√2: ∂w/∂log b = d·z, ∂w/∂s = d·(−b·t) and ∂w/∂c = r·(1, t,
    p). ``covariates``, (N, 4), are what these have beside d·z, d and 1.
    """

    log_chance: Floats
    z: Floats
    seen: Floats
    slope: Floats
    bend: Floats
    by_guess: Floats
    guess: float
    covariates: Floats

    @classmethod
    def at(cls, z: Floats, pull: Floats, sign: Floats, guess: float, covariates: Floats) -> _Trials:
        seen = np.exp(np.minimum(z, _MOST_SIGNAL)) / np.sqrt(2)
        towards = seen + pull
        chosen = cumulative(sign * towards)
        chance = np.maximum(guess / 2, _LEAST_LAPSE) + (1 - guess) * chosen
        slope = np.exp(-(towards**2) / 2) * (sign * ((1 - guess) / np.sqrt(2 * np.pi))) / chance
        bend = -slope * (towards + slope)
        by_guess = guess * (1 - guess) * (0.5 - chosen) / chance
        return cls(np.log(chance), z, seen, slope, bend, by_guess, guess, covariates)

    def zeroth_first(self) -> Iterator[Floats]:
        """Yield log P and its first derivatives."""
        slip, *criteria = self.covariates.T[:, :, None]
        by_signal = self.slope * self.seen
        yield self.log_chance
        yield self.by_guess
        yield by_signal * slip
        yield from (self.slope * covariate for covariate in criteria)
        yield by_signal * self.z

    def second(self, weight: Floats) -> Floats:
        """Return the sums over log τ of the second derivatives, weighted, (N, 6, 6)."""
        bent, sloped = weight * self.bend, weight * self.slope
        by_guess = weight * self.by_guess

        def total(*factors: Floats) -> Floats:
            return np.asarray(np.einsum(",".join(["nk"] * len(factors)) + "->n", *factors))

        d, z = self.seen, self.z
        growth = d * z
        # Of d·z, d and 1, the three ways in which w depends on φ.
        bent_growth, bent_seen, signal = bent * growth, bent * d, sloped * d
        channels = {
            (0, 0): total(bent_growth, growth) + total(signal, z, z + 1),
            (0, 1): total(bent_growth, d) + total(signal, z + 1),
            (1, 1): total(bent_seen, d) + total(signal),
            (0, 2): total(bent_growth),
            (1, 2): total(bent_seen),
            (2, 2): total(bent),
        }
        # ∂²/∂w∂y = −(g + ∂/∂y)·∂/∂w
        sloped *= -(self.guess + self.by_guess)
        mixed = [total(sloped, growth), total(sloped, d), total(sloped)]
        of_guess = total(by_guess, 1 - 2 * self.guess - self.by_guess)
        return self._placed(channels, mixed, of_guess)

    def _placed(
        self, channels: dict[tuple[int, int], Floats], mixed: list[Floats], of_guess: Floats
    ) -> Floats:
        """Give the second derivatives their places: logit 2λ, s, c₀, c₁, c₂, log b."""
        channel = [1, 2, 2, 2, 0]
        factor = [*self.covariates.T, np.ones(len(self.covariates))]
        found = np.empty((len(self.covariates), 6, 6))
        found[:, 0, 0] = of_guess
        for i, (one, own) in enumerate(zip(channel, factor, strict=True), start=1):
            found[:, 0, i] = found[:, i, 0] = own * mixed[one]
            for j in range(i, 6):
                pair = min(one, channel[j - 1]), max(one, channel[j - 1])
                found[:, i, j] = found[:, j, i] = own * factor[j - 1] * channels[pair]
        return found


def _log_amplitude(observations: Observations, shared: Shared) -> Floats:
    """Return log α less what the threshold has changed by then, (…, N)."""
    return np.asarray(
        observations.log_amplitude - shared.learning[..., None] * observations.progress
    )


def _exponential(logarithm: Floats) -> Floats:
    return np.asarray(np.exp(np.clip(logarithm, -_MOST_LOG, _MOST_LOG)))


def _blocks(observations: Observations, width: int) -> Iterator[tuple[int, int, slice, slice]]:
    """Yield (first condition, last + 1, their trials, their runs), few enough for the cache."""
    ends = np.append(observations.starts[1:], observations.sign.size)
    size = max(_BLOCK // width, 1)
    first = 0
    while first < ends.size:
        start = int(observations.starts[first])
        last = max(int(np.searchsorted(ends, start + size, side="right")), first + 1)
        stop = int(ends[last - 1])
        runs = slice(*np.searchsorted(observations.runs, [start, stop]).tolist())
        yield first, last, slice(start, stop), runs
        first = last
