"""What people see on average: log ratios of participants as random effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdpsych.analysis.likelihood import Floats

# Keeps a participant without noise from getting all the weight.
_LEAST_VARIANCE = 1e-9


@dataclass(frozen=True)
class Pooled:
    """Mean log ratio over participants, and draws of its error by where it comes from.

    Attributes
    ----------
    estimate
        (K,), nats.
    trials
        Error by the trials that each participant had, (samples, K).
    participants
        Error by who took part, normal, (samples, K); 0 if that was one participant, of whom
        alone the mean then speaks.
    stretch
        What makes the draws of ``participants`` those of Student's t with P − 1 degrees of
        freedom, (samples,).
    """

    estimate: Floats
    trials: Floats
    participants: Floats
    stretch: Floats

    @property
    def samples(self) -> Floats:
        """Draws with the variance of the estimate, (samples, K)."""
        return self.estimate + self.trials + self.participants

    def select(self, numbers: NDArray[np.intp]) -> Pooled:
        """Return the same of some pairs."""
        trials, participants = self.trials[:, numbers], self.participants[:, numbers]
        return Pooled(self.estimate[numbers], trials, participants, self.stretch)

    @property
    def wide_samples(self) -> Floats:
        """Draws for intervals: the variance over few participants is itself uncertain."""
        return self.estimate + self.trials + self.stretch[:, None] * self.participants


def pool(samples: Floats, rng: np.random.Generator) -> Pooled:
    """Average over participants, weighted by 1/(s² + τ²) as random effects are.

    s² is the posterior variance of a participant's ratio, τ² that between participants by
    DerSimonian & Laird (1986), their moments summed over pairs. Whole participants are drawn, so
    that what a participant has in common on all pairs does not average out over pairs: their
    deviations from the mean, trial noise taken off, with Gaussian multipliers.

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
        return Pooled(middle, trials, np.zeros_like(trials), np.ones(len(samples)))
    count = present.sum(axis=0)
    deviation = _without_noise(np.where(present, estimate - middle, 0.0), variance, count)
    deviation *= np.sqrt(count / np.maximum(count - 1, 1))
    # Where one participant alone has a pair, it does not show how far others are away.
    deviation[:, count == 1] = np.sqrt(between)
    participants = rng.standard_normal((len(samples), number)) @ (weight * deviation)
    return Pooled(middle, trials, participants, stretch(number - 1, len(samples), rng))


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


def stretch(freedom: int, number: int, rng: np.random.Generator) -> Floats:
    """Return factors that turn normal draws into those of Student's t, (number,)."""
    return np.asarray(np.sqrt(freedom / rng.chisquare(freedom, number)))


def _without_noise(deviation: Floats, variance: Floats, count: Floats) -> Floats:
    """Take the variance of trial noise off deviations (P, K).

    The noise is nearly independent between pairs, so it is spread evenly over the directions of
    the deviations, while what a participant has in common on all pairs lies in few of them.
    """
    noise = float((np.nanmean(variance, axis=0) * (count - 1)).sum())
    directions = max(1, min(len(deviation) - 1, deviation.shape[1]))
    left, size, right = np.linalg.svd(deviation, full_matrices=False)
    kept = np.sqrt(np.maximum(size**2 - noise / directions, 0.0))
    return np.asarray((left * kept) @ right)
