"""Studies in which nobody takes part: placed amplitudes and simulated answers, without frames."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Protocol

import numpy as np
import pandas as pd

from pdpsych.analysis.fitting.trials import COLUMNS
from pdpsych.experiments.design import Condition, PlannedTrial
from pdpsych.experiments.placement.placement import Placement
from pdpsych.experiments.tasks.task import Position


class Answers(Protocol):
    """Answers trials by their amplitude alone, as simulated observers do."""

    def answer(self, planned: PlannedTrial, realised: float) -> Position:
        """Say where the distorted image was."""


def simulate_session(
    trials: Sequence[PlannedTrial],
    placements: Mapping[Condition, Placement],
    observer: Answers,
    participant: str,
) -> pd.DataFrame:
    """Return the trials of a session as a table with the columns of trials that were read.

    Amplitudes are placed as in a session, and realised as they are asked for. Answers have no
    response times.

    Parameters
    ----------
    trials
        The design, without practice.
    placements
        Of each condition before the first trial; they stay as they are.
    """
    rows = []
    # Conditions do not influence each other; one after the other, they share cached tables.
    ordered = sorted(trials, key=lambda planned: planned.condition)
    for condition, own in groupby(ordered, key=lambda planned: planned.condition):
        placement = copy.copy(placements[condition])
        for planned in own:
            amplitude = placement.place(planned.easy)
            answer = observer.answer(planned, amplitude)
            correct = answer == planned.position
            placement.update(amplitude, correct, planned.easy)
            where = participant, "01", planned.number - 1, *condition
            rows.append((*where, amplitude, planned.easy, answer, correct, np.nan))
    return pd.DataFrame(rows, columns=COLUMNS).sort_values("order", ignore_index=True)


def first_passes(table: pd.DataFrame, passes: int) -> pd.DataFrame:
    """Return the first trials of each condition: what a shorter session would have had.

    Only which trials are easy was drawn for the whole session.
    """
    number = table.groupby(["participant", "image", "pair", "distortion"]).cumcount()
    return table[number < passes]
