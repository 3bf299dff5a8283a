"""Tables of a score, and what their columns mean."""

from __future__ import annotations

from pdpsych.common.tables import Column, Columns

_PAIR: Columns = {
    "image": Column("base image"),
    "pair": Column("pair of distortions (u, v) of the image"),
    "kind": Column("how the pair was made; of principal ones, the question they answer"),
    "model": Column("model"),
    "took_part": Column("whether the model took part in choosing the distortions"),
    "low": Column("lower end of the interval", "nat"),
    "high": Column("upper end of the interval", "nat"),
    "score": Column("|log ratio of the model − log ratio of the human|, equation 1", "nat"),
    "expected_perfect": Column("expected score of a perfect model with these data", "nat"),
}
_BOUND = {
    "exact": "from both sides",
    "at least": "from below alone",
    "at most": "from above alone",
    "unknown": "from no side",
}
HUMAN: Columns = _PAIR | {
    "participant": Column('label of the participant; "all" is the mean over participants'),
    "log_ratio": Column(
        "log sensitivity ratio log d(u)/d(v) = log τ(v) − log τ(u); of a bound, its end; empty "
        "where there is none",
        "nat",
    ),
    "low": Column("lower end of the interval; empty where the trials give none", "nat"),
    "high": Column("upper end of the interval; empty where the trials give none", "nat"),
    "bound": Column("from where the trials bound the ratio", levels=_BOUND),
    "sd": Column(
        "posterior standard deviation of log_ratio; for all, with the variance between "
        "participants; empty of a bound",
        "nat",
    ),
}
SCORES: Columns = _PAIR | {
    "log_ratio": Column("log sensitivity ratio of the model", "nat"),
    "high": Column("upper end of the interval; empty of a bound", "nat"),
    "bound": Column(
        "whether the score is known",
        levels={"exact": "yes", "at least": "a ratio is a bound: it is so much or more"},
    ),
    "error": Column("log ratio of the model − log ratio of the human", "nat"),
    "error_low": Column("lower end of the interval of error", "nat"),
    "error_high": Column("upper end of the interval of error", "nat"),
    "overrates": Column(
        "distortion the model is too sensitive to, beside the other: u, v, or neither where the "
        "interval of error has 0 inside"
    ),
}
RANKING: Columns = _PAIR | {
    "rank": Column("1 is closest to the human; with bounds, the best place that is possible"),
    "rank_high": Column("the worst place that is possible: other than rank where bounds leave it"),
    "score": Column(
        "mean over images of |log ratio of the model − log ratio of the human|, the noise of the "
        "human's taken off; with bounds, at least",
        "nat",
    ),
    "high": Column("upper end of the interval; empty with bounds", "nat"),
    "median": Column("median over images of the same", "nat"),
    "median_low": Column("lower end of the interval of median", "nat"),
    "median_high": Column("upper end of the interval of median", "nat"),
    "raw_score": Column("mean over images of the scores as they are, noise in them", "nat"),
    "expected_perfect": Column("expected raw_score of a perfect model with these data", "nat"),
    "bounds": Column("scores that are no more than bounds", "count"),
    "individual": Column(
        "mean distance to single participants, to compare with the noise ceiling", "nat"
    ),
    "images": Column("number of base images", "count"),
    "difference": Column("score minus the score of the best model", "nat"),
    "difference_low": Column("lower end of the interval of difference", "nat"),
    "difference_high": Column("upper end of that interval", "nat"),
}
SIDES: Columns = {
    "kind": Column("how the pairs were made; of principal ones, the question they answer"),
    "model": Column("the one of two models to which people are closer, beside all models"),
    "other": Column("the other model"),
    "images": Column("base images on which the log ratios of both differ", "count"),
    "side": Column("1 where people are at the model, 0 half-way between both, −1 at the other"),
    "low": Column("lower end of its interval; empty where one image alone tells them apart"),
    "high": Column("upper end of its interval"),
    "p_value": Column("of people as close to one as to the other"),
    "separated": Column("whether the interval leaves 0 out, from at least five images"),
}
CEILING: Columns = {
    "kind": Column("how the pairs were made; of principal ones, the question they answer"),
    "participants": Column("participants compared with each other", "count"),
    "images": Column("base images on which they can be", "count"),
    "everyone": Column(
        "mean distance of single participants to the mean of all: no model comes closer", "nat"
    ),
    "everyone_low": Column(
        "lower end of its interval, with as many other participants, images and trials", "nat"
    ),
    "everyone_high": Column("upper end of that interval", "nat"),
    "others": Column("mean distance of single participants to the mean of the others", "nat"),
    "others_low": Column("lower end of the interval of others", "nat"),
    "others_high": Column("upper end of that interval", "nat"),
    "determined": Column("whether both intervals span less than a factor of 10; else empty"),
}
SEPARATION: Columns = {
    "kind": Column("how the pairs were made; of principal ones, the question they answer"),
    "images": Column("base images", "count"),
    "predicted": Column(
        "standard deviation over models of log ratios, root mean square over pairs", "nat"
    ),
    "difference": Column("difference of two models' scores, mean over pairs of models", "nat"),
    "standard_error": Column("of a difference, mean over pairs of models", "nat"),
    "separated": Column("pairs of models that are separated", "count"),
    "comparisons": Column("pairs of models", "count"),
}
SCORE: dict[str, Columns] = {
    "human": HUMAN,
    "scores": SCORES,
    "ranking": RANKING,
    "sides": SIDES,
    "ceiling": CEILING,
    "separation": SEPARATION,
}
"""The tables of a score by their names."""
