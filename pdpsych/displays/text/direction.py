"""Letters in the order and the forms in which they are drawn, from left to right."""

from __future__ import annotations

import unicodedata

_RIGHT_TO_LEFT = ("R", "AL")


def is_shaped() -> bool:
    """Return whether Pillow orders and joins letters itself, for all scripts.

    It needs Raqm and FriBiDi for it, which some of its builds lack.
    """
    from PIL import features

    return bool(features.check("raqm") and features.check("fribidi"))


def visual(line: str) -> str:
    """Return a line with Arabic letters joined, and what runs right to left turned round.

    For where Pillow does not do it. Without such letters it is the line. The algorithms are
    python-bidi's and arabic-reshaper's, which PsychoPy needs too; without them lines stay.
    """
    if not any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in line):
        return line
    try:
        from arabic_reshaper import ArabicReshaper
        from bidi.algorithm import get_display
    except ImportError:
        return line
    joined = ArabicReshaper(configuration={"delete_harakat": False}).reshape(line)
    return str(get_display(joined, base_dir="R" if runs_right_to_left(line) else "L"))


def runs_right_to_left(text: str) -> bool:
    """Return whether the first letter with a direction runs right to left."""
    kinds = (unicodedata.bidirectional(letter) for letter in text)
    return next((kind in _RIGHT_TO_LEFT for kind in kinds if kind in ("L", *_RIGHT_TO_LEFT)), False)
