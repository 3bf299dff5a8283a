"""What all of the analysis calls alike: the keys of its tables, all participants, numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONDITION = ["participant", "image", "pair", "distortion"]
PAIR = ["image", "pair", "kind"]
# Stands in the column participant for the mean over all of them.
EVERYONE = "all"
