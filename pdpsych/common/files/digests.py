"""What files, data and draws are known by: SHA-256 of content, and seeds that depend on names."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from pdpsych.common.files.reading import open_regular, unreadable

_BLOCK = 1 << 20
# Up to here floats and integers are the same numbers.
_EXACT = 2**53


def digest(data: Any) -> str:
    """Return the SHA-256 of plain data, in hexadecimal, however its file is written.

    The order of keys, line ends and the spelling of numbers make no difference: 1, 1.0 and 1e0
    are one number, and so are 0 and -0.0. Other floats count to their last digit; they are
    rounded where they are computed. Lists and tuples are the same.

    Parameters
    ----------
    data
        Mappings with text as keys, lists, text, finite numbers, truths and None.

    Raises
    ------
    ValueError
        If a number is infinite or not a number.
    TypeError
        If it is not plain data.

    Examples
    --------
    >>> digest({"a": 1, "b": [2.5]}) == digest({"b": [2.5], "a": 1.0})
    True
    >>> digest({"a": True}) == digest({"a": 1})
    False
    """
    text = json.dumps(
        _canonical(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of the bytes of a regular file, in hexadecimal.

    Parameters
    ----------
    path
        The file, of any size.

    Raises
    ------
    InputError
        If it is missing, no regular file, or cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "empty").write_bytes(b"")
    ...     file_sha256(Path(folder, "empty"))[:8]
    'e3b0c442'
    """
    return _of_file(path, "sha256")


def file_sha1(path: str | Path) -> str:
    """Return the SHA-1 of the bytes of a regular file, where no other digest is published.

    Parameters
    ----------
    path
        The file, of any size.

    Raises
    ------
    InputError
        As :func:`file_sha256`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "empty").write_bytes(b"")
    ...     file_sha1(Path(folder, "empty"))[:8]
    'da39a3ee'
    """
    return _of_file(path, "sha1")


def seed_of(*parts: str | int) -> int:
    """Return a seed that depends on all parts, the same on every machine; below 2⁵³.

    JSON readers that keep numbers as doubles read it exactly.

    Parameters
    ----------
    parts
        Names and numbers; 1 and "1" are not the same.

    Examples
    --------
    >>> seed_of(3, "01", "x", 7)
    7557408045857801
    """
    text = json.dumps(parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 11


def _of_file(path: str | Path, algorithm: str) -> str:
    found = hashlib.new(algorithm, usedforsecurity=False)
    with open_regular(path) as file:
        try:
            while block := file.read(_BLOCK):
                found.update(block)
        except OSError as error:
            raise unreadable(path, error) from None
    return found.hexdigest()


def _canonical(data: Any) -> Any:
    if isinstance(data, dict):
        if not all(isinstance(key, str) for key in data):
            raise TypeError("keys of plain data are text")
        return {key: _canonical(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_canonical(value) for value in data]
    if isinstance(data, float) and math.isfinite(data):
        whole = abs(data) < _EXACT and data == int(data)
        return int(data) if whole else float(data)
    return data
