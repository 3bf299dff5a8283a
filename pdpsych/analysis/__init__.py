"""From trial logs to thresholds, scores, figures and a report; never needs torch."""

from __future__ import annotations

from pdpsych.analysis.definition import Analysis
from pdpsych.analysis.fitting.fit import Fit, fit
from pdpsych.analysis.planning.plan import Plan, plan
from pdpsych.analysis.reporting.report import report
from pdpsych.analysis.scoring.score import Scores, score

__all__ = ["Analysis", "Fit", "Plan", "Scores", "fit", "plan", "report", "score"]
