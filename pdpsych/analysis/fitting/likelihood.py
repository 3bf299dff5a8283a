"""The likelihood of two-alternative forced-choice trials and its derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf

from pdpsych.analysis.fitting.shared import Shared
from pdpsych.analysis.names import Floats
from pdpsych.experiments.placement.psychometric import proportion_correct

# Stands for an amplitude of zero or below, at which P = ½ whatever the threshold.
_NO_SIGNAL = -1000.0
# Elements of one temporary array: small enough to stay in the processor's cache.
_BLOCK = 1 << 15


@dataclass(frozen=True)
class Observations:
    """Trials of one participant, sorted by condition.

    Attributes
    ----------
    log_amplitude
        log α of each trial, (N,); natural log.
    sign
        +1 where the answer was correct, −1 where it was wrong, (N,).
    starts
        Index of the first trial of each condition, (C,).
    group
        Number of the group whose conditions have a mean threshold of their own, (C,).
    progress
        Where among all trials of the participant each one came, −½ the first to ½ the last, (N,).
    """

    log_amplitude: Floats
    sign: Floats
    starts: NDArray[np.intp]
    group: NDArray[np.intp]
    progress: Floats

    @classmethod
    def build(
        cls,
        condition: ArrayLike,
        amplitude: ArrayLike,
        correct: ArrayLike,
        group: ArrayLike | None = None,
        order: ArrayLike | None = None,
    ) -> Observations:
        """Sort trials by condition; conditions are numbered 0, 1, … and each has a trial.

        ``group`` of each condition, numbered in the same way; all in one by default. ``order``
        of each trial: any numbers that grow with time; by default all trials are half-way.
        """
        number = np.asarray(condition)
        by_condition = np.argsort(number, kind="stable")
        alpha = np.asarray(amplitude, dtype=np.float64)[by_condition]
        shown = alpha > 0
        log_amplitude = np.where(shown, np.log(np.where(shown, alpha, 1.0)), _NO_SIGNAL)
        sign = np.where(np.asarray(correct, dtype=bool)[by_condition], 1.0, -1.0)
        found, starts = np.unique(number[by_condition], return_index=True)
        if not np.array_equal(found, np.arange(found.size)):
            raise ValueError("conditions are numbered from 0 without gaps")
        groups = np.zeros(found.size, int) if group is None else np.asarray(group)
        progress = np.zeros(number.size) if order is None else progress_of(order)
        return cls(log_amplitude, sign, starts, groups, progress[by_condition])

    @property
    def counts(self) -> NDArray[np.intp]:
        """Number of trials of each condition, (C,)."""
        return np.diff(np.append(self.starts, self.sign.size))

    @property
    def condition(self) -> NDArray[np.intp]:
        """Number of each trial's condition, (N,)."""
        return np.repeat(np.arange(self.starts.size), self.counts)

    @property
    def membership(self) -> Floats:
        """1 where a condition is of a group, else 0, (C, G)."""
        return (self.group[:, None] == np.arange(self.group.max() + 1)).astype(float)

    def centres(self) -> Floats:
        """Return the mean log α of each condition, (C,); the overall mean where none is shown."""
        shown = self.log_amplitude > _NO_SIGNAL
        total = np.add.reduceat(np.where(shown, self.log_amplitude, 0.0), self.starts)
        number = np.add.reduceat(shown.astype(float), self.starts)
        overall = total.sum() / max(number.sum(), 1.0)
        return np.where(number > 0, total / np.maximum(number, 1.0), overall)


def progress_of(order: ArrayLike) -> Floats:
    """Return where among all trials each one came, from −½ the first to ½ the last, (N,)."""
    numbers = np.asarray(order)
    rank = np.argsort(np.argsort(numbers, kind="stable"), kind="stable")
    return np.asarray(rank / max(numbers.size - 1, 1) - 0.5)


def signal(observations: Observations, log_threshold: Floats, shared: Shared) -> Floats:
    """Return d′ of each trial, (N,), given log τ of each condition, (C,); at most e⁴."""
    z = observations.log_amplitude - log_threshold[observations.condition]
    # Beyond e⁴, erf is 1 to the last bit.
    reach = shared.exponent * (z - shared.learning * observations.progress)
    return np.asarray(np.exp(np.minimum(reach, 4.0)))


def expected_correct(observations: Observations, log_threshold: Floats, shared: Shared) -> Floats:
    """Return P(correct) of each trial, (N,), given log τ of each condition, (C,)."""
    ratio = signal(observations, log_threshold, shared)
    return proportion_correct(ratio, 1.0, 1.0, shared.lapse)


class LogLikelihood(NamedTuple):
    """Log likelihood L of each condition at K values of its log τ, with derivatives.

    Attributes
    ----------
    value
        L, (C, K).
    first
        L_x, L_y, L_s in x = log b, y = logit 2λ and s, (3, C, K).
    second
        L_xx, L_xy, L_xs, L_yy, L_ys, L_ss, (6, C, K).
    """

    value: Floats
    first: Floats
    second: Floats


def log_likelihood(
    observations: Observations, log_threshold: Floats, shared: Shared
) -> LogLikelihood:
    """Return each condition's log likelihood and its derivatives in what conditions share.

    P(correct) = ½ + ½(1 − g)·erf(d′/2), :func:`pdpsych.experiments.placement.psychometric` with g
    = 2λ, and log d′ = b·(log α − log τ − s·t), t the progress of the trial.

    Parameters
    ----------
    log_threshold
        log τ, (C, K): K values at which each condition is evaluated.
    """
    out = np.empty((10, *log_threshold.shape))
    exponent = shared.exponent
    late = observations.progress[:, None]
    log_amplitude = observations.log_amplitude[:, None] - shared.learning * late
    for first, last, trials in _blocks(observations, log_threshold.shape[1]):
        which = np.repeat(np.arange(first, last), observations.counts[first:last])
        z = exponent * (log_amplitude[trials] - log_threshold[which])
        slip = -exponent * late[trials]
        terms = _trial_terms(z, slip, observations.sign[trials, None], shared.guess)
        starts = observations.starts[first:last] - trials.start
        for row, term in zip(out, terms, strict=True):
            row[first:last] = np.add.reduceat(term, starts, axis=0)
    return LogLikelihood(out[0], out[1:4], out[4:])


def _trial_terms(z: Floats, slip: Floats, sign: Floats, guess: Floats) -> tuple[Floats, ...]:
    """Return the terms of single trials at z = log d′, where ∂z/∂x = z and ∂z/∂s = ``slip``."""
    ratio = np.exp(np.minimum(z, 4.0))  # d′; beyond e⁴ erf is 1 to the last bit
    certain = erf(ratio / 2)
    growth = ratio * np.exp(-ratio * ratio / 4) * ((1 - guess) / np.sqrt(np.pi))
    # P = ½(1 + q); q, q_z, q_zz, and q_y = −g(1 − g)·erf
    q = (1 - guess) * certain
    weight = sign / (1 + sign * q)
    slope = weight * growth
    by_guess = weight * certain * (-guess * (1 - guess))
    bend = slope * (1 - ratio * ratio / 2 - slope)
    mixed = -slope * (guess + by_guess)
    by_exponent = bend * z + slope
    return (
        np.log1p(sign * q) - np.log(2),
        slope * z,
        by_guess,
        slope * slip,
        by_exponent * z,
        mixed * z,
        by_exponent * slip,
        by_guess * (1 - 2 * guess - by_guess),
        mixed * slip,
        bend * slip * slip,
    )


def _blocks(observations: Observations, width: int) -> Iterator[tuple[int, int, slice]]:
    """Yield (first condition, last + 1, their trials), few enough to stay in the cache."""
    ends = np.append(observations.starts[1:], observations.sign.size)
    size = max(_BLOCK // width, 1)
    first = 0
    while first < ends.size:
        start = int(observations.starts[first])
        last = max(int(np.searchsorted(ends, start + size, side="right")), first + 1)
        yield first, last, slice(start, int(ends[last - 1]))
        first = last
