"""
Data from elsewhere
===================

Trials of any program are a CSV file: participant, image, pair, distortion, amplitude and whether
the answer was correct. Here they are scored against the ratios of models, in a table too, so that
nothing else is needed.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from pdpsych import analysis

folder, rng = Path(tempfile.mkdtemp()), np.random.default_rng(0)
images = [f"image{number}" for number in range(6)]
human = {image: rng.normal(1.0, 0.3) for image in images}
rows = []
for image in images:
    for distortion, log_threshold in ((1, -human[image] / 2), (2, human[image] / 2)):
        for amplitude in np.exp(log_threshold + rng.normal(0.2, 0.6, 60)):
            d_prime = amplitude / np.exp(log_threshold)
            chance = 0.5 + 0.48 * (1 - np.exp(-(d_prime**2) / 3))
            rows.append(("01", image, "mine", distortion, amplitude, int(rng.random() < chance)))
columns = ["participant", "image", "pair", "distortion", "amplitude", "correct"]
pd.DataFrame(rows, columns=columns).to_csv(folder / "trials.csv", index=False)
models = [(i, "mine", m, human[i] + off) for i in images for m, off in (("A", 0.0), ("B", -1.5))]
table = pd.DataFrame(models, columns=["image", "pair", "model", "log_ratio"])
table.to_csv(folder / "models.csv", index=False)

# %%
# Two lines of YAML, or the same from Python:

(folder / "elsewhere.yaml").write_text("trials: trials.csv\nratios: models.csv\n")
scores = analysis.score(folder / "elsewhere.yaml")
print(scores.ranking[["rank", "model", "score"]].round(2).to_string(index=False))
