"""What is not a file, or not text, is refused wherever a file is read; CRLF changes nothing."""

from __future__ import annotations

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("time and memory are bounded by POSIX", allow_module_level=True)

import places


def wrong(attempts):
    return [
        (kind, what, str(command), outcome.verdict, outcome.message)
        for kind, what, command, outcome in attempts
        if not places.allowed(kind, what, outcome)
    ]


def test_every_place_where_a_file_is_read(bench):
    assert not wrong(places.attempts_in_turn(bench))


def test_everything_at_every_place(bench):
    assert not wrong(places.attempts_at(bench))
