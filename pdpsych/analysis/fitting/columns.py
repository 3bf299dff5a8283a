"""Tables of a fit, and what their columns mean."""

from __future__ import annotations

from pdpsych.common.tables import Column, Columns

# Bins of d′ at which answers are counted: they do not depend on the answer to come.
EDGES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)

_GROUP = Column("group of the participant by the roster of the study; only where it has groups")

THRESHOLD_COLUMNS: Columns = {
    "participant": Column("label of the participant"),
    "image": Column("base image"),
    "pair": Column("pair of distortions of the image"),
    "distortion": Column("1 is u, 2 is v of the pair (u, v)"),
    "threshold": Column(
        "amplitude at which d′ = 1, the median of its posterior", "model units (L2 norm)"
    ),
    "low": Column("lower end of the interval of the threshold", "model units (L2 norm)"),
    "high": Column("upper end of the interval of the threshold", "model units (L2 norm)"),
    "log_threshold": Column("natural logarithm of the threshold", "nat"),
    "sd": Column("posterior standard deviation of log_threshold", "nat"),
    "exponent": Column("b, growth of d′ with amplitude, of this distortion of the pair"),
    "trials": Column("trials the threshold rests on, practice left out", "count"),
    "bound": Column(
        "whether the trials alone bound the threshold from both sides",
        levels={
            "exact": "they do",
            "at least": "only from below: trials_low",
            "at most": "only from above: trials_high",
            "unknown": "from neither",
        },
    ),
    "trials_low": Column(
        "lower end of the interval of the threshold by its trials alone, without what other "
        "conditions say; empty where there is none",
        "model units (L2 norm)",
    ),
    "trials_high": Column("upper end of that interval", "model units (L2 norm)"),
    "outside_range": Column(
        "whether the threshold lies more than 0.3 nat outside the amplitudes shown"
    ),
    "bootstrap_low": Column(
        "lower end of the interval by parametric bootstrap", "model units (L2 norm)"
    ),
    "bootstrap_high": Column(
        "upper end of the interval by parametric bootstrap", "model units (L2 norm)"
    ),
    "study_group": _GROUP,
}
PARTICIPANT_COLUMNS: Columns = {
    "participant": Column("label of the participant"),
    "exponent": Column(
        "b, growth of d′ with amplitude, geometric mean over distortions of a pair; Fisher "
        "information predicts 1"
    ),
    "exponent_low": Column("lower end of its interval"),
    "exponent_high": Column("upper end of its interval"),
    "lapse": Column("λ, half the share of trials answered by guessing at any amplitude"),
    "lapse_low": Column("lower end of its interval"),
    "lapse_high": Column("upper end of its interval"),
    "trials": Column("trials the fit rests on", "count"),
    "proportion_correct": Column("share of correct answers"),
    "converged": Column("whether the fit found its maximum"),
    "curve_p": Column("p value of proportion correct by d′, see bins.csv"),
    "learning": Column("s, change of log threshold from the first to the last trial", "nat"),
    "learning_low": Column("lower end of its interval", "nat"),
    "learning_high": Column("upper end of its interval", "nat"),
    "learning_p": Column("p value of no change"),
    "exponents_p": Column("p value of equal exponents of the distortions of a pair"),
    "criterion_drift": Column(
        "change of the preference for position 1 from the first to the last trial", "d′"
    ),
    "criterion_drift_p": Column("p value of no change"),
    "repetition": Column(
        "how much more position 1 is preferred after an answer for it than after none", "d′"
    ),
    "repetition_p": Column("p value of no influence of the answer before"),
    "first_share": Column("share of answers for position 1, were both right equally often"),
    "first_low": Column("lower end of its interval"),
    "first_high": Column("upper end of its interval"),
    "first_p": Column("p value of no preference"),
    "overdispersion": Column(
        "variance of correct answers in blocks of consecutive trials over that of independent ones"
    ),
    "overdispersion_p": Column("p value of independent answers"),
    "asymmetry": Column(
        "standard deviation over conditions of the difference between the log thresholds of the "
        "two signs of a distortion",
        "nat",
    ),
    "asymmetry_p": Column("p value of no difference between the signs"),
    "flags": Column("what is to be looked at, separated by semicolons"),
    "study_group": _GROUP,
}
GOODNESS_COLUMNS: Columns = {
    "participant": Column("label of the participant"),
    "image": Column('base image; "all": all trials of the participant'),
    "pair": Column("pair of distortions of the image"),
    "distortion": Column("1 is u, 2 is v of the pair (u, v); 0: all"),
    "trials": Column("trials the fit rests on", "count"),
    "proportion_correct": Column("share of correct answers"),
    "expected_correct": Column("share of correct answers that the fit expects"),
    "deviance": Column(
        f"binomial deviance of the counts in bins of d′ with edges {', '.join(map(str, EDGES))}, "
        "mean over posterior samples"
    ),
    "deviance_expected": Column("the same of answers drawn from the samples"),
    "deviance_p": Column("share of samples in which drawn answers deviate as much"),
}
BIN_COLUMNS: Columns = {
    "participant": Column("label of the participant"),
    "signal": Column("mean d′ of the trials in a bin, by the trials before each"),
    "trials": Column("trials of all conditions in the bin", "count"),
    "proportion_correct": Column("share of correct answers"),
    "low": Column("lower end of its interval, by the trials of the bin alone (Wilson)"),
    "high": Column("upper end of its interval, by the trials of the bin alone (Wilson)"),
    "expected_correct": Column("share of correct answers that the fit expects"),
}
EXCLUDED_COLUMNS: Columns = {
    "participant": Column("label of the participant"),
    "reason": Column("why trials were left out, the first that applies to each of them"),
    "count": Column("number of trials left out for this reason", "count"),
}
FIT: dict[str, Columns] = {
    "thresholds": THRESHOLD_COLUMNS,
    "participants": PARTICIPANT_COLUMNS,
    "goodness": GOODNESS_COLUMNS,
    "bins": BIN_COLUMNS,
    "excluded": EXCLUDED_COLUMNS,
}
"""The tables of a fit by their names."""
