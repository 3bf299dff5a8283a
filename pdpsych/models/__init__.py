"""Models of vision as representations."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pdpsych.models.early_vision import CHANNELS, Channel, EarlyVisualModel, GainControl
    from pdpsych.models.network import LayerUse, ModuleNetwork
    from pdpsych.models.representation import Origin, Representation, from_module, load

_HOME = {
    "early_vision": ("CHANNELS", "Channel", "EarlyVisualModel", "GainControl"),
    "network": ("LayerUse", "ModuleNetwork"),
    "representation": ("Origin", "Representation", "from_module", "load"),
}

__all__ = [
    "CHANNELS",
    "Channel",
    "EarlyVisualModel",
    "GainControl",
    "LayerUse",
    "ModuleNetwork",
    "Origin",
    "Representation",
    "from_module",
    "load",
]


def __getattr__(name: str) -> Any:
    # Names load when first used: addresses are read on machines without torch.
    for module, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module(f"pdpsych.models.{module}"), name)
    raise AttributeError(f"module 'pdpsych.models' has no attribute '{name}'")
