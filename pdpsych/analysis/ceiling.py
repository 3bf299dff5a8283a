"""How close any model could come to single people: participants against each other."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pdpsych.analysis.human import HumanRatios
from pdpsych.analysis.likelihood import Floats
from pdpsych.analysis.mean_score import average_by_image

COLUMNS = ["kind", "participants", "images", "everyone", "others"]


def ceiling(ratios: HumanRatios) -> pd.DataFrame:
    """Return the noise ceiling per kind: mean distance of predictions to single participants.

    ``others`` predicts each participant by the mean of the others, ``everyone`` by the mean with
    that participant in it: the true limit is nearly always between (the bounds of Nili et al.
    2014, turned round because a distance is small where a correlation is large). Compare the
    column ``individual`` of the ranking. Pairs that one participant alone has are left out;
    without two participants there is no row.
    """
    estimate = ratios.samples.mean(axis=0)
    count = (~np.isnan(estimate)).sum(axis=0)
    rows = []
    for kind, numbers in ratios.pairs.groupby("kind", sort=False).indices.items():
        shared = numbers[count[numbers] > 1]
        if not len(shared):
            continue
        own, images = estimate[:, shared], ratios.pairs["image"].to_numpy()[shared]
        from_mean = own - np.nanmean(own, axis=0)
        # Without participant p the mean moves away from p by 1/(n − 1) of the deviation.
        from_others = from_mean * count[shared] / (count[shared] - 1)
        both = [_over_images(np.abs(d)[None], images)[0] for d in (from_mean, from_others)]
        people = int((~np.isnan(own)).any(axis=1).sum())
        rows.append((str(kind), people, len(set(images)), *map(float, both)))
    return pd.DataFrame(rows, columns=COLUMNS)


def individual_distance(log_ratios: Floats, estimate: Floats, images: np.ndarray) -> Floats:
    """Return the mean distance of models (M, K) to single participants (P, K), (M,)."""
    return _over_images(np.abs(log_ratios[:, None] - estimate), images)


def _over_images(distances: Floats, images: np.ndarray) -> Floats:
    """Average (M, P, K) over the participants who have a pair, its image's pairs, and images."""
    return np.asarray((np.nanmean(distances, axis=1) @ average_by_image(images).T).mean(axis=1))
