"""What is to be done next in a study."""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """A command to run, or what to do by hand, and why."""

    command: str
    why: str

    def __str__(self) -> str:
        return f"{self.command}\n    {self.why}"
