"""Digests that files of version 0.1.0 hold, which therefore stay as they are."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pandas as pd


def json_sha256(data: Any) -> str:
    """Return the SHA-256 of plain data as JSON with sorted keys, in hexadecimal."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def table_sha256(table: pd.DataFrame) -> str:
    """Return the SHA-256 of the names and cells of a table, column by column, in hexadecimal."""
    digest = hashlib.sha256()
    for name in map(str, table):
        digest.update("\n".join([name, *map(str, table[name].tolist())]).encode())
    return digest.hexdigest()
