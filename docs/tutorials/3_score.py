"""
3. Fit, score, report
=====================

**What you need:** the logs of :doc:`the second tutorial <2_run>`; no PyTorch, but to add a model.
**What you get:** thresholds, the distance of each model to the human, and a report.
"""

# %%
# Fit
# ---
#
# .. code-block:: console
#
#    $ pdpsych fit first-study/analysis/small.yaml
#
# All trials of a participant are fitted together (:ref:`what is fitted <likelihood>`).

from pathlib import Path

from pdpsych import analysis

study = Path("first-study")
definition = study / "analysis" / "small.yaml"
definition.write_text("experiment: ../experiments/small.yaml\n")
fitted = analysis.fit(definition)
print(fitted.describe())

# %%
# Thresholds are a table, in files too: ``analysis/results/small/thresholds.csv``, with a data
# dictionary beside it.

columns = ["participant", "image", "pair", "distortion", "threshold", "low", "high"]
print(fitted.thresholds[columns].head(6).round(3).to_string(index=False))

# %%
# One condition: dots are proportions correct with their intervals, the curve and its band are the
# fit. The threshold is where d′ = 1, at 76 % correct.

import matplotlib.pyplot as plt

trials = analysis.read_trials(definition)
dimension = trials.stimulus_set["astronaut"].dimension
condition = ("01", "astronaut", "principal", 1)
_, axes = plt.subplots(figsize=(5, 3.4), layout="constrained")
fitted.plot_condition(trials.table, condition, dimension=dimension, ax=axes)
plt.show()

# %%
# Score
# -----
#
# .. code-block:: console
#
#    $ pdpsych score first-study/analysis/small.yaml
#
# A pair (u, v) gives each model a log sensitivity ratio, log d(u)/d(v), and people another,
# log τ(v) − log τ(u). The score is the absolute difference: 0 is a model that sees like the human.

scores = analysis.score(definition, fit=fitted)
print(scores.describe())

# %%
# On principal distortions, model by model. The grey band ends where a model that is *right* would
# score with these data, which is not 0, because trials are finite:

_, axes = plt.subplots(figsize=(6, 3), layout="constrained")
scores.plot(kind="principal", ax=axes)
plt.show()

# %%
# And why they score so: a dot is an image. LGN has its dots where the human has them. What draws
# takes tables, so that you can draw others as well.

_, axes = plt.subplots(figsize=(6, 3), layout="constrained")
analysis.plot_log_ratios(scores.scores, scores.human, kind="principal", ax=axes)
plt.show()

# %%
# Read the conclusion literally. A model is declared the closest only where people are on its side
# against every other, and never from fewer than five images: with four photographs nobody is, even
# if one of them is right, as here:

print(scores.conclusion)

# %%
# How many images, people and trials would do is :doc:`a question for a simulation </how-many>`.
#
# Add a model
# -----------
#
# A model that was not there when the distortions were made can be scored on them, against the same
# people; it needs PyTorch. Here *identity*, which takes every pixel as it is:
#
# .. code-block:: console
#
#    $ pdpsych score first-study/analysis/small.yaml --add-model identity
#
# Distortions were chosen to separate the models that took part, not this one; tables and report
# mark it. Without ``write=False`` they would take the place of the scores above.

with_identity = analysis.score(definition, fit=fitted, added=["identity"], write=False)
print(with_identity.ranking.query("kind == 'principal'")[["rank", "model", "score", "took_part"]])

# %%
# Report
# ------
#
# ``pdpsych score`` ends with it: one page of HTML with all figures, tables, and a methods paragraph
# whose numbers come from the data.

page = analysis.report(definition, fit=fitted, scores=scores)
print(page.relative_to(study.resolve()))

# %%
# What it says, part by part: :doc:`/analysis`.
