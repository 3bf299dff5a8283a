"""Models in the order of their distance to the human, and what may be said of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdpsych.analysis.human import summary
from pdpsych.analysis.likelihood import Floats


@dataclass(frozen=True)
class Distances:
    """Equation-1 scores of M models on K pairs of one kind.

    Attributes
    ----------
    models
        Their names.
    images
        Image of each pair, (K,).
    score, draws
        Scores, (M, K), and draws around them, (draws, M, K).
    perfect
        Expected score of a perfect model, (K,).
    """

    models: list[str]
    images: NDArray[np.object_]
    score: Floats
    draws: Floats
    perfect: Floats


def rank(distances: Distances, kind: str, level: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return one row a model, the closest first.

    Pairs of one image count as one. Images are drawn again with replacement, the same for all
    models, their deviations scaled by I/(I − 1); a single image has no such part. Differences
    are paired: model and best model on the same draw.
    """
    images, member = np.unique(np.asarray(distances.images), return_inverse=True)
    average = (member == np.arange(len(images))[:, None]).astype(float)
    average /= average.sum(axis=1, keepdims=True)
    by_image = distances.score @ average.T
    mean = by_image.mean(axis=1)
    draws = (distances.draws @ average.T).mean(axis=2) + _image_part(by_image, distances, rng)
    best = int(mean.argmin())
    _, _, low, high = summary(draws, level)
    _, _, difference_low, difference_high = summary(draws - draws[:, [best]], level)
    closest = np.bincount(draws.argmin(axis=1), minlength=len(mean)) / len(draws)
    table = pd.DataFrame(
        {
            "kind": kind,
            "model": distances.models,
            "score": mean,
            "low": np.maximum(low, 0.0),
            "high": high,
            "expected_perfect": float((average @ distances.perfect).mean()),
            "images": len(images),
            "difference": mean - mean[best],
            "difference_low": difference_low,
            "difference_high": difference_high,
            "probability_closest": closest,
        }
    )
    ordered = table.sort_values("score", kind="stable", ignore_index=True)
    ordered.insert(2, "rank", np.arange(1, len(ordered) + 1))
    return ordered


def _image_part(by_image: Floats, distances: Distances, rng: np.random.Generator) -> Floats:
    number = by_image.shape[1]
    if number < 2:
        return np.zeros((1, len(by_image)))
    deviation = by_image - by_image.mean(axis=1, keepdims=True)
    drawn = rng.multinomial(number, np.full(number, 1 / number), size=len(distances.draws))
    return np.asarray(drawn / number @ deviation.T * np.sqrt(number / (number - 1)))


def conclude(ranking: pd.DataFrame, level: float) -> str:
    """Say in a sentence or two which model is closest, and whether the data can tell.

    On principal distortions where there are any, else on the first kind.
    """
    kinds = ranking["kind"].unique()
    kind = "principal" if "principal" in kinds else str(kinds[0])
    rows = ranking[ranking["kind"] == kind].reset_index(drop=True)
    best = rows.iloc[0]
    images = f"{best['images']} image{'s' if best['images'] > 1 else ''}"
    scored = (
        f"mean score {best['score']:.2f} [{best['low']:.2f}, {best['high']:.2f}] nats over "
        f"{images} of {kind} distortions; a perfect model would score about "
        f"{best['expected_perfect']:.2f}"
    )
    if len(rows) < 2:
        return f"{best['model']} is the only model: {scored}."
    tied = rows[1:][rows["difference_low"][1:] <= 0]["model"].tolist()
    percent = f"{100 * level:g} % interval"
    second = rows.iloc[1]
    apart = (
        f"{second['difference']:.2f} [{second['difference_low']:.2f}, "
        f"{second['difference_high']:.2f}] nats, {percent}"
    )
    if tied:
        names = _listed([best["model"], *tied])
        return (
            f"{best['model']} has the lowest score ({scored}), but {names} cannot be separated "
            f"with these data: the next, {second['model']}, is further away by {apart}."
        )
    return (
        f"{best['model']} is closest to the human: {scored}. "
        f"The next, {second['model']}, is further away by {apart}."
    )


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
