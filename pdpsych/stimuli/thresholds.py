"""The thresholds that an observer would have who saw like a model."""

from __future__ import annotations

import numpy as np

from pdpsych.stimuli.stimulus_set import StimulusSet


def expected_thresholds(
    opened: StimulusSet, model: str, median_rms: float
) -> dict[tuple[str, str, int], float]:
    """Return τ of each (image, pair, distortion), in model units: inverse to sensitivity.

    Of thresholds only ratios follow from a model: their geometric mean over the set, without
    rivals, is put at ``median_rms`` in RMS contrast, τ/√D. Those of distortions to which the model
    is blind are infinite.
    """
    table = opened.sensitivities(rivals=True).query("model == @model")
    root = np.sqrt([opened[image].dimension for image in table["image"]])
    with np.errstate(divide="ignore"):
        relative = 1 / (table["sensitivity"].to_numpy() * root)
    rivals = {(i.name, p.name) for i in opened for p in i.with_rivals if p.rival_of}
    own = [key not in rivals for key in zip(table["image"], table["pair"], strict=True)]
    visible = np.isfinite(relative) & own
    scale = median_rms / np.exp(np.mean(np.log(relative[visible])))
    keys = zip(table["image"], table["pair"], table["distortion"], strict=True)
    return {key: float(v) for key, v in zip(keys, scale * relative * root, strict=True)}
