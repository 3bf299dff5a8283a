"""Tables of a fit, and what their columns mean."""

from __future__ import annotations

from pdpsych.common import tables

# Bins of d′ at which answers are counted: they do not depend on the answer to come.
EDGES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)

THRESHOLD_COLUMNS: tables.Dictionary = {
    "participant": ("label of the participant", "none"),
    "image": ("base image", "none"),
    "pair": ("pair of distortions of the image", "none"),
    "distortion": ("1 is u, 2 is v of the pair (u, v)", "none"),
    "threshold": (
        "amplitude at which d′ = 1, the median of its posterior",
        "model units (L2 norm)",
    ),
    "low": ("lower end of the interval of the threshold", "model units (L2 norm)"),
    "high": ("upper end of the interval of the threshold", "model units (L2 norm)"),
    "log_threshold": ("natural logarithm of the threshold", "nat"),
    "sd": ("posterior standard deviation of log_threshold", "nat"),
    "trials": ("trials the threshold rests on, practice left out", "count"),
    "measured": ("whether the trials alone determine the threshold, to an sd of 1 nat", "none"),
    "outside_range": (
        "whether the threshold lies more than 0.3 nat outside the amplitudes shown",
        "none",
    ),
    "bootstrap_low": ("lower end of the interval by parametric bootstrap", "model units (L2 norm)"),
    "bootstrap_high": (
        "upper end of the interval by parametric bootstrap",
        "model units (L2 norm)",
    ),
}
PARTICIPANT_COLUMNS: tables.Dictionary = {
    "participant": ("label of the participant", "none"),
    "exponent": ("b, growth of d′ with amplitude; Fisher information predicts 1", "none"),
    "exponent_low": ("lower end of its interval", "none"),
    "exponent_high": ("upper end of its interval", "none"),
    "lapse": ("λ, half the share of trials answered by guessing at any amplitude", "none"),
    "lapse_low": ("lower end of its interval", "none"),
    "lapse_high": ("upper end of its interval", "none"),
    "trials": ("trials the fit rests on", "count"),
    "proportion_correct": ("share of correct answers", "none"),
    "converged": ("whether the fit found its maximum", "none"),
    "curve_p": ("p value of proportion correct by d′, see bins.csv", "none"),
    "learning": ("s, change of log threshold from the first to the last trial", "nat"),
    "learning_low": ("lower end of its interval", "nat"),
    "learning_high": ("upper end of its interval", "nat"),
    "learning_p": ("p value of no change", "none"),
    "first_share": ("share of answers for position 1, were both right equally often", "none"),
    "first_low": ("lower end of its interval", "none"),
    "first_high": ("upper end of its interval", "none"),
    "first_p": ("p value of no preference", "none"),
    "overdispersion": (
        "variance of correct answers in blocks of consecutive trials over that of independent ones",
        "none",
    ),
    "overdispersion_p": ("p value of independent answers", "none"),
    "flags": ("what is to be looked at, separated by semicolons", "none"),
}
GOODNESS_COLUMNS: tables.Dictionary = {
    "participant": ("label of the participant", "none"),
    "image": ('base image; "all": all trials of the participant', "none"),
    "pair": ("pair of distortions of the image", "none"),
    "distortion": ("1 is u, 2 is v of the pair (u, v); 0: all", "none"),
    "trials": ("trials the fit rests on", "count"),
    "proportion_correct": ("share of correct answers", "none"),
    "expected_correct": ("share of correct answers that the fit expects", "none"),
    "deviance": (
        f"binomial deviance of the counts in bins of d′ with edges {', '.join(map(str, EDGES))}, "
        "mean over posterior samples",
        "none",
    ),
    "deviance_expected": ("the same of answers drawn from the samples", "none"),
    "deviance_p": ("share of samples in which drawn answers deviate as much", "none"),
}
BIN_COLUMNS: tables.Dictionary = {
    "participant": ("label of the participant", "none"),
    "signal": ("mean d′ of the trials in a bin, by the trials before each", "none"),
    "trials": ("trials of all conditions in the bin", "count"),
    "proportion_correct": ("share of correct answers", "none"),
    "low": ("lower end of its interval, by the trials of the bin alone (Wilson)", "none"),
    "high": ("upper end of its interval, by the trials of the bin alone (Wilson)", "none"),
    "expected_correct": ("share of correct answers that the fit expects", "none"),
}
EXCLUDED_COLUMNS: tables.Dictionary = {
    "participant": ("label of the participant", "none"),
    "reason": ("why trials were left out, the first that applies to each of them", "none"),
    "count": ("number of trials left out for this reason", "count"),
}
FIT: dict[str, tables.Dictionary] = {
    "thresholds": THRESHOLD_COLUMNS,
    "participants": PARTICIPANT_COLUMNS,
    "goodness": GOODNESS_COLUMNS,
    "bins": BIN_COLUMNS,
    "excluded": EXCLUDED_COLUMNS,
}
"""The tables of a fit by their names."""
