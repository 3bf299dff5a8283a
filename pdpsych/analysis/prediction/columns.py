"""Tables of what models predict at visible amplitudes, and what their columns mean."""

from __future__ import annotations

from pdpsych.analysis.scoring.columns import RANKING, SCORES
from pdpsych.common.tables import Column, Columns

_PREDICTED: Columns = {
    "kind": Column("how the pairs were made; of principal ones, the question they answer"),
    "model": Column("model"),
    "took_part": Column("whether the model took part in choosing the distortions"),
    "trials": Column("number of trials predicted", "count"),
}
PREDICTIVE: Columns = _PREDICTED | {
    "image": Column("base image"),
    "log_probability": Column(
        "log probability of the answers to the image, predicted from those to the other images; "
        "per trial",
        "nat",
    ),
    "difference": Column("how much less that is than of the best model on the image", "nat"),
}
PREDICTIVE_RANKING: Columns = _PREDICTED | {
    "rank": Column("1 predicts best"),
    "log_probability": Column("mean over images of the log probability per trial", "nat"),
    "low": Column("lower end of its interval", "nat"),
    "high": Column("upper end of its interval", "nat"),
    "images": Column("number of base images", "count"),
    "difference": Column("how much less log_probability is than that of the best model", "nat"),
    "difference_low": Column("lower end of the interval of difference", "nat"),
    "difference_high": Column("upper end of that interval", "nat"),
    "side": Column("side of people, 1 at the best model, −1 at this one; empty for the best"),
    "side_low": Column("lower end of its interval"),
    "side_high": Column("upper end of that interval"),
    "beyond": Column(
        "trials left out: above the largest amplitude at which some model is known", "count"
    ),
}
CEILING: Columns = {
    "kind": Column("how the pairs were made; of principal ones, the question they answer"),
    "participants": Column("participants predicted by each other", "count"),
    "images": Column("base images on which they can be", "count"),
    "everyone": Column(
        "mean over images of the log probability per trial under the mean log thresholds of all "
        "participants, used as a model's",
        "nat",
    ),
    "others": Column("the same under those of the other participants", "nat"),
}
AT_THRESHOLD: Columns = SCORES | {
    "log_ratio": Column(
        "log τ(v) − log τ(u) that the model predicts, mean over participants; at a bound, its "
        "end; empty where nothing is known",
        "nat",
    ),
    "log_ratio_bound": Column(
        "whether that is known: exact, or only that it is at least or at most so much, or nothing",
        levels={
            "exact": "both thresholds are reached",
            "at least": "that of v is not reached",
            "at most": "that of u is not reached",
            "unknown": "neither is",
        },
    ),
    "score": Column("|log_ratio − log ratio of the human|; of bounds, at least", "nat"),
}
AT_THRESHOLD_RANKING: Columns = RANKING | {
    "score": Column(
        "mean over images of the score at threshold, the noise of the human's ratios taken off; "
        "with bounds, at least",
        "nat",
    ),
    "log_efficiency": Column("log k, mean over participants; of d′ = k D"),
    "identified": Column(
        "whether the thresholds tell k of every participant: log d′ rises with log α by at least "
        "0.3 there"
    ),
}
PREDICTION: dict[str, Columns] = {
    "predictive": PREDICTIVE,
    "predictive_ranking": PREDICTIVE_RANKING,
    "predictive_ceiling": CEILING,
    "at_threshold": AT_THRESHOLD,
    "at_threshold_ranking": AT_THRESHOLD_RANKING,
}
"""The tables of predictions at visible amplitudes by their names."""
