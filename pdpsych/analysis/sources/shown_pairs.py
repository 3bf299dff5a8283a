"""Which pairs of distortions what was measured elsewhere can be of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pdpsych.analysis.names import EVERYONE, Floats
from pdpsych.analysis.sources.foreign_table import ForeignTable
from pdpsych.stimuli.stimulus_set import StimulusSet

_NUMBERS = {"1": 1, "2": 2}


@dataclass(frozen=True)
class ShownPairs:
    """The pairs of a stimulus set, or of a table of ratios.

    Attributes
    ----------
    of
        What they are of, in words.
    pairs
        Names of the pairs of each image.
    largest
        No amplitude on an image is above this, √D; empty where it is not known.
    """

    of: str
    pairs: Mapping[str, tuple[str, ...]]
    largest: Mapping[str, float]

    @classmethod
    def of_set(cls, opened: StimulusSet) -> ShownPairs:
        """Return all pairs of a set, rivals too."""
        return cls(
            f"of the stimulus set {opened.name}",
            {e.name: tuple(pair.name for pair in e.pairs) for e in opened.manifest.images},
            {e.name: float(np.sqrt(np.prod(e.shape))) for e in opened.manifest.images},
        )

    @classmethod
    def of_ratios(cls, ratios: pd.DataFrame) -> ShownPairs:
        """Return the pairs of log ratios of models."""
        by_image = ratios.groupby("image", sort=False)["pair"]
        return cls("in the ratios", {str(i): tuple(dict.fromkeys(p)) for i, p in by_image}, {})

    def conditions(self, table: ForeignTable) -> pd.DataFrame:
        """Return participant, image, pair, distortion of each row of a table.

        Raises
        ------
        InputError
            If a name is not known, or a cell empty.
        """
        participants = table.text("participant")
        table.check(
            "participant",
            participants != EVERYONE,
            f"stands for everybody in the tables of results: {EVERYONE}",
            "another name",
        )
        images = table.known("image", self.pairs, f"an image {self.of}")
        pairs = table.text("pair")
        for image in dict.fromkeys(images):
            own = (images != image) | pairs.isin(self.pairs[image])
            table.check("pair", own, f"is no pair of {image}", self.pairs[image])
        numbers = table.chosen("distortion", _NUMBERS, "1, which is u, or 2, which is v")
        return pd.DataFrame(
            {"participant": participants, "image": images, "pair": pairs, "distortion": numbers}
        )

    def check_amplitudes(self, table: ForeignTable, images: pd.Series, amplitudes: Floats) -> None:
        """Refuse amplitudes that would change pixels by more than from 0 to 1 on average."""
        if self.largest:
            largest = images.map(dict(self.largest)).to_numpy(dtype=float)
            table.check(
                "amplitude",
                amplitudes <= largest,
                "changes an image by more than there is between black and white",
                "amplitudes in model units, the L2 norm of the change of values in [0, 1]",
                "multiply RMS contrasts by √D, D = C·H·W, and divide 8-bit levels by 255",
            )
