"""How close any model could come to single people: participants against each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats
from pdpsych.analysis.scoring.columns import CEILING
from pdpsych.analysis.scoring.human import HumanRatios
from pdpsych.analysis.scoring.mean_score import Distances, average_by_image

# An interval from an end to so many times that says nothing that could be drawn.
_MOST_FACTOR = 10.0


def ceiling(ratios: HumanRatios, level: float) -> pd.DataFrame:
    """Return the noise ceiling per kind: mean distance of predictions to single participants.

    ``others`` predicts each participant by the mean of the others, ``everyone`` by the mean with
    that participant in it: the true limit is nearly always between (the bounds of Nili et al.
    2014, turned round because a distance is small where a correlation is large). Compare the
    column ``individual`` of the ranking. Pairs that one participant alone has, and ratios that
    are no more than bounds, are left out; without two participants there is no row.

    Intervals say how much both bounds would vary with as many other participants, images and
    trials. They are Student's, of the logarithm, with the variance of a jackknife over
    participants and images; noise of trials is in the differences between both. Where one would
    span a factor of ten, as of two participants and a few images, the ceiling is not determined:
    ``determined`` is false, and intervals are empty.
    """
    estimate = ratios.samples.mean(axis=0)
    count = (~np.isnan(estimate)).sum(axis=0)
    rows = []
    for kind, numbers in ratios.pairs.groupby("kind", sort=False).indices.items():
        shared = numbers[count[numbers] > 1]
        if not len(shared):
            continue
        own, images = estimate[:, shared], ratios.pairs["image"].to_numpy()[shared]
        own = own[(~np.isnan(own)).any(axis=1)]
        middle = (_bounds(own) @ average_by_image(images).T).mean(axis=1)
        low, high = _intervals(middle, own, ratios, shared, level)
        determined = bool((high <= _MOST_FACTOR * low).all())
        if not determined:
            low, high = np.full((2, 2), np.nan)
        both = np.stack([middle, low, high], axis=1).ravel().tolist()
        rows.append((str(kind), len(own), len(set(images)), *both, determined))
    return pd.DataFrame(rows, columns=list(CEILING))


def individual_distance(distances: Distances, low: Floats, high: Floats) -> Floats:
    """Return the mean distance of models to single participants, at least, (M,).

    ``low`` and ``high`` are the ends of their ratios, (P, K), not-a-number where there is none.
    """
    known = np.isfinite(low) | np.isfinite(high)
    each = np.array(
        [
            np.where(there, distances.distance(*ends), 0.0)
            for there, *ends in zip(known, low, high, strict=True)
        ]
    )
    mean = each.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.asarray((mean @ average_by_image(distances.images).T).mean(axis=1))


def _bounds(ratios: Floats) -> Floats:
    """Return both bounds on each pair, (2, …, K), of ratios (…, P, K).

    Not-a-number where fewer than two participants have a pair.
    """
    present = ~np.isnan(ratios)
    count = present.sum(axis=-2)
    number = np.where(count > 1, count, np.nan)
    known = np.where(present, ratios, 0.0)
    away = known - (known.sum(axis=-2) / number)[..., None, :]
    everyone = np.where(present, np.abs(away), 0.0).sum(axis=-2) / number
    # Without participant p the mean moves away from p by 1/(n − 1) of the deviation.
    return np.stack([everyone, everyone * number / (number - 1)])


def _intervals(
    middle: Floats, own: Floats, ratios: HumanRatios, shared: NDArray[np.intp], level: float
) -> tuple[Floats, Floats]:
    images = ratios.pairs["image"].to_numpy()[shared]
    variance, freedom = _jackknife(own, images)
    if not freedom.any():
        # One image and two participants vary by their trials alone, as far as one can see.
        drawn = _bounds(ratios.samples[:, :, shared]) @ average_by_image(images).T
        variance, freedom = drawn.mean(axis=-1).var(axis=1), np.full(2, np.inf)
    scale = np.where(middle > 0, middle, 1.0)
    reach = np.exp(scipy.special.stdtrit(freedom, (1 + level) / 2) * np.sqrt(variance) / scale)
    return middle / reach, middle * reach


def _jackknife(ratios: Floats, images: NDArray[np.object_]) -> tuple[Floats, Floats]:
    """Return variance and degrees of freedom of both bounds of ratios (P, K), (2,) each.

    Participants and images are crossed: the variance over participants and that over images both
    hold the part of their interaction, which is taken off once. Two participants cannot be left
    out one by one, and one image has no variance: then it is that of the other alone.
    """
    average = average_by_image(images).T
    whole = _bounds(ratios)
    by_image = whole @ average
    people, number = len(ratios), by_image.shape[1]
    parts, freedom, common = [], [], np.zeros(2)
    if people > 2:
        rest = np.stack([_bounds(np.delete(ratios, p, axis=0)) for p in range(people)], axis=1)
        # A pair that only one other participant has says nothing of the one left out.
        moved = (np.where(np.isnan(rest), whole[:, None], rest) - whole[:, None]) @ average
        moved -= moved.mean(axis=1, keepdims=True)
        by_person = moved.mean(axis=2, keepdims=True)
        parts.append((people - 1) / people * (by_person**2).sum(axis=(1, 2)))
        freedom.append(people - 1)
        own = ((moved - by_person) ** 2).sum(axis=(1, 2))
        common = (people - 1) / people * own / (number * max(number - 1, 1))
    if number > 1:
        parts.append(by_image.var(axis=1, ddof=1) / number)
        freedom.append(number - 1)
    if not parts:
        return np.zeros(2), np.zeros(2)
    each, left = np.stack(parts), np.array(freedom, float)[:, None]
    total = np.maximum(each.sum(axis=0) - common, each.max(axis=0))
    weight = (each**2 / left).sum(axis=0)
    # Satterthwaite's; of what does not vary at all they are of no account.
    known = weight > 0
    satterthwaite = np.divide(total**2, weight, out=np.ones(2), where=known)
    return total, np.maximum(satterthwaite, left.min())
