"""JSON lines chained by SHA-256, so that a line changed by hand is noticed.

Each line ends with ``"sha256"``: that of the digest of the line before and of the line without
it. The chain shows slips, not forgery: whoever wants to can compute it anew.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from pdpsych.common.files.parsing import parse_json

KEY = "sha256"


class Link(NamedTuple):
    """A line as read: its record, its digest, and whether it is as it was written."""

    record: Any
    digest: str
    fits: bool


def seal(record: dict[str, Any], before: str) -> tuple[str, str]:
    """Return a record's line, without its end, and its digest.

    Parameters
    ----------
    before
        Digest of the line before; empty for the first.

    Raises
    ------
    ValueError
        If a number is infinite or not a number.
    """
    body = json.dumps(record, allow_nan=False, ensure_ascii=False)
    digest = _digest(body, before)
    return f"{body[:-1]}{_ending(digest)}", digest


def unseal(line: str, before: str, file: Path, number: int) -> Link:
    """Read a line that :func:`seal` wrote, or one that was changed since.

    Parameters
    ----------
    before
        Digest of the line before; empty for the first.
    file, number
        Where the line is, for messages.

    Raises
    ------
    InputError
        If it is not strict JSON.
    """
    record = parse_json(line, file, number)
    digest = record.pop(KEY, "") if isinstance(record, dict) else ""
    if not isinstance(digest, str):
        return Link(record, "", False)
    body = line.removesuffix(_ending(digest)) + "}"
    return Link(record, digest, digest == _digest(body, before))


def _ending(digest: str) -> str:
    return f', "{KEY}": "{digest}"}}'


def _digest(body: str, before: str) -> str:
    return hashlib.sha256(f"{before}{body}".encode()).hexdigest()
