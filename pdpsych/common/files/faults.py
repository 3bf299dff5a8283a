"""What is wrong with a text, and where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from pdpsych.common.errors import InputError, clipped

# Nothing that is written here is a third as deep.
MOST_DEPTH = 64
TOO_DEEP = f"nested too deep: more than {MOST_DEPTH} levels"
# No float has more before its point.
MOST_DIGITS = 309

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


class Fault(NamedTuple):
    """What is wrong with a text, at which character, and with which of its keys."""

    problem: str
    at: int
    key: str = ""


def refusal(fault: Fault, text: str, file: str | Path, line: int = 1) -> InputError:
    """Return what is said of a fault in a text whose first line has that number."""
    before = text[: fault.at]
    return InputError(
        fault.problem,
        file=file,
        line=before.count("\n") + line,
        column=len(before) - before.rfind("\n"),
        field=clipped(fault.key),
    )


def twice(key: str, at: int, first_line: int) -> Fault:
    """Return the fault of a key that is there a second time."""
    return Fault(f"is given twice, first in line {first_line}", at, key)


def unfit(text: str) -> str:
    """Say what keeps a text from being written anywhere, or nothing."""
    if "\0" in text:
        return "text that holds NUL"
    return "text that holds half a character" if _HALF_CHARACTER.search(text) else ""
