"""Which tests are quick, slow or long, in which order they come, and in how many processes."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import hypothesis
import pytest
from slow import SLOW

# Each holds PyTorch, PsychoPy and SciPy: more than a gigabyte.
MOST_PROCESSES = 4
# Examples of the long profile where a test says how many it tries: so many times as many.
LONGER = 10
# How many quick tests a package has, and what is called slow and is not there.
QUICK = pytest.StashKey[Counter[str]]()
UNKNOWN = pytest.StashKey[set[str]]()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use every core; but only this process where files are named."""
    if all(".py" in argument for argument in config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores or 1, MOST_PROCESSES)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests, put files with slow ones first, and leave long ones to the long profile."""
    config.stash[QUICK], config.stash[UNKNOWN] = Counter(), set(SLOW)
    first: dict[Path, int] = {}
    for item in items:
        name = item.nodeid.removeprefix("tests/")
        found = [number for number, entry in enumerate(SLOW) if name.startswith(entry)]
        config.stash[UNKNOWN] -= {SLOW[number] for number in found}
        if "x_environment" in getattr(item, "fixturenames", ()):
            found.append(-1)
        if found:
            item.add_marker("slow")
            first[item.path] = min(first.get(item.path, len(SLOW)), *found)
        elif not item.get_closest_marker("long"):
            item.add_marker("quick")
            config.stash[QUICK][name.partition("/")[0]] += 1
    # Processes end at about the same time if what takes longest is begun first.
    items.sort(key=lambda item: first.get(item.path, len(SLOW)))
    if config.getoption("--hypothesis-profile") == "long":
        _lengthen(items)
    else:
        longs = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=longs)
        items[:] = [item for item in items if item not in longs]


def _lengthen(items: list[pytest.Item]) -> None:
    """Try more examples where a test says how many; elsewhere the profile does."""
    default = hypothesis.settings.default
    for function in {item.obj for item in items if item.get_closest_marker("hypothesis")}:
        own = function._hypothesis_internal_use_settings
        if own.max_examples != default.max_examples:
            more = hypothesis.settings(own, max_examples=LONGER * own.max_examples)
            function._hypothesis_internal_use_settings = more
