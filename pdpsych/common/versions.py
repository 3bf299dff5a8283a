"""Versions of what produced a result, recorded beside it."""

from __future__ import annotations

import platform
from importlib import metadata


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python, pdpsych and the installed packages named."""
    found = {"python": platform.python_version()}
    for package in ("pdpsych", *packages):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
