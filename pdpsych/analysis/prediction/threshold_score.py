"""Models in the order of their distance to the human, by the thresholds that they predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.names import Floats
from pdpsych.analysis.prediction.at_threshold import (
    PredictedThresholds,
    predict_thresholds,
    ratio_bounds,
)
from pdpsych.analysis.prediction.columns import AT_THRESHOLD, AT_THRESHOLD_RANKING
from pdpsych.analysis.prediction.seen import Responses, known_models
from pdpsych.analysis.scoring.ceiling import individual_distance
from pdpsych.analysis.scoring.differences import differences
from pdpsych.analysis.scoring.human import HumanRatios, bound_kinds, threshold_ends
from pdpsych.analysis.scoring.mean_score import Distances, mean_scores
from pdpsych.analysis.scoring.pooling import Pooled
from pdpsych.analysis.scoring.questions import took_part
from pdpsych.analysis.scoring.ranking import rank
from pdpsych.analysis.scoring.score_tables import score_table
from pdpsych.stimuli.responses.finite_response import SIGNS
from pdpsych.stimuli.responses.signal_curve import SignalCurve

_Key = tuple[str, str, int]


class ThresholdScore(NamedTuple):
    """Tables of the score at threshold, see :mod:`pdpsych.analysis.prediction.columns`."""

    pairs: pd.DataFrame
    ranking: pd.DataFrame


@dataclass(frozen=True)
class _Predicted:
    """The thresholds predicted of a participant, and where each condition is among them."""

    thresholds: PredictedThresholds
    place: Mapping[_Key, int]

    def ratio(self, image: str, pair: str) -> tuple[float, float]:
        """Return both ends of the log ratio of a pair."""
        u, v = (self.place[image, pair, number] for number in (1, 2))
        return ratio_bounds(self.thresholds, u, v)


def threshold_score(
    fit: Fit,
    responses: Responses,
    ratios: pd.DataFrame,
    human: HumanRatios,
    everyone: Pooled,
    signs: Sequence[int] = SIGNS,
) -> ThresholdScore:
    """Score models by equation 1 with the log ratios of the thresholds that they predict.

    Parameters
    ----------
    ratios
        Columns image, pair, kind, model, took_part of all models.
    human, everyone
        Log ratios of people.
    signs
        Those of the distortions that were shown.
    """
    pairs = zip(human.pairs["image"], human.pairs["pair"], strict=True)
    conditions = [(image, pair, number) for image, pair in pairs for number in (1, 2)]
    models = known_models(responses, conditions, list(dict.fromkeys(ratios["model"])))
    predicted = {model: _by_participant(fit, responses, model, signs) for model in models}
    ends = [_pooled(by_participant, human) for by_participant in predicted.values()]
    known = [m for m, end in zip(models, ends, strict=True) if not np.isnan(end).any()]
    if not known:
        return empty()
    low, high = np.stack([e for e in ends if not np.isnan(e).any()], axis=1)
    whole = Distances(known, human.pairs["image"].to_numpy(), low, everyone, high)
    rng = np.random.default_rng([fit.analysis["seed"], 3])
    taken = took_part(ratios, known, human.pairs)
    table = score_table(human.pairs, whole, taken, fit.level).assign(
        log_ratio_bound=bound_kinds(low, high).ravel()
    )
    rankings = []
    for kind, numbers in human.pairs.groupby("kind", sort=False).indices.items():
        own = whole.select(np.asarray(numbers))
        means = mean_scores(own, rng)
        apart = differences(known, str(kind), means, fit.level)
        individual = individual_distance(own, human.low[:, numbers], human.high[:, numbers])
        rankings.append(rank(own, str(kind), means, apart, individual, fit.level))
    ranking = pd.concat(rankings, ignore_index=True)
    completed = _completed(ranking, table, predicted)
    return ThresholdScore(table, completed)


def predicted_ends(pairs: pd.DataFrame) -> dict[str, tuple[Floats, Floats]]:
    """Return the ends between which each model's log ratios lie, in the order of its rows.

    Parameters
    ----------
    pairs
        Columns model, log_ratio, log_ratio_bound of :class:`ThresholdScore`.
    """
    at, bound = pairs["log_ratio"].to_numpy(dtype=float), pairs["log_ratio_bound"]
    low = np.where(bound.isin(["exact", "at least"]), at, -np.inf)
    high = np.where(bound.isin(["exact", "at most"]), at, np.inf)
    places = pairs.groupby("model", sort=False).indices
    return {str(model): (low[rows], high[rows]) for model, rows in places.items()}


def empty() -> ThresholdScore:
    """Return the tables of a score without any model that is known at visible amplitudes."""
    columns = AT_THRESHOLD, AT_THRESHOLD_RANKING
    return ThresholdScore(*(pd.DataFrame(columns=list(names)) for names in columns))


def _by_participant(
    fit: Fit, responses: Responses, model: str, signs: Sequence[int]
) -> dict[str, _Predicted]:
    """Return what a model predicts of each participant."""
    shown_as = tuple(signs)
    curves = {key: SignalCurve(of[model], shown_as) for key, of in responses.items() if model in of}
    low, high = threshold_ends(fit)
    found = {}
    for participant in fit.posteriors:
        rows = np.flatnonzero(fit.thresholds["participant"] == participant)
        own = fit.thresholds.iloc[rows]
        keys: list[_Key] = list(zip(own["image"], own["pair"], own["distortion"], strict=True))
        seen = [n for n, key in enumerate(keys) if key in curves]
        shown = [curves[keys[n]] for n in seen]
        predicted = predict_thresholds(shown, low[rows[seen]], high[rows[seen]])
        place = {keys[n]: number for number, n in enumerate(seen)}
        found[participant] = _Predicted(predicted, place)
    return found


def _pooled(predicted: Mapping[str, _Predicted], human: HumanRatios) -> Floats:
    """Return both ends of the predicted log ratio of each pair, mean over participants, (2, K)."""
    has = human.shown
    ends = np.zeros((2, *has.shape))
    pairs = list(zip(human.pairs["image"], human.pairs["pair"], strict=True))
    for p, k in zip(*np.nonzero(has), strict=True):
        ends[:, p, k] = predicted[human.participants[p]].ratio(*pairs[k])
    return np.asarray(ends.sum(axis=1) / has.sum(axis=0))


def _completed(
    ranking: pd.DataFrame, table: pd.DataFrame, predicted: Mapping[str, Mapping[str, _Predicted]]
) -> pd.DataFrame:
    """Add who took part, and whether k is known."""
    taken = table.groupby(["kind", "model"])["took_part"].all()
    joined = ranking.join(taken, on=["kind", "model"])
    of_models = {
        model: [one.thresholds for one in people.values() if one.thresholds.known]
        for model, people in predicted.items()
    }
    k = {m: float(np.mean([t.log_efficiency for t in found])) for m, found in of_models.items()}
    told = {m: all(t.identified for t in found) for m, found in of_models.items()}
    columns = [*ranking.columns[:2], "took_part", *ranking.columns[2:]]
    return joined[columns].assign(
        log_efficiency=joined["model"].map(k), identified=joined["model"].map(told)
    )
