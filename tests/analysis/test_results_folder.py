"""What commands write into one results folder at the same time is of one piece."""

from __future__ import annotations

import json
import multiprocessing
import os

import pandas as pd
import pytest
from refusals import refused

from pdpsych.analysis import Fit, Scores, fit, plan, report, score
from pdpsych.common.files.locks import Busy, locked

# What takes the place of it matters, not how good it is.
SMALL = {"participants": [1], "images": [2], "trials": [4], "studies": 1, "jobs": 1}


@pytest.fixture
def study(write_study):
    return write_study(participants=("01",), trials=10, samples=200)


def _again_and_again(study, seed, times):
    """Fit and score with a seed of one's own, which all files then have."""
    settings = {"experiment": "../experiments/early.yaml", "samples": 200, "seed": seed}
    folder = study / "analysis"
    mine = folder / f"main-{seed}.yaml"
    mine.write_text(json.dumps(settings))
    for _ in range(times):
        # Both are "the" analysis, whose results lie in one folder.
        os.replace(mine, folder / "main.yaml")
        mine.write_text(json.dumps(settings))
        score(study / "analysis" / "main.yaml")


def test_fit_and_scores_that_are_left_are_of_one_command(study):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_again_and_again, args=(study, seed, 4)) for seed in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    results = study / "analysis/results/main"
    fitted, scores = Fit.from_json(results / "fit.json"), Scores.from_json(results / "score.json")
    assert scores.source["analysis"] == fitted.analysis
    for result, names in ((fitted, ("thresholds", "bins")), (scores, ("human", "ranking"))):
        for name in names:
            table = pd.read_csv(results / f"{name}.csv", dtype={"participant": str})
            pd.testing.assert_frame_equal(
                table, getattr(result, name), check_exact=False, check_dtype=False
            )
    assert not [path.name for path in results.parent.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    "command",
    [fit, score, report, lambda study: plan(study, **SMALL)],
    ids=["fit", "score", "report", "plan"],
)
def test_a_command_waits_for_another_and_then_says_so(study, monkeypatch, command):
    monkeypatch.setattr("pdpsych.common.drawing.save", lambda figure, stem, formats: [_empty(stem)])
    monkeypatch.setattr("pdpsych.common.files.locks.time.sleep", lambda _: None)
    results = study / "analysis/results/main"
    clock = iter(range(1_000_000))
    monkeypatch.setattr("pdpsych.common.files.locks.time.monotonic", lambda: next(clock))
    with locked(results, doing="a test runs"), refused(file=results, remedy="wait") as told:
        command(study)
    assert isinstance(told.value, Busy)
    assert not results.exists() or not any(results.iterdir())


def _empty(stem):
    stem.parent.mkdir(parents=True, exist_ok=True)
    path = stem.with_name(f"{stem.name}.png")
    path.write_bytes(b"")
    return path
