import numpy as np
import pandas as pd
import pytest

from pdpsych.analysis.fitting.trials import COLUMNS
from pdpsych.analysis.planning.simulated_study import first_passes, simulate_session
from pdpsych.common.section import load
from pdpsych.experiments import Experiment, SimulatedObserver, run
from pdpsych.experiments.logs.labels import Labels
from pdpsych.experiments.sessions.preparation import prepare
from pdpsych.experiments.sessions.stage import Stage


@pytest.fixture(scope="module")
def experiment(write_study):
    study = write_study(trials=2, participants=())
    loaded = load(study / "experiments/early.yaml", Experiment)
    short = loaded.model_copy(update={"trials_per_condition": 6, "images": ("camel", "parrot")})
    short._file = loaded._file
    return short


@pytest.fixture(scope="module")
def session(experiment):
    prepared = prepare(experiment, Labels("01"))
    trials, stage = prepared.trials, Stage(prepared)
    observer = SimulatedObserver(dict.fromkeys(stage.placements, 0.3), lapse=0.0, seed=5)
    return trials, stage, observer


def test_a_session_is_that_of_the_trial_loop_but_for_what_is_realised(experiment, session):
    trials, stage, observer = session
    table = simulate_session(trials, stage.placements, observer, "01")
    logged = run(experiment, "01", observer=observer).trials
    assert list(table.columns) == COLUMNS
    for column in ("image", "pair", "distortion", "easy"):
        assert table[column].tolist() == logged[column].tolist()
    # The first trial of each condition was placed before any answer.
    first = ~logged.duplicated(["image", "pair", "distortion"])
    np.testing.assert_allclose(table["amplitude"][first], logged["amplitude"][first])
    realised = (logged["realised"] / logged["amplitude"])[logged["amplitude"] > 0.1]
    assert realised.median() == pytest.approx(1, abs=0.2)


def test_placements_are_left_as_they_are(session):
    trials, stage, observer = session
    one, other = (simulate_session(trials, stage.placements, observer, "01") for _ in range(2))
    pd.testing.assert_frame_equal(one, other)


def test_first_passes_are_a_shorter_session(session):
    trials, stage, observer = session
    table = simulate_session(trials, stage.placements, observer, "01")
    shorter = first_passes(table, 2)
    assert len(shorter) == 2 * len(stage.placements)
    assert shorter["order"].max() == len(shorter) - 1
    pd.testing.assert_frame_equal(shorter, table.head(len(shorter)))
