"""What all of the analysis calls alike: the keys of its tables, all participants, numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONDITION = ["participant", "image", "pair", "distortion"]
PAIR = ["image", "pair", "kind"]
# Column of the group of a participant by the study's roster, where that has groups.
GROUP = "study_group"
# Stands in the column participant for the mean over all of them.
EVERYONE = "all"
