"""Names that files in an archive may have, so that every system can hold them."""

from __future__ import annotations

import re
from collections.abc import Iterable

SUMS = "sha256sums.txt"
"""The file of an archive that has the SHA-256 of all others, as sha256sum reads it."""
# Kept by systems and programs for themselves; they are no part of a study.
PASSED_OVER = ("__pycache__", "Thumbs.db", "desktop.ini")
KEPT = (".gitattributes", ".gitignore")
"""Files whose name begins with a dot and which are a part of a study all the same."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_LONGEST = 255


def unsafe(name: str) -> str:
    """Say why a name with / between its parts is no file inside a folder, "" if it is one.

    Examples
    --------
    >>> unsafe("stimuli/sets/a/manifest.json"), unsafe("../a"), unsafe("/etc/passwd")
    ('', 'leads out of its folder', 'is an absolute path')
    """
    if not name:
        return "is empty"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "is an absolute path"
    if _FORBIDDEN.search(name):
        return "has a character that not every system can hold"
    parts = name.split("/")
    if ".." in parts:
        return "leads out of its folder"
    if any(part in ("", ".") for part in parts):
        return "is no plain path"
    if any(part[-1] in ". " or _RESERVED.fullmatch(part) for part in parts):
        return "is a name that not every system can hold"
    if any(len(part.encode("utf-8", "replace")) > _LONGEST for part in parts):
        return "is longer than names may be"
    return ""


def alike(names: Iterable[str]) -> tuple[str, str] | None:
    """Return the first two names that are one where case makes no difference, None if none are."""
    seen: dict[str, str] = {}
    for name in names:
        key = name.casefold()
        if key in seen:
            return seen[key], name
        seen[key] = name
    return None
