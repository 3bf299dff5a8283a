"""What kinds of distortions tell models apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pdpsych.analysis.scoring.columns import SEPARATION
from pdpsych.analysis.scoring.conclusion import deciding_kind
from pdpsych.analysis.scoring.mean_score import Distances
from pdpsych.analysis.words import capitalised
from pdpsych.stimuli.manifest import KINDS


def separation(
    distances: Distances, kind: str, differences: pd.DataFrame, sides: pd.DataFrame
) -> pd.DataFrame:
    """Return one row: how far apart a kind of distortions puts the models, and how surely.

    ``predicted`` is what the distortions were made for, without any human: the standard deviation
    of log ratios over models, root mean square over pairs. ``difference`` and ``standard_error``
    are means over all pairs of models, ``sides`` those on the kind.
    """
    row = {
        "kind": kind,
        "images": len(set(distances.images)),
        "predicted": float(np.sqrt(distances.log_ratios.var(axis=0).mean())),
        "difference": float(differences["difference"].mean()),
        "standard_error": float(differences["standard_error"].mean()),
        "separated": int(sides["separated"].sum()),
        "comparisons": len(differences),
    }
    # Of one model there are no differences.
    return pd.DataFrame([row] if len(differences) else [], columns=list(SEPARATION))


def gain_over_random(separations: pd.DataFrame) -> str:
    """Say what principal distortions gain over random ones; nothing where one is missing.

    Those that decide, where the pairs of a set answer several questions.
    """
    rows = separations.set_index("kind")
    kind = deciding_kind(rows.index) if len(rows) else ""
    if kind in set(KINDS) - {"principal"} or not {kind, "random"} <= set(rows.index):
        return ""
    principal, random = rows.loc[kind], rows.loc["random"]
    return (
        f"{capitalised(kind)} distortions put models {principal['difference']:.2f} nats apart in "
        f"local score, with a standard error of {principal['standard_error']:.2f}, random ones "
        f"{random['difference']:.2f} with {random['standard_error']:.2f}; they separate "
        f"{principal['separated']:.0f} of {principal['comparisons']:.0f} pairs of models, "
        f"random ones {random['separated']:.0f}."
    )
