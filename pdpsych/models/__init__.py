"""Models of vision as representations."""

from pdpsych.models.early_vision import CHANNELS, Channel, EarlyVisualModel, GainControl
from pdpsych.models.network import ModuleNetwork
from pdpsych.models.representation import Representation, from_module, load, names

__all__ = [
    "CHANNELS",
    "Channel",
    "EarlyVisualModel",
    "GainControl",
    "ModuleNetwork",
    "Representation",
    "from_module",
    "load",
    "names",
]
