"""What a report reports: the trials, what was found in them, and where its pictures go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.fitting.trials import Trials
from pdpsych.analysis.prediction.evidence import Evidence
from pdpsych.analysis.prediction.seen import calibration_shown, known_responses
from pdpsych.analysis.reporting.markup import Gallery
from pdpsych.analysis.scoring.conclusion import deciding_kind, predicts
from pdpsych.analysis.scoring.scores import Scores
from pdpsych.analysis.tasks.links import TWO
from pdpsych.experiments.logs.session_log import SessionLog
from pdpsych.stimuli.stimulus_set import StimulusSet


@dataclass(frozen=True)
class Findings:
    """All that a section of a report may show.

    Attributes
    ----------
    logs
        The sessions of the participants who were analysed.
    gallery
        Shows figures in the page and keeps them in the results folder.
    """

    trials: Trials
    logs: Sequence[SessionLog]
    fit: Fit
    scores: Scores
    gallery: Gallery

    @property
    def evidence(self) -> Evidence | None:
        """The trials, and what the models of the set see of them; None where that is not known."""
        if self.trials.stimulus_set is None or self.trials.table.empty:
            return None
        shown = calibration_shown(self.fit.source["sessions"], self.opened)
        responses = known_responses(self.opened, shown)
        return Evidence(self.trials.table, responses) if responses else None

    def by_kind(self, table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
        """Go through the kinds of distortions that a table has, the one that decides first."""
        kinds = list(dict.fromkeys(table["kind"]))
        first = deciding_kind(self.scores.ranking["kind"])
        for kind in sorted(kinds, key=lambda kind: kind != first):
            yield str(kind), table[table["kind"] == kind]

    def ranked(self, kind: str) -> list[str]:
        """Return models in their order by the score that is trusted most, on a kind."""
        tables = self.scores.predictive_ranking, self.scores.ranking
        predictive, local = (table[table["kind"] == kind] for table in tables)
        return list((predictive if predicts(predictive) else local)["model"])

    @property
    def opened(self) -> StimulusSet:
        """The stimulus set, where there is one: ``has_set``."""
        assert self.trials.stimulus_set is not None
        return self.trials.stimulus_set

    @property
    def of_two(self) -> bool:
        """Whether all answers were of two alternatives."""
        measured = self.trials.measured
        return measured is None or measured["task"] == TWO.name

    @property
    def has_set(self) -> bool:
        """Whether there is a stimulus set; else no more than log ratios of models are known."""
        return self.trials.stimulus_set is not None

    def dimension(self, image: str) -> int | None:
        """Return D of an image, None where it is not known."""
        return self.opened[image].dimension if self.has_set else None
