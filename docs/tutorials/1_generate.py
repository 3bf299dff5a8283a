"""
1. Make a stimulus set
======================

**What you need:** a machine with PyTorch, ``pip install 'pdpsych[models]'``; no graphics card, no
network, nothing to download. **What you get:** a folder that holds, for four photographs, the two
distortions on which four models of early vision disagree most.
"""

# %%
# A study
# -------
#
# A study is a folder with three folders in it: ``stimuli``, ``experiments`` and ``analysis``. On
# the command line,
#
# .. code-block:: console
#
#    $ pdpsych init first-study
#
# makes one with commented files and a README. The same from Python:

from pathlib import Path

from pdpsych import studies

study = Path("first-study")
studies.init(study)
print(*sorted(path.relative_to(study).as_posix() for path in study.rglob("*.yaml")), sep="\n")

# %%
# The recipe
# ----------
#
# ``stimuli/early-vision.yaml`` says which images, which models and which distortions. Here is one
# with less to do, so that this page takes seconds: four photographs that come with scikit-image,
# cut to 96 pixels. LN filters the image; LG normalises it by its local luminance, LGG also by its
# local contrast, LGN in separate on and off channels.

recipe = study / "stimuli" / "small.yaml"
recipe.write_text("""\
images:
  - sample: astronaut
  - sample: cat
  - sample: coffee
  - sample: rocket
preprocess: {size: 96, range: [0.05, 0.95]}  # room for distortions at both ends of the gamut
models: [LN, LG, LGG, LGN]
floor: 0.03          # no model is blinder than to 3 % of its sensitivity to white noise
space: {window: 0.65} # 17 pixels from the border, so that models' padding does not count
distortions:
  - {kind: principal, iterations: 120}
  - {kind: random}   # white noise, to compare with
seed: 0
""")

# %%
# A mistake in it is told with its place, and what was probably meant:

from pdpsych.common.errors import InputError
from pdpsych.stimuli import Recipe
from pdpsych.common.section import load

wrong = study / "stimuli" / "wrong.yaml"
wrong.write_text(recipe.read_text().replace("LGN]", "LGM]"))
try:
    load(wrong, Recipe)
except InputError as error:
    print(error)
wrong.unlink()

# %%
# Generate
# --------
#
# .. code-block:: console
#
#    $ pdpsych generate first-study/stimuli/small.yaml
#
# Interrupted, it goes on with the same command. Nothing of a finished set is ever changed.

from pdpsych import stimuli

made = stimuli.generate(recipe)

# %%
# Look at it
# ----------
#
# .. code-block:: console
#
#    $ pdpsych inspect first-study/stimuli/sets/small
#
# prints the same. *Converged* says whether the search reached a maximum; *padding*, how much of it
# is owed to how models continue images beyond the border; *linear*, up to which amplitude models
# answer in proportion to a distortion, as Fisher information assumes. The command also draws their
# responses by amplitude, ``responses/IMAGE.png``.

print(made.describe())

# %%
# The first photograph, its two principal distortions and what the distorted images look like:

import matplotlib.pyplot as plt

_, axes = plt.subplots(figsize=(9, 2.5), layout="constrained")
made.plot("astronaut", "principal", rms=0.05, ax=axes)
plt.show()

# %%
# What the models make of the distortions is their log sensitivity ratio, log d(u)/d(v). On
# principal distortions they are far apart; to white noise all are nearly alike.

ratios = made.log_ratios().pivot(index=["image", "kind"], columns="model", values="log_ratio")
print(ratios[list(made.models)].round(2))

# %%
# One image, without files
# ------------------------
#
# Everything above is one call a step. Without a study:

from pdpsych import geometry, models

image = made["coffee"].base
representations = models.load(["LN", "LGN"])
found = geometry.principal_distortions(
    representations, image, budget=geometry.Budget(iterations=120)
)
print(found.describe())
print("shape of the distortions:", tuple(found.distortions.shape))

# %%
# Next: :doc:`let somebody look at them <2_run>`. With your own photographs and networks:
# :doc:`/choosing`.
