"""Models in the order of their distance to the human."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pdpsych.analysis.names import Floats
from pdpsych.analysis.scoring.mean_score import (
    Distances,
    MeanScores,
    average_by_image,
    mean_interval,
    nonnegative_interval,
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
    median_low, median_high = nonnegative_interval(means.medians, level)
    closest = np.bincount(means.wide_draws.argmin(axis=1), minlength=len(distances.models))
    perfect = average_by_image(distances.images) @ distances.perfect
    table = pd.DataFrame(
        {
            "kind": kind,
            "model": distances.models,
            "score": means.mean,
            "low": low,
            "high": high,
            "median": means.median,
            "median_low": median_low,
            "median_high": median_high,
            "individual": individual,
            "expected_perfect": float(perfect.mean()),
            "images": means.by_image.shape[1],
            "probability_closest": closest / len(means.wide_draws),
        }
    )
    ordered = table.sort_values("score", kind="stable", ignore_index=True)
    ordered.insert(2, "rank", np.arange(1, len(ordered) + 1))
    first = differences[differences["model"] == ordered["model"][0]].set_index("other")
    named = first.rename(columns={"low": "difference_low", "high": "difference_high"})
    columns = ["difference", "difference_low", "difference_high"]
    return ordered.join(named[columns], on="model").fillna(dict.fromkeys(columns, 0.0))
