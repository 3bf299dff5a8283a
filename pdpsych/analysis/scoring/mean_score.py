"""Mean and median score over images, noise taken off, and what is left open of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pdpsych.analysis.inference.misfit import Misfit, Noise, noise_of
from pdpsych.analysis.names import Floats
from pdpsych.analysis.scoring.human import interval
from pdpsych.analysis.scoring.pooling import Pooled, Stretch

# Weights of I images have a gamma distribution of shape 1 − this/I: their mean then has the
# variance of Student's with I − 1 degrees of freedom, about.
_LOST, _LEAST_SHAPE = 4.0, 0.25
# How much more than a raw score its correction moves, at most.
_MOST_STEEP = 4.0


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
        lower and these the upper ends, (M, K); the same by default.
    """

    models: list[str]
    images: NDArray[np.object_]
    log_ratios: Floats
    human: Pooled
    most: Floats | None = None

    @property
    def upper(self) -> Floats:
        """Upper ends of the log ratios of models, (M, K)."""
        return self.log_ratios if self.most is None else self.most

    def select(self, numbers: NDArray[np.intp]) -> Distances:
        """Return the distances on some pairs."""
        ratios, human = self.log_ratios[:, numbers], self.human.select(numbers)
        return Distances(self.models, self.images[numbers], ratios, human, self.upper[:, numbers])

    def distance(self, low: Floats, high: Floats) -> Floats:
        """Return how far models are at least from ratios of people between two ends."""
        return np.maximum(np.maximum(self.log_ratios - high, low - self.upper), 0.0)

    @cached_property
    def score(self) -> Floats:
        """|x_model − x_human|, or what it is at least, (M, K)."""
        return self.distance(self.human.low, self.human.high)

    @cached_property
    def exact(self) -> NDArray[np.bool_]:
        """Whether scores are more than bounds, (M, K)."""
        return self.human.exact & (self.log_ratios == self.upper)

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
    """Scores averaged over images, noise taken off; pairs of one image count as one.

    ``mean`` is without the noise of people's ratios: the median of draws of the mean over these
    images. ``by_image`` are scores as they are, moved and stretched so that they have that mean,
    and their variance over images is that of its error (delta method).

    Attributes
    ----------
    draws
        Of the mean over all images like these, (samples, M).
    medians
        The same of the median, (samples, M).
    raw
        Mean of the scores as they are, (M,).
    perfect
        Draws of what that would be of a model that is right, (samples,).
    bounds
        How many scores are only known to be at least so much, (M,).
    """

    draws: Floats
    medians: Floats
    raw: Floats
    perfect: Floats
    bounds: NDArray[np.intp]


def average_by_image(images: NDArray[np.object_]) -> Floats:
    """Return the matrix (I, K) that averages the pairs of each image."""
    names, member = np.unique(np.asarray(images), return_inverse=True)
    matrix = (member == np.arange(len(names))[:, None]).astype(float)
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


def mean_scores(distances: Distances, rng: np.random.Generator) -> MeanScores:
    """Average scores over images that stand for all images like them.

    The noise of people's ratios is taken off the scores of each model
    (:mod:`pdpsych.analysis.inference.misfit`). Scores that are bounds count as they are: the ends
    that they are of are on the safe side of the noise already. A single image stands for itself;
    its interval carries trials and participants.
    """
    average = average_by_image(distances.images).T
    human = distances.human
    off = human.trials + human.stretch[:, None] * human.participants
    misfit, draw_mean = Misfit(_noise(human), rng), _ImageWeights(average.shape[1], len(off), rng)
    found = []
    for ratios, score, exact in zip(
        distances.log_ratios, distances.score, distances.exact, strict=True
    ):
        errors = misfit.draw(np.where(exact, ratios - human.estimate, np.nan))
        by_image = np.where(exact, errors.pairs, score) @ average
        found.append((np.median(by_image.mean(axis=1)), *draw_mean(by_image, errors.another)))
    means, draws, medians = (np.stack(values) for values in zip(*found, strict=True))
    scores = distances.score @ average
    raw = scores.mean(axis=1)
    # Noise makes scores larger, whatever a prior says where it is all there is.
    corrected = np.minimum(means, raw)
    # With s² off the mean square of normal errors, d corrected/d raw is their quotient.
    steeper = np.minimum(raw / np.maximum(corrected, np.finfo(float).tiny), _MOST_STEEP)
    by_image = corrected[:, None] + steeper[:, None] * (scores - raw[:, None])
    sources = _sources(distances, by_image, steeper, rng)
    return MeanScores(
        by_image,
        sources,
        (sources[0].wide(sources[0].draws, rng), sources[1].wide(sources[1].draws, rng)),
        draws=draws.T,
        medians=medians.T,
        raw=raw,
        perfect=(np.abs(off) @ average).mean(axis=1),
        bounds=(~distances.exact).sum(axis=1),
    )


def _sources(
    distances: Distances, by_image: Floats, steeper: Floats, rng: np.random.Generator
) -> tuple[ErrorSource, ErrorSource]:
    """Return what images share of the error of mean scores, and what they do not.

    The variance over images, with I − 1 degrees of freedom, holds all that is independent between
    images, noise of their trials included. Added is what images have in common: the covariance
    between images of the draws of whole participants, with P − 1 degrees of freedom; of one
    participant, that of the trials (an exponent is shared by all conditions). A single image has
    no variance over images: its errors are those of its trials and participants.
    """
    average, human = average_by_image(distances.images).T, distances.human
    people = human.uncertainty
    if by_image.shape[1] < 2:
        own, others = (_moved(distances, d) @ average for d in (human.trials, human.participants))
        of_people = ErrorSource(others[..., 0] * steeper, people)
        return of_people, ErrorSource(own[..., 0] * steeper, Stretch(0))
    shared = _moved(distances, human.spread if people.freedom else human.trials) @ average
    shared *= steeper[:, None]
    of_images = over_images(by_image, len(shared), rng)
    return ErrorSource(common_error(shared, rng), people), of_images


def _moved(distances: Distances, draws: Floats) -> Floats:
    """Return draws of the error of scores, (samples, M, K), by those of people's ratios."""
    human = distances.human
    moved = distances.distance(*(end + draws[:, None] for end in (human.low, human.high)))
    return np.asarray(moved - moved.mean(axis=0))


def _noise(human: Pooled) -> Noise:
    """Return the noise of people's ratios; of bounds there is none."""
    exact = human.exact
    trials, people = human.trials[:, exact], human.participants[:, exact]
    # How far participants lie apart on one pair, few of them hardly tell: on all pairs alike.
    variance = trials.var(axis=0) + (people.var(axis=0).mean() if exact.any() else 0.0)
    shared = human.spread[:, exact] if human.uncertainty.freedom else trials
    found = noise_of(variance, shared, human.stretch)
    every = np.zeros(exact.size)
    every[exact] = found.variance
    return found._replace(variance=every)


class _ImageWeights:
    """Draws means and medians over all images like those seen, the same images for all models.

    The weights have a variance that makes up for that of few images being itself uncertain, as
    Student's distribution does.
    """

    def __init__(self, images: int, size: int, rng: np.random.Generator) -> None:
        shape = max(1 - _LOST / images, _LEAST_SHAPE)
        weights = rng.gamma(shape, 1 / shape, (size, images))
        # One image stands for itself.
        another = rng.gamma(1.0, size=size) if images > 1 else np.zeros(size)
        total = weights.sum(axis=1) + another
        self._weights, self._another = weights / total[:, None], another / total
        self._chosen = rng.integers(images, size=(size, images))

    def __call__(self, by_image: Floats, another: Floats) -> tuple[Floats, Floats]:
        """Return draws of mean and median, given draws (samples, I) and (samples,) of values."""
        mean = (self._weights * by_image).sum(axis=1) + self._another * another
        median = np.median(np.take_along_axis(by_image, self._chosen, axis=1), axis=1)
        return mean, np.asarray(median)


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


def mean_interval(means: MeanScores, level: float) -> tuple[Floats, Floats]:
    """Return the interval of each mean score, (M,) and (M,).

    It begins at 0 where a model that is right could have scored as much, and has no upper end, not
    a number, where scores are bounds.
    """
    return _interval(means, means.draws, level)


def median_interval(means: MeanScores, level: float) -> tuple[Floats, Floats]:
    """Return the same of the median."""
    return _interval(means, means.medians, level)


def _interval(means: MeanScores, draws: Floats, level: float) -> tuple[Floats, Floats]:
    low, high = interval(draws, level)
    right = means.raw <= np.quantile(means.perfect, (1 + level) / 2)
    low, high = np.minimum(low, means.mean), np.maximum(high, means.mean)
    return np.where(right, 0.0, low), np.where(means.bounds > 0, np.nan, high)
