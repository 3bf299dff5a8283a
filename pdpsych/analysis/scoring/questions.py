"""Which models pairs were chosen by, and what principal ones ask of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdpsych.stimuli.stimulus_set import StimulusSet

NO_PART = " (took no part)"
"""Marks a model that took no part in choosing the distortions it is scored on."""

_PAIR = ["image", "pair"]


def chosen_by(stimulus_set: StimulusSet, ratios: pd.DataFrame) -> list[bool]:
    """Return for each row whether its model is one of those that its pair was chosen by."""
    asked = {
        (entry.name, pair.name): set(pair.asked.models if pair.asked else stimulus_set.models)
        for entry in stimulus_set.manifest.images
        for pair in entry.pairs
    }
    rows = ratios[[*_PAIR, "model"]].itertuples(index=False, name=None)
    return [model in asked[image, pair] for image, pair, model in rows]


def took_part(ratios: pd.DataFrame, models: list[str], pairs: pd.DataFrame) -> NDArray[np.bool_]:
    """Return whether each model took part in choosing each pair, (M, K); true where not said."""
    if "took_part" not in ratios:
        return np.ones((len(models), len(pairs)), dtype=bool)
    wide = ratios.pivot(index="model", columns=_PAIR, values="took_part")
    columns = pd.MultiIndex.from_frame(pairs[_PAIR])
    return np.asarray(wide.reindex(index=models, columns=columns), dtype=bool)


def in_words(stimulus_set: StimulusSet) -> dict[str, str]:
    """Return what each question is about, where that is not each model of the set."""
    every = set(stimulus_set.models)
    pairs = [pair for entry in stimulus_set.manifest.images for pair in entry.pairs]
    found = {pair.asked.name: pair.asked for pair in pairs if pair.asked}
    return {
        name: question.describe()
        for name, question in found.items()
        if question.groups or set(question.models) != every
    }
