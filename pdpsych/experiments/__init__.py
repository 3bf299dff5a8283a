"""Sessions: design, placement, observers, trial logs."""

from __future__ import annotations

from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.exports.exporting import export
from pdpsych.experiments.logs.session_log import SessionLog, read_log
from pdpsych.experiments.observer import ObserverSpec, SimulatedObserver, observer_from
from pdpsych.experiments.placement.psychometric import amplitude_at, proportion_correct
from pdpsych.experiments.sessions.outline import Outline, outline
from pdpsych.experiments.sessions.session import SessionStopped, run

__all__ = [
    "Experiment",
    "ObserverSpec",
    "Outline",
    "SessionLog",
    "SessionStopped",
    "SimulatedObserver",
    "amplitude_at",
    "export",
    "observer_from",
    "outline",
    "proportion_correct",
    "read_log",
    "run",
]
