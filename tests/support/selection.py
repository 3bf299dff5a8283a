"""Which tests are quick, slow or long, in which order they come, and in how many processes."""

from __future__ import annotations

import os
from collections import Counter

import hypothesis
import pytest
from slow import LONG, SLOW

# Each holds PyTorch, PsychoPy and SciPy: more than a gigabyte.
MOST_PROCESSES = 4
WINDOW = "x_environment"
# Examples of the long profile where a test says how many it tries: so many times as many.
LONGER = 10
# How many quick tests a package has, and what is called slow or long and is not there.
QUICK = pytest.StashKey[Counter[str]]()
UNKNOWN = pytest.StashKey[set[tuple[str, str]]]()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use every core; but only this process where files are named."""
    if all(".py" in argument for argument in config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores or 1, MOST_PROCESSES)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests, put files with slow ones first, and leave long ones to the long profile."""
    config.stash[QUICK] = Counter()
    config.stash[UNKNOWN] = {(f, name) for each in (SLOW, LONG) for f in each for name in each[f]}
    for item in items:
        item.add_marker(_speed(item))
        if item.get_closest_marker("quick"):
            config.stash[QUICK][_file(item).partition("/")[0]] += 1
    # Processes end at about the same time if what takes longest is begun first.
    order = {file: number for number, file in enumerate(SLOW)}
    windows = {_file(item) for item in items if WINDOW in _fixtures(item)}
    items.sort(key=lambda item: (_file(item) not in windows, order.get(_file(item), len(order))))
    if config.getoption("--hypothesis-profile") == "long":
        _lengthen(items)
    else:
        longs = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=longs)
        items[:] = [item for item in items if item not in longs]


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0].removeprefix("tests/")


def _fixtures(item: pytest.Item) -> tuple[str, ...]:
    return tuple(getattr(item, "fixturenames", ()))


def _speed(item: pytest.Item) -> str:
    """Return the marker of a test."""
    if _listed(item, LONG) or item.get_closest_marker("long"):
        return "long"
    return "slow" if _listed(item, SLOW) or WINDOW in _fixtures(item) else "quick"


def _listed(item: pytest.Item, lists: dict[str, tuple[str, ...]]) -> bool:
    file, names = _file(item), (*_fixtures(item), item.name)
    found = {
        entry
        for entry in lists.get(file, ())
        if entry in names or (entry[:5] in ("test_", "") and item.name.startswith(entry))
    }
    item.config.stash[UNKNOWN] -= {(file, entry) for entry in found}
    return bool(found)


def _lengthen(items: list[pytest.Item]) -> None:
    """Try more examples where a test says how many; elsewhere the profile does."""
    default = hypothesis.settings.default
    objects = {getattr(item, "obj", None) for item in items}
    for function in {getattr(o, "__func__", o) for o in objects if hasattr(o, "hypothesis")}:
        own = function._hypothesis_internal_use_settings
        if own.max_examples != default.max_examples:
            more = hypothesis.settings(own, max_examples=LONGER * own.max_examples)
            function._hypothesis_internal_use_settings = more
