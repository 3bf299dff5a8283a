"""What a report reports: the trials, what was found in them, and where its pictures go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pdpsych.analysis.fitting.fit import Fit
from pdpsych.analysis.fitting.trials import Trials
from pdpsych.analysis.reporting.markup import Gallery
from pdpsych.analysis.scoring.scores import Scores
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
    def opened(self) -> StimulusSet:
        """The stimulus set."""
        return self.trials.stimulus_set
