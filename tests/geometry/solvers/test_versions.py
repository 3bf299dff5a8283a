"""Whether a search that is looked at on its way is the search that nobody looks at."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def versions():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        import versions

        yield versions
    del sys.modules["versions"]


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_marks_leave_a_search_as_it_is(versions):
    marked = versions.searched(versions.Problem("early/16/camera", (60, 100, 150)), 0, ROOT)
    plain = versions.searched(versions.Problem("early/16/camera", (150,)), 0, ROOT)
    assert [row[::2] for row in marked["curve"]] == [row[::2] for row in plain["curve"]]
    first, second, last = marked["states"]
    assert 60 <= first["products"] < 100 <= second["products"] < 150 <= last["products"]
    assert first["objective"] < second["objective"] < last["objective"]
    for state in (first, second, last):
        assert state["told"] == pytest.approx(state["objective"], rel=1e-4)
        assert state["stopped"] == "cancelled"
        assert state["gradient"] > 1e-3
    (alone,) = plain["states"]
    assert alone["objective"] == last["objective"]


def test_another_package_than_the_one_asked_for_is_noticed(versions, tmp_path):
    with pytest.raises(RuntimeError, match="in place of"):
        versions.searched(versions.Problem("early/16/camera", (60,)), 0, tmp_path)
