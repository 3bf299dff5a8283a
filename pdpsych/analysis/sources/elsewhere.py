"""What an analysis has of what was measured elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from pdpsych.analysis.definition import Analysis, select_participants
from pdpsych.analysis.sources.ratio_table import RatioTable, read_ratio_table
from pdpsych.analysis.sources.shown_pairs import ShownPairs
from pdpsych.analysis.sources.threshold_table import read_threshold_table
from pdpsych.analysis.sources.trial_table import read_trial_table
from pdpsych.stimuli.stimulus_set import StimulusSet


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """Trials or thresholds that were measured elsewhere, of the participants who are analysed.

    Attributes
    ----------
    rows
        The trials or the thresholds.
    ratios
        Log ratios of models in the place of a set.
    record
        What it is, the file and its SHA-256, the task, names of columns, number of participants.
    notes
        What is to be said of it.
    """

    rows: pd.DataFrame
    ratios: RatioTable | None
    record: dict[str, Any]
    notes: list[str]

    @property
    def thresholds(self) -> pd.DataFrame | None:
        """The rows, if they are thresholds."""
        return self.rows if self.record["kind"] == "thresholds" else None


def read_elsewhere(analysis: Analysis, stimulus_set: StimulusSet | None) -> Elsewhere:
    """Read the tables that an analysis names; ``stimulus_set`` is its own, if it has one.

    Raises
    ------
    InputError
        If one cannot be used.
    """
    ratios = None
    if stimulus_set is not None:
        shown = ShownPairs.of_set(stimulus_set)
    else:
        assert analysis.ratios is not None
        ratios = read_ratio_table(analysis.resolve(analysis.ratios))
        shown = ShownPairs.of_ratios(ratios.ratios)
    file, notes = analysis.measured, []
    assert file is not None
    if analysis.trials is not None:
        trials = read_trial_table(file, shown, analysis.columns)
        rows, kind, notes = trials.trials, "trials", trials.notes
        sha256, columns = trials.sha256, trials.columns
    else:
        thresholds = read_threshold_table(file, shown, analysis.columns)
        rows, kind = thresholds.thresholds, "thresholds"
        sha256, columns = thresholds.sha256, thresholds.columns
    chosen = select_participants(analysis, sorted(rows["participant"].unique()))
    record = {
        "kind": kind,
        "file": file.name,
        "sha256": sha256,
        "task": analysis.link.name,
        "columns": dict(columns),
        "participants": len(chosen),
    }
    own = rows[rows["participant"].isin(chosen)].reset_index(drop=True)
    return Elsewhere(own, ratios, record, notes)
