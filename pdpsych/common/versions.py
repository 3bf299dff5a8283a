"""What produced a result, recorded beside it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata

from pdpsych.common.section import Section


class Environment(Section):
    """What results depend on in their last digits, besides what is computed.

    ``device`` names the kind of processor, ``threads`` how many of its cores share a sum,
    ``precision`` the numbers. ``images`` are those that it made, where others made some.
    """

    versions: dict[str, str]
    device: str
    threads: int
    precision: str
    images: tuple[str, ...] = ()

    def unlike(self, other: Environment) -> list[str]:
        """Say in what another differs, each with both values."""
        own, its = ({**e.versions, **e._plain()} for e in (self, other))
        names = [name for name in {**own, **its} if own.get(name) != its.get(name)]
        return [f"{name} {own.get(name, 'none')} and {its.get(name, 'none')}" for name in names]

    def describe(self) -> str:
        """Say what it is, in a line."""
        known = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"{self.device}; {self.threads} threads; {self.precision}; {known}"

    def _plain(self) -> dict[str, str]:
        return {
            "device": self.device,
            "threads": str(self.threads),
            "precision": self.precision,
        }


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python, pdpsych and the installed packages named."""
    found = {"python": platform.python_version()}
    for package in ("pdpsych", *packages):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def unlike(environments: Sequence[Environment]) -> list[str]:
    """Say in what environments differ from the first, and which images others made."""
    lines = []
    for other in environments[1:]:
        apart = ", ".join(environments[0].unlike(other))
        lines.append(f"made unlike others: {', '.join(other.images)} ({apart})")
    return lines
