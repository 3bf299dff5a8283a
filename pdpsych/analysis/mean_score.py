"""Mean and median score over images, with what trials, participants and images leave open."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pdpsych.analysis.human import interval
from pdpsych.analysis.likelihood import Floats
from pdpsych.analysis.pooling import Pooled, stretch


@dataclass(frozen=True)
class Distances:
    """Equation-1 scores of M models on K pairs of one kind.

    Attributes
    ----------
    models, images
        Names of the models; image of each pair, (K,).
    log_ratios
        Of the models, (M, K).
    human
        Log ratios of people, K pairs.
    """

    models: list[str]
    images: NDArray[np.object_]
    log_ratios: Floats
    human: Pooled

    def select(self, numbers: NDArray[np.intp]) -> Distances:
        """Return the distances on some pairs."""
        ratios, human = self.log_ratios[:, numbers], self.human.select(numbers)
        return Distances(self.models, self.images[numbers], ratios, human)

    @cached_property
    def score(self) -> Floats:
        """|x_model − x_human|, (M, K)."""
        return np.asarray(np.abs(self.log_ratios - self.human.estimate))

    @cached_property
    def trials(self) -> Floats:
        """Draws of the error of ``score`` by trials, of mean 0, (samples, M, K).

        The score holds the noise of the human ratio once, draws around it twice: so they are
        centred on what is reported.
        """
        moved = np.abs(self.log_ratios - (self.human.estimate + self.human.trials)[:, None])
        return np.asarray(moved - moved.mean(axis=0))

    @cached_property
    def participants(self) -> Floats:
        """Draws of what participants add to that, (samples, M, K)."""
        moved = np.abs(self.log_ratios - self.human.samples[:, None])
        return np.asarray(moved - moved.mean(axis=0) - self.trials)

    @property
    def draws(self) -> Floats:
        """Draws around ``score`` for intervals, (samples, M, K)."""
        return self.score + self.trials + self.human.stretch[:, None, None] * self.participants

    @property
    def perfect(self) -> Floats:
        """Expected score of a model that is right, (K,)."""
        return np.asarray(np.abs(self.human.samples - self.human.estimate).mean(axis=0))


@dataclass(frozen=True)
class MeanScores:
    """Scores averaged over images; pairs of one image count as one.

    Attributes
    ----------
    by_image
        (M, I).
    draws, wide_draws
        Draws of the mean, (samples, M): with its variance, and for intervals, as variances over
        few images or participants are themselves uncertain (Student's t). The same images and
        participants are drawn for all models, so differences are paired.
    medians
        Draws of the median, (samples, M).
    """

    by_image: Floats
    draws: Floats
    wide_draws: Floats
    medians: Floats

    @property
    def mean(self) -> Floats:
        """Mean over images, (M,)."""
        return np.asarray(self.by_image.mean(axis=1))

    @property
    def median(self) -> Floats:
        """Median over images, (M,)."""
        return np.asarray(np.median(self.by_image, axis=1))


def average_by_image(images: NDArray[np.object_]) -> Floats:
    """Return the matrix (I, K) that averages the pairs of each image."""
    names, member = np.unique(np.asarray(images), return_inverse=True)
    matrix = (member == np.arange(len(names))[:, None]).astype(float)
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


def mean_scores(distances: Distances, rng: np.random.Generator) -> MeanScores:
    """Average scores over images that stand for all images like them.

    The variance over images, with I − 1 degrees of freedom, holds all that is independent between
    images, noise of their trials included. What images have in common (the same participants,
    their exponents) is added: the covariance of the draws between images. A single image has no
    variance over images; its interval then carries its trials and participants.
    """
    average = average_by_image(distances.images).T
    by_image = distances.score @ average
    trials, participants = distances.trials @ average, distances.participants @ average
    wide = distances.human.stretch[:, None]
    number, size = by_image.shape[1], len(trials)
    medians = _medians(by_image + trials + wide[..., None] * participants, rng)
    middle = by_image.mean(axis=1)
    if number < 2:
        own, others = trials[..., 0], participants[..., 0]
        return MeanScores(by_image, middle + own + others, middle + own + wide * others, medians)
    own, others = _common(trials, rng), _common(participants, rng)
    deviation = (by_image - middle[:, None]) / np.sqrt(number * (number - 1))
    drawn = rng.standard_normal((size, number)) @ deviation.T
    wider = stretch(number - 1, size, rng)[:, None]
    return MeanScores(
        by_image,
        middle + own + others + drawn,
        middle + own + wide * others + wider * drawn,
        medians,
    )


def _common(draws: Floats, rng: np.random.Generator) -> Floats:
    """Draw what the errors (samples, M, I) of images have in common, (samples, M)."""
    size, models, images = draws.shape
    mean = draws.mean(axis=2)
    independent = np.einsum("smi,sni->mn", draws, draws, optimize=True) / images**2
    values, vectors = np.linalg.eigh((mean.T @ mean - independent) / size)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(rng.standard_normal((size, models)) @ root.T)


def _medians(draws: Floats, rng: np.random.Generator) -> Floats:
    """Draw images again with replacement from draws (samples, M, I); medians, (samples, M)."""
    size, models, images = draws.shape
    chosen = rng.integers(images, size=(size, images))
    return np.stack(
        [np.median(np.take_along_axis(draws[:, m], chosen, axis=1), axis=1) for m in range(models)],
        axis=1,
    )


def nonnegative_interval(samples: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the interval of scores, which are never below 0."""
    low, high = interval(samples, level)
    return np.maximum(low, 0.0), high
