"""What is to be looked at in a participant's fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

# Above this lapse a participant is flagged: one answer in ten given without looking.
_HIGH_LAPSE = 0.05
# Tests of a participant's trials flag at this p value; realised discrepancies at a larger one,
# which they fall below more seldom than it says.
_FLAG_P = 0.01
_FLAG_DISCREPANCY_P = 0.05
# Below this p value answers are not taken for independent, and intervals are wider for it.
WIDENED_P = 0.01
# What is modelled is flagged only if it is large enough to see: a share of answers, units of d′,
# and nats.
_HIGH_PREFERENCE = 0.05
_HIGH_DRIFT, _HIGH_REPETITION = 0.5, 0.2
_HIGH_ASYMMETRY = 0.1


def flags(
    row: dict[str, Any], thresholds: pd.DataFrame, deviance_p: float, chance: float = 0.5
) -> str:
    """Say what is to be looked at, separated by semicolons; empty if it is nothing.

    Parameters
    ----------
    row
        The participant's row of the table of participants.
    thresholds
        Those of the participant.
    deviance_p
        p value of the deviance of all trials.
    chance
        Share of correct answers of who sees nothing.
    """
    found = _poor(row, thresholds, chance) | _misfits(row, deviance_p)
    return "; ".join(text for text, applies in found.items() if applies)


def _poor(row: dict[str, Any], thresholds: pd.DataFrame, chance: float) -> dict[str, bool]:
    """Say what the trials do not determine."""
    outside = int(thresholds["outside_range"].sum())
    bounds = int((thresholds["bound"] != "exact").sum())
    chance_sd = np.sqrt(chance * (1 - chance) / row["trials"])
    return {
        f"{outside} of {len(thresholds)} thresholds outside the amplitudes shown": outside > 0,
        f"{bounds} of {len(thresholds)} thresholds only bounded by trials": bounds > 0,
        "answers not better than chance": row["proportion_correct"] < chance + 2 * chance_sd,
        f"lapse above {_HIGH_LAPSE:g}": row["lapse"] > _HIGH_LAPSE,
        "exponent differs from 1": not row["exponent_low"] <= 1 <= row["exponent_high"],
        "exponents of the distortions of a pair differ": row["exponents_p"] < _FLAG_P,
        "fit did not converge": not row["converged"],
    }


def _misfits(row: dict[str, Any], deviance_p: float) -> dict[str, bool]:
    """Say in which ways the trials are not those that the model describes."""
    away = abs(row["first_share"] - 0.5)
    return {
        f"thresholds change by {row['learning']:+.2f} nat from the first to the last trial": (
            row["learning_p"] < _FLAG_P
        ),
        f"prefers a position: {row['first_share']:.0%} of answers for the first": (
            row["first_p"] < _FLAG_P and away > _HIGH_PREFERENCE
        ),
        f"preference for a position drifts by {row['criterion_drift']:+.1f} of d′": (
            row["criterion_drift_p"] < _FLAG_P and abs(row["criterion_drift"]) > _HIGH_DRIFT
        ),
        f"{'repeats' if row['repetition'] > 0 else 'avoids'} the position answered before": (
            row["repetition_p"] < _FLAG_P and abs(row["repetition"]) > _HIGH_REPETITION
        ),
        f"answers vary {row['overdispersion']:.1f} times as much between blocks as they should: "
        "intervals are widened": row["overdispersion_p"] < WIDENED_P,
        "log thresholds of the two signs of a distortion are apart by about "
        f"{row['asymmetry']:.1f} nat": (
            row["asymmetry_p"] < _FLAG_P and row["asymmetry"] > _HIGH_ASYMMETRY
        ),
        "proportion correct by d′ differs from the fitted curve": row["curve_p"] < _FLAG_P,
        "deviance larger than expected": deviance_p < _FLAG_DISCREPANCY_P,
    }
