"""The table of scores: every model on every pair, with signed error and intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats
from pdpsych.analysis.scoring.human import finite_ends, interval
from pdpsych.analysis.scoring.mean_score import Distances


def score_table(
    pairs: pd.DataFrame, distances: Distances, took_part: NDArray[np.bool_], level: float
) -> pd.DataFrame:
    """Return score and signed error, with intervals, of each model on each pair.

    The interval of a score holds the distances to all ratios in the interval of the human's; of
    bounds there is no upper end. ``took_part`` is whether each model took part in choosing each
    pair, (M, K).
    """
    human = distances.human
    ends = interval(human.wide_samples, level)
    human_low = np.where(human.exact, ends[0], human.low)
    human_high = np.where(human.exact, ends[1], human.high)
    low = distances.distance(human_low, human_high)
    error_low, error_high = distances.log_ratios - human_high, distances.upper - human_low
    high = np.where(distances.exact, np.maximum(-error_low, error_high), np.nan)
    error = np.where(distances.exact, distances.log_ratios - human.estimate, np.nan)
    log_ratio = finite_ends(distances.log_ratios, distances.upper)
    frames = []
    for m, name in enumerate(distances.models):
        frames.append(
            pairs.assign(
                model=name,
                took_part=took_part[m],
                log_ratio=log_ratio[m],
                score=distances.score[m],
                low=low[m],
                high=high[m],
                bound=np.where(distances.exact[m], "exact", "at least"),
                error=error[m],
                error_low=_finite(error_low[m]),
                error_high=_finite(error_high[m]),
                overrates=_overrated(error_low[m], error_high[m]),
                expected_perfect=distances.perfect,
            )
        )
    return pd.concat(frames, ignore_index=True)


def _finite(ends: Floats) -> Floats:
    return np.where(np.isfinite(ends), ends, np.nan)


def _overrated(low: Floats, high: Floats) -> list[str]:
    return np.select([low > 0, high < 0], ["u", "v"], "neither").tolist()
