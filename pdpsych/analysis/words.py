"""What is said alike wherever it is said."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number of things, as in ``1 image`` and ``3 images``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def capitalised(text: str) -> str:
    """Return a text that begins a sentence; names in it stay as they are."""
    return text[:1].upper() + text[1:]
