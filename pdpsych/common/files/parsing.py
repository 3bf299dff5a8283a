"""JSON and YAML as plain data: what is not said once and clearly is refused, with its place."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, NoReturn

import yaml

from pdpsych.common.errors import InputError, clipped
from pdpsych.common.files.faults import (
    MOST_DEPTH,
    MOST_DIGITS,
    TOO_DEEP,
    Fault,
    refusal,
    twice,
    unfit,
)
from pdpsych.common.files.reading import DOCUMENT, read_text
from pdpsych.common.files.yaml_nodes import Dumper, Misplaced, compose, plain

_SUSPECT = re.compile("\\\\u(?:0000|[dD][89a-fA-F])|[\ud800-\udfff]")
_LONG = re.compile(rf"[0-9]{{{MOST_DIGITS}}}")
_LARGE = re.compile(rf"[0-9.][eE]\+?[0-9]{{3}}|{_LONG.pattern}")
_TOKEN = re.compile(
    r'"(?P<text>[^"\\]*(?:\\.[^"\\]*)*)"(?P<colon>[ \t\n\r]*:)?'
    r'|(?P<open>[\[{])|(?P<close>[\]}])|(?P<word>[^\s"{}\[\]:,]+)',
    re.DOTALL,
)


class _Noticed(Exception):
    """Something is wrong with a text; where is to be found out."""


def read_json(path: str | Path, most: int = DOCUMENT, known_as: str = "") -> Any:
    """Read a JSON file as plain data.

    Parameters
    ----------
    path, most, known_as
        See :func:`~pdpsych.common.files.reading.read_text`.

    Raises
    ------
    InputError
        As :func:`~pdpsych.common.files.reading.read_text` and :func:`parse_json`.
    """
    return parse_json(read_text(path, most, known_as), path)


def parse_json(text: str, file: str | Path, line: int = 1) -> Any:
    """Return the data of a JSON text.

    Keys are there once, numbers finite, text is whole characters without NUL, and nothing is
    nested deeper than 64 levels.

    Parameters
    ----------
    text
        One JSON value.
    file
        Where it is from, for messages.
    line
        Number of the text's first line in the file.

    Raises
    ------
    InputError
        If it is anything else, with line and column.

    Examples
    --------
    >>> parse_json('{"seed": 1}', "a.json")
    {'seed': 1}
    >>> parse_json('{"n": 1,' + chr(10) + '"n": 2}', "a.json")
    Traceback (most recent call last):
    ...
    pdpsych.common.errors.InputError: a.json: line 2, column 1: n: is given twice, first in line 1
    """
    fault = _json_fault(text) if _SUSPECT.search(text) else None
    if fault is None:
        try:
            data = json.loads(
                text,
                object_pairs_hook=_once,
                parse_constant=_notice,
                parse_float=_finite if _LARGE.search(text) else None,
                parse_int=_short if _LONG.search(text) else None,
            )
        except json.JSONDecodeError as error:
            what = error.msg[:1].lower() + error.msg[1:].removesuffix(" at")
            fault = Fault(f"not valid JSON: {what}", error.pos)
        except (_Noticed, RecursionError):
            fault = _json_fault(text) or Fault(f"not valid JSON: {TOO_DEEP}", 0)
        else:
            if not _deep(data):
                return data
            fault = _json_fault(text) or Fault(f"not valid JSON: {TOO_DEEP}", 0)
    raise refusal(fault, text, file, line)


def parse_yaml(text: str, file: str | Path) -> Any:
    """Return the data of a YAML text, None where it is empty.

    Scalars are those of YAML 1.2: only ``true`` and ``false`` are truths, and ``010``, ``12:30``,
    ``1_000``, ``no``, ``yes`` and dates are text. Keys are there once, and no tags but those of
    plain data are read.

    Parameters
    ----------
    text
        One YAML document.
    file
        Where it is from, for messages.

    Raises
    ------
    InputError
        If it is anything else, with line and column.

    Examples
    --------
    >>> parse_yaml("{seed: 010, floor: no, share: 1e-3}", "a.yaml")
    {'seed': '010', 'floor': 'no', 'share': 0.001}
    """
    try:
        node = compose(text)
        return None if node is None else plain(node)
    except yaml.reader.ReaderError as error:
        fault = Fault(f"not valid YAML: {error.reason}", error.position)
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        what = clipped(error.problem or error.context or "not to be read")
        fault = Fault(f"not valid YAML: {what}", where.index if where else 0)
    except Misplaced as error:
        fault = error.fault
    except (RecursionError, ValueError, LookupError, OverflowError) as error:
        what = TOO_DEEP if isinstance(error, RecursionError) else clipped(str(error))
        raise InputError(f"not valid YAML: {what}", file=file) from None
    raise refusal(fault, text, file)


def to_yaml(data: Any) -> str:
    """Return plain data as YAML that means the same in YAML 1.1 and 1.2.

    Parameters
    ----------
    data
        Mappings, whose keys stay in their order, lists, text, numbers, truths and None.

    Examples
    --------
    >>> print(to_yaml({"name": "1e3", "seed": 1}), end="")
    name: '1e3'
    seed: 1
    """
    text: str = yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True)
    return text


def _json_fault(text: str) -> Fault | None:
    """Return the first of what JSON allows and is not read, in a second, slow reading."""
    keys: list[dict[str, int]] = []
    for token in _TOKEN.finditer(text):
        kind, at = token.lastgroup, token.start()
        fault = None
        if kind == "open":
            keys.append({})
            fault = Fault(f"not valid JSON: {TOO_DEEP}", at) if len(keys) > MOST_DEPTH else None
        elif kind == "close":
            del keys[-1:]
        elif kind == "word":
            fault = _number_fault(token["word"], at)
        else:
            fault = _text_fault(token, text, keys)
        if fault:
            return fault
    return None


def _number_fault(word: str, at: int) -> Fault | None:
    if word in ("NaN", "Infinity", "-Infinity"):
        return Fault(f"not valid JSON: {word} is no number", at)
    try:
        return None if math.isfinite(float(word)) else Fault("a number that is too large", at)
    except ValueError:
        return None


def _text_fault(token: re.Match[str], text: str, keys: list[dict[str, int]]) -> Fault | None:
    try:
        value = json.loads(f'"{token["text"]}"')
    except ValueError:
        return None
    if problem := unfit(value):
        return Fault(problem, token.start())
    if not token["colon"] or not keys:
        return None
    first = keys[-1].setdefault(value, token.start())
    if first == token.start():
        return None
    return twice(value, token.start(), text.count("\n", 0, first) + 1)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise _Noticed
    return data


def _notice(_: str) -> NoReturn:
    raise _Noticed


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _Noticed
    return value


def _short(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise _Noticed
    return int(digits)


def _deep(data: Any) -> bool:
    level = [data] if isinstance(data, (dict, list)) else []
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for part in level
            for inner in (part.values() if isinstance(part, dict) else part)
            if isinstance(inner, (dict, list))
        ]
    return bool(level)
