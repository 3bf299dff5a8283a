"""Numbers with the digits that files keep: those behind differ from machine to machine."""

from __future__ import annotations

DIGITS = 7


def rounded(value: float) -> float:
    """Return a number with the digits that are kept."""
    return float(f"{value:.{DIGITS}g}")


def rounded_down(value: float) -> float:
    """Return a limit, at least 0, with the digits that are kept, and not above what it was."""
    found = rounded(value)
    return found if found <= value else rounded(found * (1 - 10.0 ** (1 - DIGITS)))
