"""Examples of the package are run from here: ``pytest --doctest-modules pdpsych``."""

# These open PsychoPy when they are imported, which needs a screen; they have no examples.
collect_ignore_glob = [
    "pdpsych/displays/lab/*.py",
    "pdpsych/displays/measuring/patch.py",
    "pdpsych/experiments/person/*.py",
]
