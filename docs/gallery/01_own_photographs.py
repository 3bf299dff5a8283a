"""
Photographs of your own
=======================

A recipe takes files and folders of nearly any format; what is done to each is said before
anything is made.
"""

import tempfile
from pathlib import Path

from PIL import Image
from skimage import data

from pdpsych import stimuli, studies

study = Path(tempfile.mkdtemp(), "study")
(study / "stimuli" / "photographs").mkdir(parents=True)
photographs = study / "stimuli" / "photographs"
Image.fromarray(data.cat()).save(photographs / "my cat.jpg", quality=95)
Image.fromarray(data.coffee()).save(photographs / "coffee.png")
(study / "stimuli" / "mine.yaml").write_text("""\
images: [{folder: photographs}]
preprocess: {size: 48, resize: 64, range: [0.05, 0.95]}
models: [LN, LGN]
distortions: [{kind: principal, iterations: 10}]
""")

# %%
# ``check`` says what the photographs are, and what will be done to them; then the set is made.

print(studies.check(study).describe().partition("\n")[2])
made = stimuli.generate(study / "stimuli" / "mine.yaml")
print(made.summary())
