"""The types of trials: ``task`` of an experiment."""

from __future__ import annotations

from pdpsych.experiments.spatial import Spatial
from pdpsych.experiments.task import Task
from pdpsych.experiments.two_interval import TwoInterval

TASKS: dict[str, Task] = {
    "two-interval": TwoInterval(),
    "spatial": Spatial(),
}
