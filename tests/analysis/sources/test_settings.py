"""What sessions that are analysed together need in common, in their first lines and later ones."""

import json

import pytest
from refusals import refused

from pdpsych import analysis
from pdpsych.analysis import read_trials
from pdpsych.common.section import validate
from pdpsych.experiments.logs import hash_chain

LOG = "experiments/data/early/sub-{}_ses-01.jsonl"
SIZE = {"width_px": 1920, "width_cm": 53.0, "distance_cm": 57.0}
PLAIN = {"trials_per_condition": 4, "display": {"curve": "srgb", **SIZE}}
ROSTER = {"place": 1, "cell": 1, "order": [], "swapped": False, "session": 1, "sha256": "ab"}


def rewrite(study, participant, change):
    """Change the records of a log, a list, and seal it anew."""
    path = study / LOG.format(participant)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    change(records)
    text, digest = "", ""
    for record in records:
        record.pop(hash_chain.KEY, None)
        line, digest = hash_chain.seal(record, digest)
        text += line + "\n"
    path.write_text(text)


def set_header(study, participant, **fields):
    rewrite(study, participant, lambda records: records[0].update(fields))


def shown_at(study, participant, **display):
    config = PLAIN | {"display": PLAIN["display"] | display}
    set_header(study, participant, config=config)


def resume(study, participant, after, **where):
    """Let a session go on elsewhere after so many trials."""
    changed = {f"config.display.{name}": pair for name, pair in where.items()}
    note = {"record": "resumed", "answered": after, "where": changed, "versions": {}, "time": "t"}

    def change(records):
        records.insert(1 + after, note)

    rewrite(study, participant, change)


@pytest.fixture
def study(write_study):
    root = write_study(trials=4)
    for participant in ("01", "02"):
        shown_at(root, participant)
    return root


def told(study):
    return [note for note in read_trials(study).notes if "per degree" in note]


def test_where_it_is_shown_and_its_wording_may_differ(study):
    shown_at(study, "02", screen=1, refresh_hz=120)
    assert read_trials(study).participants == ["01", "02"]
    config = PLAIN | {"buttons": "pad", "events": {"codes": {"first": 1}, "lsl": "x"}, "seed": 3}
    set_header(study, "02", config=config)
    assert read_trials(study).participants == ["01", "02"]
    assert not told(study)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"timing": {"image": 100}}, "config.timing.image"),
        ({"display": PLAIN["display"] | {"bit_depth": 10}}, "config.display.bit_depth"),
        ({"trials_per_condition": 5}, "config.trials_per_condition"),
    ],
)
def test_what_is_shown_may_not(study, fields, field):
    set_header(study, "02", config=PLAIN | fields)
    with refused(file=LOG.format("02"), field=field, allowed="sub-01"):
        read_trials(study)


def test_another_distance_of_another_person_is_said(study):
    shown_at(study, "02", distance_cm=114.0)
    (note,) = told(study)
    assert "01 36" in note
    assert "02 72.1" in note
    assert note in analysis.fit(study, write=False).source["notes"]


def test_a_little_of_one_person_is_said(study):
    resume(study, "02", 20, distance_cm=(57.0, 60.0))
    (note,) = told(study)
    assert "participant 02 saw images at 36 and 37.9" in note


@pytest.mark.parametrize("after", [1, 20, 40])
def test_more_of_one_person_is_refused(study, after):
    resume(study, "02", after, distance_cm=(57.0, 70.0))
    with refused(
        file=LOG.format("02"), field="config.display.distance_cm", value=70.0, remedy="exclude"
    ):
        read_trials(study)
    path = study / "analysis" / "main.yaml"
    path.write_text(path.read_text() + 'exclude: ["02"]\n')
    assert read_trials(study).participants == ["01"]


def test_a_place_in_which_nothing_was_answered_does_not_count(study):
    count = len((study / LOG.format("02")).read_text().splitlines()) - 1
    resume(study, "02", count, distance_cm=(57.0, 90.0))
    assert not told(study)


def test_the_width_counts_as_the_distance_does(study):
    resume(study, "02", 20, width_cm=(53.0, 26.5), distance_cm=(57.0, 28.5))
    assert not told(study)
    shown_at(study, "01", width_cm=26.5)
    assert told(study)


def test_without_sizes_nothing_is_said(study):
    for participant in ("01", "02"):
        set_header(study, participant, config=PLAIN | {"display": {"curve": "srgb"}})
    assert not told(study)
    resume(study, "02", 20, distance_cm=(None, 57.0))
    assert not told(study)


def test_what_no_display_can_be_is_refused(study):
    for participant in ("01", "02"):
        shown_at(study, participant, distance_cm="far")
    with refused(file=LOG.format("01"), field="distance_cm"):
        read_trials(study)


@pytest.fixture
def grouped(study):
    set_header(study, "01", roster=ROSTER | {"group": "near"})
    set_header(study, "02", roster=ROSTER | {"group": "far", "place": 2})
    return study


def test_groups_are_columns_and_come_back(grouped):
    fitted = analysis.fit(grouped)
    for table in (fitted.thresholds, fitted.participants):
        groups = table.groupby("participant")["study_group"].unique().str.join(",")
        assert groups.to_dict() == {"01": "near", "02": "far"}
    results = grouped / "analysis" / "results" / "main"
    assert analysis.Fit.from_json(results / "fit.json") == fitted
    assert "study_group" in (results / "thresholds.csv").read_text().partition("\n")[0]
    assert "study_group" in json.loads((results / "thresholds.json").read_text())
    assert analysis.score(grouped, write=False)


def test_without_groups_there_is_no_column(study):
    assert "study_group" not in analysis.fit(study, write=False).thresholds


def test_an_analysis_of_a_group(grouped):
    path = grouped / "analysis" / "main.yaml"
    text = path.read_text()
    path.write_text(text + "groups: [far]\n")
    assert read_trials(grouped).participants == ["02"]
    path.write_text(text + "groups: [far, near]\n")
    assert read_trials(grouped).participants == ["01", "02"]
    path.write_text(text + "groups: [fra]\n")
    with refused(file="main.yaml", field="groups", value="fra", allowed="far"):
        read_trials(grouped)
    path.write_text(text)
    assert "groups" not in analysis.fit(grouped, write=False).analysis


def test_groups_are_of_logs():
    with refused(field="groups"):
        validate({"trials": "x.csv", "set": "y", "groups": ["near"]}, analysis.Analysis, "a.yaml")
