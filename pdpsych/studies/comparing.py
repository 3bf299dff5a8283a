"""What differs between a file of results as it is and as it is computed again."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pdpsych.common.packing import unpacked

# Numbers of JSON and CSV count as equal within these: other machines add in another order.
RELATIVE, ABSOLUTE = 1e-6, 1e-9
_PICTURE = re.compile(r'src="data:image/png;base64,[^"]*"')
# The methods are in the page once more, as a file to save.
_DATA = re.compile(r'href="data:text/markdown;base64,[^"]*"')
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_PACKED = {"dtype", "shape", "base64"}
_LONGEST = 60


@dataclass(frozen=True)
class Difference:
    """One value that is not what it is computed to be.

    Attributes
    ----------
    file
        Name of the file in the results folder.
    place
        Where in it.
    recorded, computed
        What is there, and what should be.
    """

    file: str
    place: str
    recorded: str
    computed: str

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.file, self.place) if part)
        return f"{where}: {self.recorded}, computed again {self.computed}"


@dataclass(frozen=True)
class Comparison:
    """What the comparison of one file found.

    Attributes
    ----------
    numbers
        How many numbers were compared.
    differences
        Those values that differ.
    """

    numbers: int
    differences: tuple[Difference, ...]


def compare(file: str, recorded: str, computed: str, rooted: Callable[[str], str]) -> Comparison:
    """Compare the text of a file with that computed again.

    Parameters
    ----------
    file
        Its name; the ending says what it holds.
    recorded, computed
        The texts.
    rooted
        Takes the place of the study out of a text: the study may lie elsewhere now.
    """
    count = [0]
    read = _READERS.get(file.rpartition(".")[2], _lines)
    found = []
    for place, one, other in read(rooted(recorded), rooted(computed)):
        if not _equal(one, other, count):
            found.append(Difference(file, place, _shown(one), _shown(other)))
    return Comparison(count[0], tuple(found))


def _json(recorded: str, computed: str) -> Iterator[tuple[str, Any, Any]]:
    yield from _nested("", json.loads(recorded), json.loads(computed))


def _nested(place: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the places and values of two documents, those together that have one place."""
    if isinstance(one, dict) and isinstance(other, dict) and set(one) != _PACKED:
        for key in {**other, **one}:
            inner = f"{place}.{key}".lstrip(".")
            yield from _nested(inner, one.get(key), other.get(key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from _nested(f"{place}[{number}]", a, b)
    else:
        yield place, one, other


def _csv(recorded: str, computed: str) -> Iterator[tuple[str, Any, Any]]:
    one, other = (list(csv.reader(io.StringIO(text))) for text in (recorded, computed))
    if [len(row) for row in one] != [len(row) for row in other] or not one:
        yield "rows and columns", f"{len(one)} rows", f"{len(other)} rows"
        return
    for line, (a, b) in enumerate(zip(one, other, strict=True), start=1):
        for name, cell, wanted in zip(other[0], a, b, strict=True):
            yield f"line {line}, {name}", _parsed(cell), _parsed(wanted)


def _lines(recorded: str, computed: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield the lines of two texts; pictures in them are not compared."""
    one, other = (_DATA.sub("", _PICTURE.sub("", t)).splitlines() for t in (recorded, computed))
    for number in range(max(len(one), len(other))):
        a, b = (lines[number] if number < len(lines) else None for lines in (one, other))
        if a is not None and b is not None and a != b:
            a, b = _apart(a, b)
        yield f"line {number + 1}", a, b


def _apart(one: str, other: str) -> tuple[str, str]:
    """Return both texts from shortly before they differ."""
    first = next((k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    start = max(first - _LONGEST // 2, 0)
    return one[start:], other[start:]


_READERS: dict[str, Callable[[str, str], Iterator[tuple[str, Any, Any]]]] = {
    "json": _json,
    "csv": _csv,
}


def _parsed(cell: str) -> Any:
    try:
        return float(cell)
    except ValueError:
        return cell


def _equal(one: Any, other: Any, count: list[int]) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return _equal_arrays(one, other, count)
    if isinstance(one, bool) or isinstance(other, bool) or type(one) is type(None):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        count[0] += 1
        near = math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
        return near or (math.isnan(one) and math.isnan(other))
    if isinstance(one, str) and isinstance(other, str):
        count[0] += len(_NUMBER.findall(other))
        return one == other
    return bool(one == other)


def _equal_arrays(one: dict[str, Any], other: dict[str, Any], count: list[int]) -> bool:
    try:
        a, b = unpacked(one), unpacked(other)
    except (ValueError, KeyError, TypeError):
        return one == other
    count[0] += b.size
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return bool(np.allclose(a, b, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True))


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "other numbers"
    text = f"{value:.12g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
