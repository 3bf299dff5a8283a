import os
import pickle
import subprocess
import sys
import time

import pytest

from pdpsych.common.parallel import spread

SCRIPT = """
import time
from pdpsych.common.parallel import spread

def work(number):
    print("works", flush=True)
    time.sleep(90)

if __name__ == "__main__":
    list(spread(work, range(2), 2))
"""


def _process(number):
    return number, os.getpid(), os.environ["OMP_NUM_THREADS"]


def _fail(number):
    if number == 3:
        raise ValueError("no 3")
    return number


def test_items_come_back_in_order_from_other_processes_with_one_thread_each(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    found = list(spread(_process, range(12), 2))
    assert [number for number, _, _ in found] == list(range(12))
    assert os.getpid() not in {process for _, process, _ in found}
    assert {threads for _, _, threads in found} == {"1"}
    assert os.environ["OMP_NUM_THREADS"] == "7"


@pytest.mark.parametrize(("items", "jobs"), [([5], 8), ([5, 6], 1), ([], 4)])
def test_one_job_or_item_needs_no_process(monkeypatch, items, jobs):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert [row[:2] for row in spread(_process, items, jobs)] == [(i, os.getpid()) for i in items]


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_goes_wrong_comes_back_after_what_went_well(jobs):
    found = spread(_fail, range(6), jobs)
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="no 3"):
        next(found)


def test_workers_end_when_the_process_that_asked_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as asking:
        assert [asking.stdout.readline() for _ in range(2)] == ["works\n"] * 2
        asking.kill()
        # Ends when nobody can write into the pipe any more.
        assert asking.communicate(timeout=30)[0] == ""


def test_what_cannot_travel_is_said_before_there_are_processes():
    with pytest.raises((AttributeError, pickle.PicklingError)):
        list(spread(lambda number: number, range(4), 2))


def _wait(number):
    time.sleep(60 if number else 0)
    return os.getpid()


def test_whoever_leaves_early_waits_for_nothing():
    begun = time.monotonic()
    found = spread(_wait, [0, 1, 2, 3], 2)
    worker = next(found)
    with pytest.raises(KeyboardInterrupt):
        found.throw(KeyboardInterrupt)
    assert time.monotonic() - begun < 30
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
