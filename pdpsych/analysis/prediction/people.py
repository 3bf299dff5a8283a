"""How well people predict people: what a model's predictions may be compared with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.names import CONDITION, Floats
from pdpsych.analysis.prediction.columns import CEILING
from pdpsych.analysis.prediction.evidence import Predictions, predict
from pdpsych.analysis.prediction.seen import Seen

# Of one image there are no other images to predict it from.
LEAST_IMAGES = 2


def people_predicted(kind: str, fit: Fit, seen: Seen) -> pd.DataFrame:
    """Predict participants by the mean log thresholds of all, and of the others, as models do.

    A row of the table ``predictive_ceiling``; none where there are too few people or images.
    """
    measured = fit.thresholds.assign(
        log_threshold=fit.thresholds["log_threshold"].where(fit.thresholds["bound"] == "exact")
    )
    wide = measured.pivot(index=CONDITION[1:], columns="participant", values="log_threshold")
    own = wide.to_numpy(dtype=float)
    present, total = ~np.isnan(own), np.nansum(own, axis=1, keepdims=True)
    count = present.sum(axis=1, keepdims=True)
    row: dict[str, object] = {"kind": kind, "participants": own.shape[1]}
    with np.errstate(divide="ignore", invalid="ignore"):
        predictors = {
            "everyone": np.broadcast_to(total / count, own.shape),
            "others": (total - np.nan_to_num(own)) / (count - present),
        }
    for name, log_thresholds in predictors.items():
        found = _predicted_by(fit, seen, wide, log_thresholds)
        if found is None:
            return pd.DataFrame(columns=list(CEILING))
        row |= {"images": len(found.images), name: float(found.by_image.mean())}
    return pd.DataFrame([row], columns=list(CEILING))


def _predicted_by(
    fit: Fit, seen: Seen, wide: pd.DataFrame, log_thresholds: Floats
) -> Predictions | None:
    """Predict answers by log thresholds, (C, P), of the rows and columns of a table."""
    rows = wide.index.get_indexer(pd.MultiIndex.from_frame(seen.trials[CONDITION[1:]]))
    columns = wide.columns.get_indexer(pd.Index(seen.trials["participant"]))
    threshold = log_thresholds[rows, columns]
    # Of an image a participant's thresholds are predicted all or not at all.
    keys = [seen.trials["participant"], seen.trials["image"]]
    known = pd.Series(~np.isnan(threshold)).groupby(keys).transform("all").to_numpy(bool)
    amplitude = seen.trials["amplitude"].to_numpy(dtype=float)
    log_amplitude = np.log(np.where(amplitude > 0, amplitude, 1.0))
    log_signal = np.where(amplitude > 0, log_amplitude - threshold, -np.inf)
    chosen = Seen(["people"], seen.trials, log_signal[None], 0).select(known)
    if chosen.trials["image"].nunique() < LEAST_IMAGES:
        return None
    return predict(fit, chosen)
