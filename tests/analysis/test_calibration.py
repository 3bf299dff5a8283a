"""The benchmark of the whole chain, from trials to the verdict, in short."""

import importlib.util
import sys
from pathlib import Path

import pandas as pd
import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "calibration.py"


@pytest.fixture(scope="module")
def calibration():
    spec = importlib.util.spec_from_file_location("calibration", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["calibration"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["calibration"]


@pytest.fixture(scope="module")
def simulate(calibration):
    def run(name, participants, images, trials, studies):
        case = next(case for case in calibration.CASES if case.name.startswith(name))
        size = calibration.Size(participants, images, trials)
        return pd.DataFrame([calibration.study(case, size, n) for n in range(studies)])

    return run


def test_intervals_hold_the_truth_and_no_wrong_model_wins(simulate):
    found = simulate("assumptions hold", 3, 10, 30, 6)
    assert 0.9 <= found["thresholds"].mean() <= 0.99
    assert 0.87 <= found["own_ratios"].mean() <= 0.99
    # Of one study: what its participants share does not average out.
    assert found["mean_ratios"].mean() >= 0.85
    assert abs(found["bias"].mean()) < 0.12
    assert not found["wrong"].any()


def test_neither_of_two_equal_models_wins(simulate):
    assert simulate("two equal models", 2, 8, 20, 5)["wrong"].sum() <= 1


def test_biased_responses_are_flagged(simulate):
    assert simulate("biased", 2, 8, 40, 2)["flagged"].mean() > 0.5
