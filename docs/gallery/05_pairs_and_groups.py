"""
Several pairs, and groups of models
===================================

One set can ask several questions: where all models disagree, further pairs orthogonal to the
first, and what separates one group from another (:doc:`/choosing`).
"""

import tempfile
from pathlib import Path

from pdpsych import stimuli

recipe = Path(tempfile.mkdtemp(), "questions.yaml")
recipe.write_text("""\
images: [{sample: camera}]
preprocess: {size: 48, resize: 64, range: [0.1, 0.9]}
models: [LN, LG, LGG, LGN]
distortions:
  - {kind: principal, pairs: 2, iterations: 10}
  - kind: principal
    name: gain-control
    separate: {without: [LN], with: [LG, LGG, LGN]}
    iterations: 10
""")
made = stimuli.generate(recipe)
for pair in made["camera"]:
    print(f"{pair.name}: {pair.question.describe()}")
print(made.scree().to_string(index=False))
