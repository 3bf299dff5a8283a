"""Plans of participants who see like models at visible amplitudes."""

import numpy as np
import pytest

from pdpsych.analysis import open_analysis, plan
from pdpsych.analysis.planning import world as worlds
from pdpsych.analysis.planning.simulated_study import Size, simulate_study
from pdpsych.analysis.planning.world import build_world
from pdpsych.experiments import ModelObserver, ObserverSpec, SimulatedObserver
from pdpsych.stimuli.responses.finite_response import FiniteResponse


@pytest.fixture
def study(write_study):
    return open_analysis(write_study(trials=2))


@pytest.fixture
def known(study, monkeypatch):
    """Saturating responses, which the set has not."""
    amplitudes = np.geomspace(1e-3, 2.0, 33)
    responses = {}
    for row in study.open_experiment().open_set().sensitivities().itertuples():
        linear = row.sensitivity * amplitudes
        of = responses.setdefault((row.image, row.pair, row.distortion), {})
        of[row.model] = FiniteResponse(amplitudes, np.tile(linear / np.sqrt(1 + linear), (2, 1)))
    monkeypatch.setattr(worlds, "known_responses", lambda *_: responses)
    return responses


def made(study, **fields):
    stimulus_set = study.open_experiment().open_set()
    return build_world(study, stimulus_set, ObserverSpec(model="LGN", **fields))


def test_people_see_like_models_at_visible_amplitudes_where_that_is_known(study, known):
    world = made(study)
    shown = {key: key for key in known}
    person = world.person("LGN", shown, np.ones(len(shown)), 1)
    assert isinstance(person, ModelObserver)
    logs = np.log(list(person.thresholds.values())) - np.log(16)
    assert np.exp(logs.mean()) == pytest.approx(0.01, rel=1e-6)
    assert all(p.showable.most <= 2.0 for p in world.placements.values())


@pytest.mark.parametrize("local", [True, False])
def test_they_are_local_where_asked_for_or_nothing_is_known(study, local, request):
    if local:
        request.getfixturevalue("known")
    world = made(study, local=local)
    shown = {c: c for c in world.placements}
    person = world.person("LGN", shown, np.ones(len(shown)), 1)
    assert isinstance(person, SimulatedObserver)


def test_the_predictive_score_decides(study, known):
    world = made(study)
    (outcome,) = simulate_study(world, "LGN", 3, [Size(1, 3, 60)])
    assert outcome.closest in ("LGN", "")
    assert np.isfinite(outcome.score_width)


def test_a_plan_says_what_people_see_like(study, known):
    sizes = {"participants": [1], "images": [2], "trials": [4]}
    planned = plan(study, truth="LGN", studies=1, jobs=1, write=False, **sizes)
    assert planned.observer["local"] is False
    assert "local False" in planned.describe()
