"""Principal distortions of vision models, measured in people."""

from __future__ import annotations

import importlib
from types import ModuleType

__version__ = "0.1.0"
__all__ = ["analysis", "experiments", "geometry", "models", "stimuli"]


def __getattr__(name: str) -> ModuleType:
    # Sub-packages load when first used, so that the lab machine never meets torch.
    if name in __all__:
        return importlib.import_module(f"pdpsych.{name}")
    raise AttributeError(f"module 'pdpsych' has no attribute '{name}'")
