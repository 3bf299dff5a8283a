"""Models in the order of their distance to the human."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats
from pdpsych.analysis.scoring.mean_score import (
    Distances,
    MeanScores,
    average_by_image,
    mean_interval,
    median_interval,
)


def rank(
    distances: Distances,
    kind: str,
    means: MeanScores,
    differences: pd.DataFrame,
    individual: Floats,
    level: float,
) -> pd.DataFrame:
    """Return one row a model, the closest first.

    ``differences`` are those of :func:`pdpsych.analysis.scoring.differences.differences`;
    ``individual`` is the mean distance to single participants, (M,).
    """
    low, high = mean_interval(means, level)
    median_low, median_high = median_interval(means, level)
    first, last = _places(distances, means)
    perfect = average_by_image(distances.images) @ distances.perfect
    table = pd.DataFrame(
        {
            "kind": kind,
            "model": distances.models,
            "rank": first,
            "rank_high": last,
            "score": means.mean,
            "low": low,
            "high": high,
            "median": np.median(means.medians, axis=0),
            "median_low": median_low,
            "median_high": median_high,
            "raw_score": means.raw,
            "expected_perfect": float(perfect.mean()),
            "individual": individual,
            "images": means.by_image.shape[1],
            "bounds": means.bounds,
        }
    )
    ordered = table.sort_values("score", kind="stable", ignore_index=True)
    closest = differences[differences["model"] == ordered["model"][0]].set_index("other")
    named = closest.rename(columns={"low": "difference_low", "high": "difference_high"})
    columns = ["difference", "difference_low", "difference_high"]
    return ordered.join(named[columns], on="model").fillna(dict.fromkeys(columns, 0.0))


def _places(distances: Distances, means: MeanScores) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the best and the worst place that each model may have, counted from 1.

    They are the same unless scores are bounds. A model is then before another if it is so
    wherever between their ends the ratios of people and models are.
    """
    lead = _least_leads(distances, means)
    order = np.argsort(means.mean, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    # Exact scores that are equal are in the order of the models.
    known = means.bounds == 0
    tie = (lead == 0) & (place[:, None] < place) & known & known[:, None]
    before = (lead > 0) | tie
    return 1 + before.sum(axis=0), len(order) - before.sum(axis=1)


def _least_leads(distances: Distances, means: MeanScores) -> Floats:
    """Return by how much each model (row) is at least closer than each other, (M, M).

    With human ratios x ≥ B, |b − x| − |a − x| is monotone in x between its values at B and at
    infinity, a − b. A model whose own ratio is a bound may be any distance away.
    """
    weight = average_by_image(distances.images).mean(axis=0)
    exact = means.mean - (distances.score * ~distances.exact) @ weight
    lead = exact - exact[:, None]
    human, own = distances.human, distances.log_ratios == distances.upper
    for k in np.flatnonzero(~distances.exact.all(axis=0)):
        certain = distances.exact[:, k]
        if human.exact[k]:
            # Of those with a bound, ``score`` is the least distance.
            least = np.where(certain, 0.0, distances.score[:, k])
            away = np.where(certain, 0.0, np.inf)
            lead += weight[k] * (least - away[:, None])
            continue
        ratio = np.where(own[:, k], distances.log_ratios[:, k], np.nan)
        apart = [
            (ratio[:, None] - ratio) * sign for sign in _far_sides(human.low[k], human.high[k])
        ]
        ends = [end for end in (human.low[k], human.high[k]) if np.isfinite(end)]
        apart += [np.abs(ratio - end) - np.abs(ratio - end)[:, None] for end in ends]
        lead += weight[k] * np.nan_to_num(np.min(apart, axis=0), nan=-np.inf)
    return np.asarray(lead)


def _far_sides(low: float, high: float) -> list[float]:
    return [sign for sign, end in ((1.0, high), (-1.0, low)) if not np.isfinite(end)]
