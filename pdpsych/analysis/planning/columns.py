"""Tables of a plan, and what their columns mean."""

from __future__ import annotations

from pdpsych.common.tables import Column, Columns

# How often a study should declare the right model the closest.
WANTED = 0.95

SIZE = ["participants", "images", "trials"]
_SIZE_COLUMNS: Columns = {
    "participants": Column("number of participants", "count"),
    "images": Column("number of base images", "count"),
    "trials": Column("trials of each distortion and participant", "count"),
}
CELL_COLUMNS: Columns = _SIZE_COLUMNS | {
    "trials_each": Column("trials of each participant", "count"),
    "studies": Column("simulated studies", "count"),
    "right": Column("studies in which the true model was declared the closest", "count"),
    "wrong": Column("studies in which another model was declared the closest", "count"),
    "power": Column("right / studies"),
    "power_low": Column("lower end of its 95 % interval (Wilson)"),
    "power_high": Column("upper end of its 95 % interval (Wilson)"),
    "adaptive_power": Column(
        "right / studies with the adaptive method; not a number where no trials ask about models"
    ),
    "hardest": Column("true model that is declared the closest least often"),
    "hardest_power": Column("share of studies in which it is"),
    "score_width": Column("mean width of the interval of the true model's score", "nat"),
    "ratio_width": Column("mean width of the interval of a human log ratio", "nat"),
}
STUDY_COLUMNS: Columns = _SIZE_COLUMNS | {
    "study": Column("number of the simulated study; smaller studies are parts of the largest"),
    "truth": Column("model that the participants see like"),
    "closest": Column("model declared the closest; empty: none"),
    "adaptive": Column("the same with the adaptive method, where trials ask about models"),
    "score_width": Column("width of the interval of the true model's score", "nat"),
    "ratio_width": Column("width of the interval of a human log ratio, mean over pairs", "nat"),
}
PLAN: dict[str, Columns] = {"studies": STUDY_COLUMNS, "cells": CELL_COLUMNS}
"""The tables of a plan by their names."""
