"""Tables of a score, and what their columns mean."""

from __future__ import annotations

from pdpsych.common import tables

_PAIR: tables.Dictionary = {
    "image": ("base image", "none"),
    "pair": ("pair of distortions (u, v) of the image", "none"),
    "kind": ("how the pair was made", "none"),
    "model": ("model", "none"),
    "took_part": ("whether the model took part in choosing the distortions", "none"),
    "low": ("lower end of the interval", "nat"),
    "high": ("upper end of the interval", "nat"),
    "score": ("|log ratio of the model − log ratio of the human|, equation 1", "nat"),
    "expected_perfect": ("expected score of a perfect model with these data", "nat"),
}
HUMAN: tables.Dictionary = _PAIR | {
    "participant": ('label of the participant; "all" is the mean over participants', "none"),
    "log_ratio": ("log sensitivity ratio log d(u)/d(v) = log τ(v) − log τ(u)", "nat"),
    "sd": (
        "posterior standard deviation of log_ratio; for all, with the variance between "
        "participants",
        "nat",
    ),
}
SCORES: tables.Dictionary = _PAIR | {
    "log_ratio": ("log sensitivity ratio of the model", "nat"),
    "error": ("log ratio of the model − log ratio of the human", "nat"),
    "error_low": ("lower end of the interval of error", "nat"),
    "error_high": ("upper end of the interval of error", "nat"),
    "overrates": (
        "distortion the model is too sensitive to, beside the other: u, v, or neither where the "
        "interval of error has 0 inside",
        "none",
    ),
}
RANKING: tables.Dictionary = _PAIR | {
    "rank": ("1 is closest to the human", "none"),
    "score": ("mean over images of the score", "nat"),
    "median": ("median over images of the score", "nat"),
    "median_low": ("lower end of the interval of median", "nat"),
    "median_high": ("upper end of the interval of median", "nat"),
    "individual": (
        "mean distance to single participants, to compare with the noise ceiling",
        "nat",
    ),
    "images": ("number of base images", "count"),
    "difference": ("score minus the score of the best model", "nat"),
    "difference_low": (
        "lower end of the interval of difference, simultaneous over all pairs of models (max-t)",
        "nat",
    ),
    "difference_high": ("upper end of that interval", "nat"),
    "probability_closest": ("share of draws in which the model is the closest", "none"),
}
DIFFERENCES: tables.Dictionary = {
    "kind": ("how the pairs of distortions were made", "none"),
    "model": ("the closer of two models", "none"),
    "other": ("the other model", "none"),
    "difference": ("mean score of the other minus that of the closer model", "nat"),
    "standard_error": ("of difference: trials, participants and images", "nat"),
    "low": (
        "lower end of the interval, simultaneous over all pairs of models of the kind (max-t)",
        "nat",
    ),
    "high": ("upper end of that interval", "nat"),
    "p_value": ("of no difference, adjusted for all pairs of models (max-t)", "none"),
    "separated": ("whether the interval leaves 0 out", "none"),
}
CEILING: tables.Dictionary = {
    "kind": ("how the pairs of distortions were made", "none"),
    "participants": ("participants compared with each other", "count"),
    "images": ("base images on which they can be", "count"),
    "everyone": (
        "mean distance of single participants to the mean of all: no model comes closer",
        "nat",
    ),
    "everyone_low": (
        "lower end of its interval, with as many other participants, images and trials",
        "nat",
    ),
    "everyone_high": ("upper end of that interval", "nat"),
    "others": ("mean distance of single participants to the mean of the others", "nat"),
    "others_low": ("lower end of the interval of others", "nat"),
    "others_high": ("upper end of that interval", "nat"),
}
SEPARATION: tables.Dictionary = {
    "kind": ("how the pairs of distortions were made", "none"),
    "images": ("base images", "count"),
    "predicted": (
        "standard deviation over models of log ratios, root mean square over pairs",
        "nat",
    ),
    "difference": ("difference of two models' scores, mean over pairs of models", "nat"),
    "standard_error": ("of a difference, mean over pairs of models", "nat"),
    "separated": ("pairs of models that are separated", "count"),
    "comparisons": ("pairs of models", "count"),
}
SCORE: dict[str, tables.Dictionary] = {
    "human": HUMAN,
    "scores": SCORES,
    "ranking": RANKING,
    "differences": DIFFERENCES,
    "ceiling": CEILING,
    "separation": SEPARATION,
}
"""The tables of a score by their names."""
