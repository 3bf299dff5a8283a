"""The photographs of a folder, and what else lies there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pdpsych.stimuli.photographs.photograph import ENDINGS

# What systems leave in folders, and nobody puts there.
_LITTER = ("thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r")
_MOST_NAMES = 5


@dataclass(frozen=True)
class PhotographFolder:
    """What a folder holds.

    Attributes
    ----------
    used
        Photographs and arrays, by their endings, in the order of their names.
    others
        Files that are neither.
    litter
        Number of files that systems left there.
    """

    used: tuple[Path, ...]
    others: tuple[Path, ...]
    litter: int

    @classmethod
    def of(cls, folder: Path) -> PhotographFolder:
        """List a folder, without the folders in it."""
        files = sorted(path for path in folder.iterdir() if not path.is_dir())
        litter = [p for p in files if p.name.startswith(".") or p.name.lower() in _LITTER]
        own = [path for path in files if path not in litter]
        used = [path for path in own if path.suffix.lower() in (*ENDINGS, ".npy")]
        others = [path for path in own if path not in used]
        return cls(tuple(used), tuple(others), len(litter))

    def describe(self) -> str:
        """Say how many files are used, and why others are not; empty where all are."""
        if not self.others and not self.litter:
            return ""
        total = len(self.used) + len(self.others) + self.litter
        parts = [f"{len(self.used)} of {total} files used"]
        if self.others:
            names = ", ".join(path.name for path in self.others[:_MOST_NAMES])
            more = len(self.others) - _MOST_NAMES
            parts.append(
                f"not of a kind that is read: {names}{f' and {more} more' if more > 0 else ''}"
            )
        if self.litter:
            parts.append(f"{self.litter} passed over that systems leave (._*, .DS_Store, …)")
        return "; ".join(parts)
