"""A few hundred of the inputs of ``benchmarks/fuzz.py``: each succeeds or is refused in words."""

from __future__ import annotations

import sys

import numpy as np
import pytest

if sys.platform == "win32":
    pytest.skip("time and memory are bounded by POSIX", allow_module_level=True)

import kinds

EACH = 5


@pytest.mark.parametrize("name", kinds.DRAWS)
def test_broken_files_and_options_succeed_or_are_refused(bench, name):
    ended = []
    for number in range(EACH):
        rng = np.random.default_rng([number, list(kinds.DRAWS).index(name)])
        command, change, named = kinds.DRAWS[name](rng)
        outcome = bench.try_out(command, change, named)
        assert outcome.verdict != "broken", (number, command, outcome.message)
        ended.append(outcome.verdict)
    # What is never noticed was never read.
    assert "refused" in ended or name in kinds.FORGIVEN


def test_what_is_not_broken_succeeds(bench):
    for command in {str(command): command for k in kinds.KINDS for command in k.commands}.values():
        outcome = bench.try_out(command, lambda root: None)
        assert outcome.verdict == "succeeded", (command, outcome.message)
