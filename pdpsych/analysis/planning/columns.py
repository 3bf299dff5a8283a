"""Tables of a plan, and what their columns mean."""

from __future__ import annotations

from pdpsych.common import tables

# How often a study should declare the right model the closest.
WANTED = 0.95

SIZE = ["participants", "images", "trials"]
_SIZE_COLUMNS: tables.Dictionary = {
    "participants": ("number of participants", "count"),
    "images": ("number of base images", "count"),
    "trials": ("trials of each distortion and participant", "count"),
}
CELL_COLUMNS: tables.Dictionary = _SIZE_COLUMNS | {
    "trials_each": ("trials of each participant", "count"),
    "studies": ("simulated studies", "count"),
    "right": ("studies in which the true model was declared the closest", "count"),
    "wrong": ("studies in which another model was declared the closest", "count"),
    "power": ("right / studies", "none"),
    "power_low": ("lower end of its 95 % interval (Wilson)", "none"),
    "power_high": ("upper end of its 95 % interval (Wilson)", "none"),
    "hardest": ("true model that is declared the closest least often", "none"),
    "hardest_power": ("share of studies in which it is", "none"),
    "score_width": ("mean width of the interval of the true model's score", "nat"),
    "ratio_width": ("mean width of the interval of a human log ratio", "nat"),
}
STUDY_COLUMNS: tables.Dictionary = _SIZE_COLUMNS | {
    "study": ("number of the simulated study; smaller studies are parts of the largest", "none"),
    "truth": ("model that the participants see like", "none"),
    "closest": ("model declared the closest; empty: none", "none"),
    "score_width": ("width of the interval of the true model's score", "nat"),
    "ratio_width": ("width of the interval of a human log ratio, mean over pairs", "nat"),
}
PLAN: dict[str, tables.Dictionary] = {"studies": STUDY_COLUMNS, "cells": CELL_COLUMNS}
"""The tables of a plan by their names."""
