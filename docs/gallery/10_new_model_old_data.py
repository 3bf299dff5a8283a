"""
A new model on finished data
============================

Data that are there can judge a model that nobody thought of when they were measured: it is asked
for its responses to the distortions that were shown. It *took no part* in choosing them, and the
scores say so.
"""

import tempfile
from pathlib import Path

from pdpsych import analysis, experiments, stimuli

study = Path(tempfile.mkdtemp(), "study")
for kind in ("stimuli", "experiments", "analysis"):
    (study / kind).mkdir(parents=True)
(study / "stimuli" / "early.yaml").write_text("""\
images: [{sample: camera}, {sample: cat}]
preprocess: {size: 32, resize: 64, range: [0.2, 0.8]}
models: [LN, LGN]
distortions: [{kind: principal, iterations: 8}]
""")
(study / "experiments" / "early.yaml").write_text("""\
stimulus_set: ../stimuli/sets/early
display: {}
trials_per_condition: 20
""")
(study / "analysis" / "early.yaml").write_text("experiment: ../experiments/early.yaml\n")
stimuli.generate(study / "stimuli" / "early.yaml")
experiments.run(study / "experiments" / "early.yaml", "01", observer="LGN")

# %%
# LG comes later. On the command line: ``pdpsych score STUDY --add-model LG``.

added = analysis.add_models(study, ["LG"])
scores = analysis.score(study, added=added)
print(scores.ranking[["rank", "model", "took_part", "score"]].round(2).to_string(index=False))
