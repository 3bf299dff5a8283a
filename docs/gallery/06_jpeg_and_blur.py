"""
Baselines: JPEG and blur
========================

How well do degradations that everybody knows tell the same models apart? They are entries of a
recipe, and are shown and scored as any other pair.
"""

import tempfile
from pathlib import Path

from pdpsych import stimuli

recipe = Path(tempfile.mkdtemp(), "baselines.yaml")
recipe.write_text("""\
images: [{sample: cat}]
preprocess: {size: 48, resize: 64, range: [0.1, 0.9]}
models: [LN, LG, LGN]
distortions:
  - {kind: principal, iterations: 10}
  - {kind: degraded, first: {jpeg: 30}, second: {blur: 2}}
  - {kind: random}
""")
made = stimuli.generate(recipe)
ratios = made.log_ratios().pivot(index="pair", columns="model", values="log_ratio")
ratios["spread"] = ratios.std(axis=1)
print(ratios.round(2).to_string())
