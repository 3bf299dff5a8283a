"""
2. Run a session
================

**What you need:** the study of :doc:`the first tutorial <1_generate>`. **What you get:** trial logs
of three participants. They are simulated here, so that this page needs no screen; a person's
session is the same command without ``--simulate``, on a machine with PsychoPy (:doc:`/lab`).
"""

# %%
# The experiment
# --------------
#
# A two-interval forced choice: two images, one of them distorted; which one? One *condition* is one
# distortion of one image, and its amplitude is placed anew for each trial, where the answer tells
# most about the threshold.

from pathlib import Path

study = Path("first-study")
experiment = study / "experiments" / "small.yaml"
experiment.write_text("""\
stimulus_set: ../stimuli/sets/small
display: displays/srgb-8bit.yaml   # a stated display; measure yours before you trust it
trials_per_condition: 40
easy_share: 0.1                    # clearly visible trials, which pin the lapse rate
""")

# %%
# What the display can show
# -------------------------
#
# A weak distortion may be less than one step of the display, a strong one may be clipped.
# Calibration finds, for each distortion, the amplitudes between; a person's session needs it.
#
# .. code-block:: console
#
#    $ pdpsych calibrate first-study/stimuli/sets/small \
#      --display first-study/experiments/displays/srgb-8bit.yaml

from pdpsych import stimuli

display = study / "experiments" / "displays" / "srgb-8bit.yaml"
calibration = stimuli.calibrate(study / "stimuli" / "sets" / "small", display)
for condition in calibration.conditions[:2]:
    print(f"{condition.name}: α from {condition.smallest:.3f} to {condition.largest:.3f}")

# %%
# How long will it take?
#
# .. code-block:: console
#
#    $ pdpsych run first-study/experiments/small.yaml --participant 01 --dry-run

from pdpsych import experiments

print(experiments.outline(experiment, "01").describe())

# %%
# Participants
# ------------
#
# With a person:
#
# .. code-block:: console
#
#    $ pdpsych run first-study/experiments/small.yaml --participant 01
#
# opens a window of PsychoPy over the whole screen, with instructions, practice and breaks. *Escape*
# interrupts; the same command goes on, after a stop, a crash or a power cut: an answered trial is
# on disk before the next one begins.
#
# An observer who is simulated answers the same trials, at the amplitudes that the display would
# have realised. This one sees like LGN, with lapses, and participants differ:

observer = study / "experiments" / "observers" / "like-lgn.yaml"
observer.parent.mkdir(exist_ok=True)
observer.write_text("""\
model: LGN
median_threshold_rms: 0.005
lapse: 0.02
spread: 0.1   # standard deviation of log thresholds between participants
""")

# %%
# .. code-block:: console
#
#    $ pdpsych run first-study/experiments/small.yaml --participant 01 \
#      --simulate first-study/experiments/observers/like-lgn.yaml

for participant in ("01", "02", "03"):
    log = experiments.run(experiment, participant, observer=observer)
    print(log.describe())

# %%
# The log
# -------
#
# A line of JSON for each trial, chained by checksums. Read, it is a table:

log = experiments.read_log(study / "experiments" / "data" / "small" / "sub-01_ses-01.jsonl")
columns = ["trial", "image", "pair", "distortion", "amplitude", "realised", "correct"]
print(log.trials[columns].head(8).round(4).to_string(index=False))

# %%
# Amplitudes of one condition, and which answers were right (filled): the placement homes in on the
# threshold; what lies far above are the easy trials.

import matplotlib.pyplot as plt

one = log.trials.query("image == 'astronaut' and pair == 'principal' and distortion == 1")
numbers = range(1, len(one) + 1)
fill = ["C0" if right else "white" for right in one["correct"]]
_, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot(numbers, one["realised"], color="0.8", linewidth=1, zorder=0)
axes.scatter(numbers, one["realised"], c=fill, edgecolors="C0", s=25)
axes.set(yscale="log", xlabel="trial of the condition", ylabel="realised amplitude α")
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Next: :doc:`which model sees like these participants? <3_score>`
