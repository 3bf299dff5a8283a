"""Tables of what somebody who sees like LGN was measured with elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import small_study

from pdpsych.analysis.tasks.links import LINKS

Condition = tuple[str, str, int]


def true_log_thresholds() -> dict[Condition, float]:
    """Return the thresholds of somebody who sees like LGN, as sessions of the small study have."""
    found = {}
    for image, ratio in zip(small_study.IMAGES, small_study.RATIOS["LGN"], strict=True):
        found |= {(image, "principal", 1): -ratio / 2, (image, "principal", 2): ratio / 2}
        found |= {(image, "random", 1): 0.0, (image, "random", 2): 0.0}
    return found


def constant_stimuli(
    task: str, participants: int, trials: int, seed: int, lapse: float = 0.02
) -> pd.DataFrame:
    """Simulate counts at seven amplitudes around each threshold; levels are off by chance."""
    rng, link, rows = np.random.default_rng(seed), LINKS[task], []
    # Where the odd one is to be found, people need more.
    steps = np.linspace(-1.0, 1.4, 7) + (0.5 if task == "oddity" else 0.0)
    for who in range(1, participants + 1):
        for condition, threshold in true_log_thresholds().items():
            log_amplitude = threshold + rng.normal(0, 0.3) + steps
            share = link.correct(np.exp(log_amplitude - threshold))
            p = 2 * lapse * link.chance + (1 - 2 * lapse) * share
            right = rng.binomial(trials, p)
            for amplitude, count in zip(np.exp(log_amplitude), right, strict=True):
                rows.append((f"{who:02d}", *condition, amplitude, count, trials))
    columns = ["participant", "image", "pair", "distortion", "amplitude", "right", "total"]
    return pd.DataFrame(rows, columns=columns)
