"""What is not a file, or not text, is refused wherever a file is read; CRLF changes nothing."""

from __future__ import annotations

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("time and memory are bounded by POSIX", allow_module_level=True)

import places


def test_every_place_where_a_file_is_read(bench):
    wrong = [
        (kind, what, str(command), outcome.verdict, outcome.message)
        for kind, what, command, outcome in places.attempts_at(bench, first_only=True)
        if not places.allowed(kind, what, outcome)
    ]
    assert not wrong
