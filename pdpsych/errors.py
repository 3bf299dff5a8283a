"""What a user sees when something they gave is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A file, field or value given by the user cannot be used.

    The message names it, says what is allowed, and stands on its own: commands print it
    without a traceback and end with status 2.
    """


def clipped(text: str, most: int = 200) -> str:
    """Return a text, cut where it is longer than anybody reads in a message."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def did_you_mean(value: object, allowed: Iterable[str]) -> str:
    """Say what is allowed, with the nearest name first where one is near."""
    names = list(allowed)
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    hint = f'did you mean "{near[0]}"? ' if near else ""
    return f"{hint}allowed: {', '.join(names)}"
