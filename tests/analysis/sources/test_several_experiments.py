"""Several experiments in one analysis."""

import json
import shutil

import pytest
import yaml
from refusals import refused

from pdpsych.analysis import open_analysis, plan, read_trials
from pdpsych.experiments.logs import hash_chain
from pdpsych.studies import status


@pytest.fixture
def two(write_study):
    """A study in which a participant was in two experiments with other settings."""
    study = write_study(("01",), trials=12)
    experiments = study / "experiments"
    text = (experiments / "early.yaml").read_text()
    (experiments / "late.yaml").write_text(text + "trials_per_condition: 12\n")
    log = experiments / "data/early/sub-01_ses-01.jsonl"
    lines, digest = [], ""
    for number, line in enumerate(log.read_text().splitlines()):
        record = json.loads(line)
        record = {key: value for key, value in record.items() if key != "sha256"}
        if number == 0:
            record |= {"experiment": "late", "started": "2026-02-01T00:00:00+00:00"}
            record["config"]["trials_per_condition"] = 99
        else:
            record |= {"dither_seed": 1000 + number, "time": "2026-02-01T00:00:00+00:00"}
        sealed, digest = hash_chain.seal(record, digest)
        lines.append(sealed)
    late = experiments / "data/late" / log.name
    late.parent.mkdir()
    late.write_text("\n".join(lines) + "\n")
    path = study / "analysis/main.yaml"
    named = ["../experiments/late.yaml", "../experiments/early.yaml"]
    path.write_text(yaml.safe_dump({"experiment": named, "samples": 500}))
    return study


def test_trials_of_all_are_in_the_order_of_time(two):
    trials = read_trials(two)
    assert len(trials.table) == 2 * 12 * 12
    assert [header.experiment for header in trials.sessions] == ["early", "late"]
    assert trials.source["experiment"] == "early, late"
    assert trials.table["order"].is_monotonic_increasing
    assert status(two).state.analyses[0].trials is not None
    assert not status(two).state.study.problems


def test_one_set_is_needed(two):
    other = two / "stimuli/other"
    shutil.copytree(two / "stimuli/small", other)
    manifest = json.loads((other / "manifest.json").read_text()) | {"name": "other"}
    (other / "manifest.json").write_text(json.dumps(manifest))
    late = two / "experiments/late.yaml"
    late.write_text(late.read_text().replace("../stimuli/small", "../stimuli/other"))
    with refused(file="main.yaml", field="experiment", value="early.yaml", allowed="other"):
        read_trials(two)


def test_a_plan_is_of_one_experiment(two):
    with refused(field="experiment", value=["late.yaml", "early.yaml"]):
        plan(open_analysis(two))
