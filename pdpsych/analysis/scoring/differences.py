"""Differences between the mean scores of all models, with what leaves them open."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pdpsych.analysis.scoring.human import interval
from pdpsych.analysis.scoring.mean_score import ImageMeans


def differences(models: list[str], kind: str, means: ImageMeans, level: float) -> pd.DataFrame:
    """Return one row a pair of models, the better one first: how much worse the other is.

    They describe: what is declared rests on :mod:`pdpsych.analysis.scoring.sides`. Each interval
    stands for itself, and carries trials, participants and images.
    """
    order = np.argsort(means.mean, kind="stable")
    first, second = np.triu_indices(len(order), k=1)
    a, b = order[first], order[second]
    wide = means.wide_draws
    ends = [interval(wide[:, two] - wide[:, one], level) for one, two in zip(a, b, strict=True)]
    low, high = np.reshape(ends, (-1, 2)).T
    variance = sum(np.mean((s.draws[:, b] - s.draws[:, a]) ** 2, axis=0) for s in means.sources)
    names = np.array(models, dtype=object)
    return pd.DataFrame(
        {
            "kind": kind,
            "model": names[a],
            "other": names[b],
            "difference": means.mean[b] - means.mean[a],
            "standard_error": np.sqrt(variance),
            "low": low,
            "high": high,
        }
    )
