"""A stimulus set in which one of three images has two rivals of its principal pair."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pdpsych.stimuli import NewImage, NewPair, StimulusSet
from pdpsych.stimuli.manifest import MANIFEST

SIDE = 16
# Log sensitivity ratios of each model, by image and pair.
RATIOS = {
    ("camel", "principal"): {"LN": -1.5, "LG": 0.0, "LGN": 1.5},
    ("camel", "principal-rival-1"): {"LN": 0.5, "LG": -1.6, "LGN": 1.4},
    ("camel", "principal-rival-2"): {"LN": 1.5, "LG": 0.1, "LGN": -1.4},
    ("einstein", "principal"): {"LN": -1.4, "LG": 0.2, "LGN": 1.3},
    ("parrot", "principal"): {"LN": -1.6, "LG": 0.1, "LGN": 1.2},
}


def write_rival_set(folder: Path) -> StimulusSet:
    """Write the set; its pairs are principal ones."""
    rng = np.random.default_rng(3)
    images = {}
    for name in ("camel", "einstein", "parrot"):
        pairs = {}
        for (image, pair), ratios in RATIOS.items():
            u, v = rng.standard_normal((2, 1, SIDE, SIDE))
            seen = {model: (float(np.exp(x)), 1.0) for model, x in ratios.items()}
            rival_of = "principal" if "rival" in pair else None
            if image == name:
                u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
                pairs[pair] = NewPair(u, v, seen, rival_of=rival_of)
        images[name] = NewImage(rng.uniform(0.3, 0.7, (1, SIDE, SIDE)), pairs)
    made = StimulusSet.create(folder, images)
    manifest = json.loads((folder / MANIFEST).read_text())
    for entry in manifest["images"]:
        for pair in entry["pairs"]:
            pair["kind"] = "principal"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return StimulusSet.open(made.path)
