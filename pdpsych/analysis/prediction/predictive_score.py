"""Models in the order in which they predict answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.prediction.columns import CEILING, PREDICTIVE, PREDICTIVE_RANKING
from pdpsych.analysis.prediction.evidence import Evidence, Predictions, predict
from pdpsych.analysis.prediction.people import LEAST_IMAGES, people_predicted
from pdpsych.analysis.prediction.seen import Seen, seen_by
from pdpsych.analysis.scoring.differences import differences
from pdpsych.analysis.scoring.human import interval
from pdpsych.analysis.scoring.mean_score import (
    ErrorSource,
    ImageMeans,
    common_error,
    over_images,
)
from pdpsych.analysis.scoring.pooling import Stretch
from pdpsych.analysis.turned import against

# How much more participants may lie apart than they seem to, as a prior's scale.
_APART = 2.0


class PredictiveScore(NamedTuple):
    """Tables of the predictive score, see :mod:`pdpsych.analysis.prediction.columns`."""

    images: pd.DataFrame
    ranking: pd.DataFrame
    ceiling: pd.DataFrame


def predictive_score(
    fit: Fit, evidence: Evidence, ratios: pd.DataFrame, sides: pd.DataFrame
) -> PredictiveScore:
    """Score models by the log probability of people's answers.

    Parameters
    ----------
    ratios
        Columns image, pair, kind, model, took_part: which pairs are of which kind, and which
        models took part in choosing them.
    sides
        On whose side people are, see :mod:`pdpsych.analysis.scoring.sides`.
    """
    rng = np.random.default_rng([fit.analysis["seed"], 2])
    kinds = ratios[["image", "pair", "kind"]].drop_duplicates()
    trials = evidence.timed().merge(kinds, on=["image", "pair"])
    models = list(dict.fromkeys(ratios["model"]))
    parts = [empty()]
    for kind, rows in trials.groupby("kind", sort=False):
        seen = seen_by(rows, evidence.responses, models)
        if len(seen.models) and seen.trials["image"].nunique() >= LEAST_IMAGES:
            taken = ratios[ratios["kind"] == kind].groupby("model")["took_part"].all()
            near = sides[sides["kind"] == kind]
            parts.append(_of_kind(str(kind), fit, seen, taken, near, rng))
    return PredictiveScore(*(_together(tables) for tables in zip(*parts, strict=True)))


def empty() -> PredictiveScore:
    """Return the tables of a score without any model that is known at visible amplitudes."""
    columns = PREDICTIVE, PREDICTIVE_RANKING, CEILING
    return PredictiveScore(*(pd.DataFrame(columns=list(names)) for names in columns))


def _together(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return tables of all kinds in one; those without rows have no types."""
    return pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True)


def _of_kind(
    kind: str,
    fit: Fit,
    seen: Seen,
    taken: pd.Series,
    sides: pd.DataFrame,
    rng: np.random.Generator,
) -> PredictiveScore:
    found = predict(fit, seen)
    means = _means(found, int(fit.analysis["samples"]), rng)
    apart = differences(found.models, kind, means, fit.level)
    ranking = _ranking(kind, found, means, apart, fit.level).assign(beyond=seen.beyond)
    near = against(sides, ranking["model"][0]).set_index("other")
    near = near[["side", "low", "high"]].add_prefix("side_")
    ranking = ranking.join(near.rename(columns={"side_side": "side"}), on="model")
    images = _image_table(kind, found)
    for table in (images, ranking):
        table.insert(2, "took_part", table["model"].map(taken).astype(bool))
    return PredictiveScore(images, ranking, people_predicted(kind, fit, seen))


def _means(found: Predictions, size: int, rng: np.random.Generator) -> ImageMeans:
    """Average the negative log probability per trial over images, with its error.

    The variance over images holds the noise of trials; added is what images have in common, as
    participants differ.
    """
    by_image = -found.by_image
    of_images = over_images(by_image, size, rng)
    each = -found.by_participant
    count = (~np.isnan(each)).sum(axis=1, keepdims=True)
    if found.by_participant.shape[1] < 2:
        sources = ErrorSource(np.zeros((size, len(by_image))), Stretch(0)), of_images
    else:
        deviation = np.nan_to_num(each - np.nanmean(each, axis=1, keepdims=True))
        deviation /= np.sqrt(count * np.maximum(count - 1, 1))
        people = each.shape[1]
        drawn = np.einsum("sp,mpi->smi", rng.standard_normal((size, people)), deviation)
        common = common_error(drawn, rng)
        sources = ErrorSource(common, Stretch(people - 1, _APART)), of_images
    wide = sources[0].wide(sources[0].draws, rng), sources[1].wide(sources[1].draws, rng)
    return ImageMeans(by_image, sources, wide)


def _ranking(
    kind: str, found: Predictions, means: ImageMeans, apart: pd.DataFrame, level: float
) -> pd.DataFrame:
    low, high = interval(-means.wide_draws, level)
    table = pd.DataFrame(
        {
            "kind": kind,
            "model": found.models,
            "log_probability": -means.mean,
            "low": low,
            "high": high,
            "images": len(found.images),
            "trials": int(found.trials.sum()),
        }
    )
    ordered = table.sort_values(
        "log_probability", ascending=False, kind="stable", ignore_index=True
    )
    ordered.insert(2, "rank", np.arange(1, len(ordered) + 1))
    first = apart[apart["model"] == ordered["model"][0]].set_index("other")
    named = first.rename(columns={"low": "difference_low", "high": "difference_high"})
    columns = ["difference", "difference_low", "difference_high"]
    return ordered.join(named[columns], on="model").fillna(dict.fromkeys(columns, 0.0))


def _image_table(kind: str, found: Predictions) -> pd.DataFrame:
    by_image = found.by_image
    frames = [
        pd.DataFrame(
            {
                "kind": kind,
                "model": model,
                "image": found.images,
                "log_probability": by_image[m],
                "difference": by_image.max(axis=0) - by_image[m],
                "trials": found.trials.sum(axis=0).astype(int),
            }
        )
        for m, model in enumerate(found.models)
    ]
    return pd.concat(frames, ignore_index=True)
