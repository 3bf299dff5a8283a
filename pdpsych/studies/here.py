"""Paths as one would type them where one is."""

from __future__ import annotations

import os
from pathlib import Path


def from_here(text: str) -> str:
    """Shorten the paths in a text that lie in the current folder."""
    return text.replace(f"{Path.cwd()}{os.sep}", "")
