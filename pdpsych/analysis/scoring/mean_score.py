"""Mean and median score over images, with what trials, participants and images leave open."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats
from pdpsych.analysis.scoring.human import interval
from pdpsych.analysis.scoring.pooling import Pooled, Stretch


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
    most
        Where a log ratio of a model is only known to lie between two, ``log_ratios`` are the
        lower and these the upper ends, (M, K); the same by default. Scores are then at least.
    """

    models: list[str]
    images: NDArray[np.object_]
    log_ratios: Floats
    human: Pooled
    most: Floats | None = None

    def select(self, numbers: NDArray[np.intp]) -> Distances:
        """Return the distances on some pairs."""
        ratios, human = self.log_ratios[:, numbers], self.human.select(numbers)
        most = None if self.most is None else self.most[:, numbers]
        return Distances(self.models, self.images[numbers], ratios, human, most)

    def distance(self, human: Floats) -> Floats:
        """Return |x_model − x_human|, at least, of log ratios of people that broadcast."""
        if self.most is None:
            return np.asarray(np.abs(self.log_ratios - human))
        return np.maximum(np.maximum(self.log_ratios - human, human - self.most), 0.0)

    @cached_property
    def score(self) -> Floats:
        """|x_model − x_human|, (M, K)."""
        return self.distance(self.human.estimate)

    @cached_property
    def trials(self) -> Floats:
        """Draws of the error of ``score`` by trials, of mean 0, (samples, M, K).

        The score holds the noise of the human ratio once, draws around it twice: so they are
        centred on what is reported.
        """
        moved = self.distance((self.human.estimate + self.human.trials)[:, None])
        return np.asarray(moved - moved.mean(axis=0))

    @cached_property
    def participants(self) -> Floats:
        """Draws of what participants add to that, (samples, M, K)."""
        moved = self.distance(self.human.samples[:, None])
        return np.asarray(moved - moved.mean(axis=0) - self.trials)

    @property
    def spread(self) -> Floats:
        """Draws of the error by how far participants lie apart, trials included."""
        moved = self.distance((self.human.estimate + self.human.spread)[:, None])
        return np.asarray(moved - moved.mean(axis=0))

    @property
    def draws(self) -> Floats:
        """Draws around ``score`` for intervals, (samples, M, K)."""
        return self.score + self.trials + self.human.stretch[:, None, None] * self.participants

    @property
    def perfect(self) -> Floats:
        """Expected score of a model that is right, (K,)."""
        return np.asarray(np.abs(self.human.samples - self.human.estimate).mean(axis=0))


@dataclass(frozen=True)
class ErrorSource:
    """One of the sources of error of mean scores.

    Attributes
    ----------
    draws
        Normal draws of it, (samples, M), the same images and participants for all models.
    uncertainty
        What is not known of their size.
    """

    draws: Floats
    uncertainty: Stretch

    def wide(self, draws: Floats, rng: np.random.Generator) -> Floats:
        """Make draws of it, or differences of them, (samples, …), as wide as they may be."""
        factor = self.uncertainty.draw(len(draws), rng)
        return np.asarray((draws.T * factor).T)


@dataclass(frozen=True)
class ImageMeans:
    """What is averaged over images, less being better, with what makes up its error.

    Attributes
    ----------
    by_image
        (M, I).
    sources
        What makes up the error of the mean: what images share, and what they do not.
    wide
        Draws of each source for intervals, (samples, M).
    """

    by_image: Floats
    sources: tuple[ErrorSource, ErrorSource]
    wide: tuple[Floats, Floats]

    @property
    def wide_draws(self) -> Floats:
        """Draws of the mean for intervals, (samples, M)."""
        return np.asarray(self.mean + self.wide[0] + self.wide[1])

    @property
    def mean(self) -> Floats:
        """Mean over images, (M,)."""
        return np.asarray(self.by_image.mean(axis=1))


@dataclass(frozen=True)
class MeanScores(ImageMeans):
    """Scores averaged over images; pairs of one image count as one.

    Attributes
    ----------
    medians
        Draws of the median, (samples, M).
    """

    medians: Floats

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
    images, noise of their trials included. Added is what images have in common: the covariance
    between images of the draws of whole participants, with P − 1 degrees of freedom; of one
    participant, that of the trials (an exponent is shared by all conditions). A single image has
    no variance over images; its interval then carries its trials and participants.
    """
    average = average_by_image(distances.images).T
    by_image = distances.score @ average
    draws = distances.draws @ average
    number, people = by_image.shape[1], distances.human.uncertainty
    if number < 2:
        own, others = distances.trials @ average, distances.participants @ average
        sources = ErrorSource(others[..., 0], people), ErrorSource(own[..., 0], Stretch(0))
    else:
        shared = distances.spread if people.freedom else distances.trials
        of_images = over_images(by_image, len(draws), rng)
        sources = ErrorSource(common_error(shared @ average, rng), people), of_images
    wide = sources[0].wide(sources[0].draws, rng), sources[1].wide(sources[1].draws, rng)
    return MeanScores(by_image, sources, wide, _medians(draws, rng))


def over_images(by_image: Floats, size: int, rng: np.random.Generator) -> ErrorSource:
    """Return what the variance over images, (M, I), makes of the error of their mean."""
    number = by_image.shape[1]
    deviation = by_image - by_image.mean(axis=1, keepdims=True)
    multipliers = rng.standard_normal((size, number))
    drawn = multipliers @ deviation.T / np.sqrt(number * (number - 1))
    return ErrorSource(drawn, Stretch(number - 1))


def common_error(draws: Floats, rng: np.random.Generator) -> Floats:
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


def mean_interval(means: MeanScores, level: float) -> tuple[Floats, Floats]:
    """Return the interval of each mean score, (M,) and (M,), never below 0.

    What images do not share is taken on the scale of square roots: scores are skewed, their
    spread grows with their mean, and Student's interval would hold for few images in 92 to 94
    instead of 95 %. Logarithms would come nearer still, with intervals too wide to be of use.
    """
    shared, own = means.wide
    # A score that is 0, as of a bound that is kept, has no scale of its own.
    least = np.maximum(0.1 * own.std(axis=0), np.finfo(float).tiny)
    middle = np.maximum(means.mean, least)
    root = np.maximum(1 + own / (2 * middle), 0.0)
    return nonnegative_interval(middle * root**2 + shared, level)
