"""The quick tests cover every package, and what is called slow is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from selection import QUICK, UNKNOWN

import pdpsych

PACKAGES = [path.parent.name for path in Path(pdpsych.__file__).parent.glob("*/__init__.py")]


@pytest.fixture
def whole(pytestconfig):
    """Let a test see all tests that were collected."""
    if pytestconfig.args_source is not pytestconfig.ArgsSource.TESTPATHS:
        pytest.skip("only where all tests are collected")
    return pytestconfig.stash


@pytest.mark.parametrize("package", sorted({*PACKAGES} - {"cli"}))
def test_every_package_has_quick_tests(package, whole):
    assert whole[QUICK][package] >= 10


def test_what_is_called_slow_is_there(whole):
    assert not whole[UNKNOWN]
