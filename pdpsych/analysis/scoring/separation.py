"""What kinds of distortions tell models apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pdpsych.analysis.scoring.columns import SEPARATION
from pdpsych.analysis.scoring.mean_score import Distances


def separation(distances: Distances, kind: str, differences: pd.DataFrame) -> pd.DataFrame:
    """Return one row: how far apart a kind of distortions puts the models, and how surely.

    ``predicted`` is what the distortions were made for, without any human: the standard deviation
    of log ratios over models, root mean square over pairs. ``difference`` and ``standard_error``
    are means over all pairs of models.
    """
    row = {
        "kind": kind,
        "images": len(set(distances.images)),
        "predicted": float(np.sqrt(distances.log_ratios.var(axis=0).mean())),
        "difference": float(differences["difference"].mean()),
        "standard_error": float(differences["standard_error"].mean()),
        "separated": int(differences["separated"].sum()),
        "comparisons": len(differences),
    }
    # Of one model there are no differences.
    return pd.DataFrame([row] if len(differences) else [], columns=list(SEPARATION))


def gain_over_random(separations: pd.DataFrame) -> str:
    """Say what principal distortions gain over random ones; nothing where one is missing."""
    rows = separations.set_index("kind")
    if not {"principal", "random"} <= set(rows.index):
        return ""
    principal, random = rows.loc["principal"], rows.loc["random"]
    return (
        f"Principal distortions put models {principal['difference']:.2f} nats apart in score, with "
        f"a standard error of {principal['standard_error']:.2f}, random ones "
        f"{random['difference']:.2f} with {random['standard_error']:.2f}; they separate "
        f"{principal['separated']:.0f} of {principal['comparisons']:.0f} pairs of models, "
        f"random ones {random['separated']:.0f}."
    )
