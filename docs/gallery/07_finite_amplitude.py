"""
Distortions that are visible
============================

Sensitivities are slopes for small changes. ``amplitude_rms`` asks for the pair on which models
disagree most at an amplitude that people see; the set knows what each model responds from
invisible to the limit of the gamut.
"""

import tempfile
from pathlib import Path

from pdpsych import stimuli

recipe = Path(tempfile.mkdtemp(), "visible.yaml")
recipe.write_text("""\
images: [{sample: camera}]
preprocess: {size: 32, resize: 64, range: [0.2, 0.8]}
models: [LN, LGN]
distortions: [{kind: principal, amplitude_rms: 0.02, iterations: 8}]
""")
made = stimuli.generate(recipe)
print(made["camera"]["principal-visible"].question.describe())

# %%
# The d′ of each model at RMS contrasts of 0.01 and 0.02, to the first distortion and to the second:

dimension = made["camera"].dimension
for (_, pair, number), by_model in made.finite_responses().items():
    for model, response in by_model.items():
        seen = response.mean([contrast * dimension**0.5 for contrast in (0.01, 0.02)])
        print(f"{pair} {number}  {model:<3}  d′ {seen[0]:.2g}, {seen[1]:.2g}")
