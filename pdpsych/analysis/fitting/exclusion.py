"""Which trials are left out of the fit, and how many for which reason."""

from __future__ import annotations

import pandas as pd

from pdpsych.analysis.definition import Analysis

# A trial is the same as another if all of these are; a copied log has nothing but such trials.
_IDENTITY = ["trial", "image", "pair", "distortion", "amplitude", "dither_seed", "time"]


def exclude(rows: pd.DataFrame, analysis: Analysis) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave trials out by the rules of an analysis.

    Practice and trials that another log holds too are always left out.

    Parameters
    ----------
    rows
        One row a trial with at least participant, practice, off, clipped, response_time and what
        makes a trial the same as another.

    Returns
    -------
    kept
        The other trials.
    excluded
        participant, reason, count: a row for each participant and rule, 0 where it left out
        nothing. A trial that several rules leave out counts for the first.
    """
    left = pd.Series(False, index=rows.index)
    counts = {}
    for reason, applies in _rules(rows, analysis).items():
        new = applies & ~left
        counts[reason] = new.groupby(rows["participant"]).sum()
        left |= new
    table = pd.DataFrame(counts).rename_axis(index="participant", columns="reason")
    excluded = table.stack().rename("count").reset_index()
    return rows[~left].reset_index(drop=True), excluded.astype({"count": int})


def _rules(rows: pd.DataFrame, analysis: Analysis) -> dict[str, pd.Series[bool]]:
    seconds, never = rows["response_time"], pd.Series(False, index=rows.index)
    rules = {
        "practice": rows["practice"].astype(bool),
        "in another log too": rows.duplicated(_IDENTITY),
    }
    if analysis.exclude_timing:
        rules["timing off by more than a frame"] = rows.get("off", never).eq(True)
    if analysis.exclude_again:
        rules["shown before, when it was interrupted"] = rows.get("presented", never) > 1
    if analysis.max_clipped is not None:
        rules[f"clipped share above {analysis.max_clipped:g}"] = (
            rows["clipped"] > analysis.max_clipped
        )
    if analysis.min_response_time is not None:
        rules[f"answered within {analysis.min_response_time:g} s"] = (
            seconds < analysis.min_response_time
        )
    if analysis.max_response_time is not None:
        rules[f"answered after {analysis.max_response_time:g} s"] = (
            seconds > analysis.max_response_time
        )
    return rules


def describe_excluded(excluded: pd.DataFrame) -> str:
    """Say how many trials of all participants each reason left out."""
    total = excluded.groupby("reason", sort=False)["count"].sum()
    listed = "; ".join(f"{count} {reason}" for reason, count in total.items())
    return f"left out: {listed or 'nothing'}"
