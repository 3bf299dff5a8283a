"""The table of scores: every model on every pair, with signed error and intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdpsych.analysis.names import Floats
from pdpsych.analysis.scoring.human import interval
from pdpsych.analysis.scoring.mean_score import Distances, nonnegative_interval


def score_table(
    pairs: pd.DataFrame, distances: Distances, took_part: NDArray[np.bool_], level: float
) -> pd.DataFrame:
    """Return score and signed error, with intervals, of each model on each pair.

    ``took_part`` is whether each model took part in choosing each pair, (M, K).
    """
    low, high = nonnegative_interval(distances.draws, level)
    human_low, human_high = interval(distances.human.wide_samples, level)
    frames = []
    for m, name in enumerate(distances.models):
        ratio = distances.log_ratios[m]
        error_low, error_high = ratio - human_high, ratio - human_low
        frames.append(
            pairs.assign(
                model=name,
                took_part=took_part[m],
                log_ratio=ratio,
                score=distances.score[m],
                low=low[m],
                high=high[m],
                error=ratio - distances.human.estimate,
                error_low=error_low,
                error_high=error_high,
                overrates=_overrated(error_low, error_high),
                expected_perfect=distances.perfect,
            )
        )
    return pd.concat(frames, ignore_index=True)


def _overrated(low: Floats, high: Floats) -> list[str]:
    return np.select([low > 0, high < 0], ["u", "v"], "neither").tolist()
