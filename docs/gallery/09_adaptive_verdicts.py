"""
Sessions that end with a verdict
================================

Trials go where an answer tells most of which model a person is nearest to, and the session ends
when that is known (:doc:`/asking`). Here somebody who sees like LGN takes part, simulated.
"""

import tempfile
from pathlib import Path

from pdpsych import experiments, stimuli

study = Path(tempfile.mkdtemp())
(study / "stimuli.yaml").write_text("""\
images: [{sample: camera}, {sample: cat}]
preprocess: {size: 32, resize: 64, range: [0.2, 0.8]}
models: [LN, LGN]
distortions: [{kind: principal, iterations: 8}]
""")
made = stimuli.generate(study / "stimuli.yaml")
(study / "early.yaml").write_text(f"""\
stimulus_set: {made.path}
display: {{}}
trials_per_condition: 100
method: {{kind: models}}
stop: {{probability: 0.9, least: 30, most: 400}}
""")
log = experiments.run(study / "early.yaml", "01", observer="LGN")
print(log.describe())
