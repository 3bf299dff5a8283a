"""The first of many names."""

from __future__ import annotations

from collections.abc import Sequence

_MOST = 5


def some(names: Sequence[str]) -> str:
    """Return names with commas between, the first five of more."""
    more = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {more} more" if more > 0 else "")
