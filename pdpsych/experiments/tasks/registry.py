"""The types of trials: ``task`` of an experiment."""

from __future__ import annotations

from pdpsych.experiments.tasks.spatial import Spatial
from pdpsych.experiments.tasks.task import Task
from pdpsych.experiments.tasks.two_interval import TwoInterval

TASKS: dict[str, Task] = {
    "two-interval": TwoInterval(),
    "spatial": Spatial(),
}
