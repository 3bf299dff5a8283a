"""A study with a roster: experiments on a small set, and who does which of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from stimulus_sets import write_set


def write_rostered(
    root: Path, names: tuple[str, ...] = ("faces", "scenes"), roster: dict[str, Any] | None = None
) -> Path:
    """Write a study whose experiments are short, with the roster or one of two sessions."""
    (root / "stimuli").mkdir(parents=True)
    (root / "experiments").mkdir()
    write_set(root / "stimuli" / "small")
    for name in names:
        short = {"stimulus_set": "../stimuli/small", "display": {}, "trials_per_condition": 1}
        short |= {"keys": {"balance": True}, "groups": 2}
        (root / "experiments" / f"{name}.yaml").write_text(yaml.safe_dump(short))
    return rewrite(root, roster or {"sessions": list(names), "balance": list(names)})


def rewrite(root: Path, roster: dict[str, Any]) -> Path:
    """Write the roster of a study anew."""
    (root / "sessions.yaml").write_text(yaml.safe_dump(roster, sort_keys=False))
    return root
