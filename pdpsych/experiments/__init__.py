"""Sessions: design, placement, observers, trial logs."""

from __future__ import annotations

from pdpsych.experiments.experiment import Experiment
from pdpsych.experiments.export import export
from pdpsych.experiments.observer import ObserverSpec, SimulatedObserver, observer_from
from pdpsych.experiments.outline import Outline, outline
from pdpsych.experiments.psychometric import amplitude_at, proportion_correct
from pdpsych.experiments.session import SessionStopped, run
from pdpsych.experiments.session_log import SessionLog, read_log

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
