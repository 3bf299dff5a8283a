"""What is to be done next in a study, and words that its pages share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

MOST = 5


class NextStep(NamedTuple):
    """What is to be done next.

    Attributes
    ----------
    command
        A command to run, or what to do by hand.
    why
        Why, in words.

    Examples
    --------
    >>> from pdpsych import studies
    >>> print(studies.NextStep("pdpsych score analysis/mine.yaml", "models are not scored"))
    pdpsych score analysis/mine.yaml
        models are not scored
    """

    command: str
    why: str

    def __str__(self) -> str:
        return f"{self.command}\n    {self.why}"


def some(names: Sequence[str]) -> str:
    """Return names with commas between, the first five of more."""
    more = len(names) - MOST
    return ", ".join(names[:MOST]) + (f" and {more} more" if more > 0 else "")


def from_here(text: str) -> str:
    """Shorten the paths in a text that lie in the current folder."""
    return text.replace(f"{Path.cwd()}{os.sep}", "")
