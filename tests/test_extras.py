"""What the extras install: a lab machine never gets PyTorch."""

from __future__ import annotations

from importlib import metadata

import pytest
from packaging.requirements import Requirement

TORCH = {"torch", "torchvision", "timm", "plenoptic"}


def _installs(requirement: Requirement, found: set[str]) -> set[str]:
    """Add what an installed distribution requires here, and all that requires, to ``found``."""
    for extra in requirement.extras or {""}:
        if f"{requirement.name.lower()}[{extra}]" in found:
            continue
        found.add(f"{requirement.name.lower()}[{extra}]")
        try:
            needed = metadata.requires(requirement.name) or []
        except metadata.PackageNotFoundError:
            continue
        for text in needed:
            below = Requirement(text)
            if below.marker is None or below.marker.evaluate({"extra": extra}):
                _installs(below, found)
    return found


def _names(extra: str) -> set[str]:
    return {name.partition("[")[0] for name in _installs(Requirement(f"pdpsych[{extra}]"), set())}


def test_a_lab_machine_never_gets_torch(with_psychopy):
    names = _names("lab")
    assert {"psychopy", "numpy", "pyglet"} <= names
    assert not names & TORCH


@pytest.mark.parametrize("extra", ["models", "all"])
def test_the_walk_finds_torch_where_it_is(extra):
    assert "torch" in _names(extra)
