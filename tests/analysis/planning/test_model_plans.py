"""Plans of sessions whose trials are chosen by models."""

from dataclasses import replace

import pytest
import yaml
from model_world import finite_set
from refusals import refused

from pdpsych.analysis import open_analysis, plan
from pdpsych.analysis.planning.simulated_study import Size, _sessions, first_trials
from pdpsych.analysis.planning.world import build_world
from pdpsych.experiments import ObserverSpec


@pytest.fixture
def study(tmp_path):
    opened = finite_set(tmp_path / "known")
    experiment = {
        "stimulus_set": str(opened.path),
        "display": {"curve": "srgb"},
        "trials_per_condition": 20,
        "method": {"kind": "models"},
        "stop": {"probability": 0.95},
    }
    (tmp_path / "asked.yaml").write_text(yaml.safe_dump(experiment))
    (tmp_path / "main.yaml").write_text(yaml.safe_dump({"experiment": "asked.yaml"}))
    return open_analysis(tmp_path / "main.yaml")


def test_a_session_has_as_many_trials_in_all_and_chooses_which(study):
    world = build_world(study, study.open_experiment().open_set(), ObserverSpec(model="LN"))
    images = {f"{name}#0": name for name in ("camel", "einstein", "parrot")}
    table = _sessions(world, "LN", 1, Size(1, 3, 8), images)
    assert len(table) == 6 * 8
    counts = table.groupby(["image", "distortion"]).size()
    assert counts.min() >= 2
    assert counts.max() > 8
    shorter = first_trials(world.experiment, table, 4)
    assert shorter["order"].tolist() == list(range(24))


def test_each_person_begins_after_those_before_where_sessions_do(study, tmp_path):
    file = tmp_path / "asked.yaml"
    named = yaml.safe_load(file.read_text())
    file.write_text(
        yaml.safe_dump(named | {"method": {"kind": "models", "after": ["data/sub-01.jsonl"]}})
    )
    world = build_world(study, study.open_experiment().open_set(), ObserverSpec(model="LN"))
    assert world.after
    images = {f"{name}#0": name for name in ("camel", "einstein", "parrot")}
    size = Size(2, 3, 6)
    after = _sessions(world, "LN", 1, size, images).groupby("participant")["amplitude"].apply(list)
    alone = _sessions(replace(world, after=False), "LN", 1, size, images)
    alone = alone.groupby("participant")["amplitude"].apply(list)
    assert after["001"] == alone["001"]
    assert after["002"] != alone["002"]


def test_a_plan_knows_the_method(study):
    found = plan(
        study, truth="LN", participants=[1], images=[3], trials=[6], studies=1, jobs=1, write=False
    )
    assert found.cells["trials_each"].tolist() == [36]


def test_people_who_see_locally_are_refused(study):
    with refused(file=study.open_experiment().label, field="method", remedy="local"):
        build_world(study, study.open_experiment().open_set(), ObserverSpec(model="LN", local=True))
