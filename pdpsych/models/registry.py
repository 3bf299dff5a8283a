"""What an address may name, sources of networks and noise models, and where each of them is.

Nothing here needs torch: names are checked on machines without it, and what a name stands for is
imported when it is used.
"""

from __future__ import annotations

import importlib
from typing import Any

SOURCES: dict[str, str] = {
    "torchvision": "pdpsych.models.sources.from_torchvision:build",
    "timm": "pdpsych.models.sources.from_timm:build",
    "transformers": "pdpsych.models.sources.from_transformers:build",
    "open_clip": "pdpsych.models.sources.from_open_clip:build",
    "file": "pdpsych.models.sources.from_file:build",
    "python": "pdpsych.models.sources.from_python:build",
}
"""Functions that build the network of an address, with what relative paths are relative to."""

NOISE_MODELS: dict[str, str] = {
    "gaussian": "pdpsych.geometry.noise.gaussian:Gaussian",
    "poisson": "pdpsych.geometry.noise.poisson:Poisson",
    "categorical": "pdpsych.geometry.noise.categorical:Categorical",
    "categorical-logits": "pdpsych.geometry.noise.categorical:CategoricalLogits",
}
"""Noise models, each called without arguments."""


def find(place: str) -> Any:
    """Return what is registered as ``module:name``."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
