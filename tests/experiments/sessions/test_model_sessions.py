"""Sessions whose trials are chosen by what they tell of the nearest model."""

import json

import numpy as np
import pytest
import yaml
from model_world import IMAGES, finite_set
from refusals import refused

from pdpsych.experiments import ObserverSpec, SessionStopped, observer_from, outline, read_log, run
from pdpsych.experiments.design import Condition

PERSON = ObserverSpec(model="LN", median_threshold_rms=0.01)


class Leaves:
    """An observer who answers like another until a trial, then is gone."""

    def __init__(self, observer, at):
        self.description, self._observer, self._at = observer.description, observer, at

    def respond(self, presentation):
        if presentation.planned.number == self._at:
            raise SessionStopped("gone")
        return self._observer.respond(presentation)


@pytest.fixture(scope="module")
def known_set(tmp_path_factory):
    return finite_set(tmp_path_factory.mktemp("sets") / "known")


@pytest.fixture
def write(known_set, tmp_path):
    def write(name="asked", stimulus_set=None, method=(), **fields):
        data = {
            "stimulus_set": str((stimulus_set or known_set).path),
            "display": {"curve": "srgb"},
            "trials_per_condition": 12,
            "practice_trials": 2,
            "method": {"kind": "models", **dict(method)},
            **fields,
        }
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(data))
        return path

    return write


def without_time(log):
    return log.trials.drop(columns="time")


def test_trials_are_chosen_and_the_log_says_why(write, known_set):
    log = run(write(), observer=PERSON)
    assert log.complete
    trials = log.trials
    assert len(trials) == 2 + 6 * 12
    conditions = [Condition(*row) for row in trials[["image", "pair", "distortion"]].to_numpy()]
    first, chosen = trials[2:14], trials[14:]
    assert (first.groupby(["image", "distortion"]).size() == 2).all()
    # All trials of the design are shown in the end; until others are used up, no image twice.
    assert trials[2:].groupby(["image", "distortion"]).size().eq(12).all()
    images = [condition.image for condition in conditions]
    assert not any(images[n] == images[n + 1] for n in range(14, 50))
    assert set(chosen["aim"]) >= {"models", "threshold", "easy"}
    assert trials["aim"][:2].isna().all()
    assert (chosen["easy"] == (chosen["aim"] == "easy")).all()
    assert (chosen["nearest"].iloc[-30:] == "LN").all()
    assert chosen["probability"].iloc[-1] > 0.5
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert len(lines[0]["predictions"]) == 64
    assert "belief" not in lines[1]
    assert set(lines[20]["belief"]) == {"aim", "information", "nearest"}
    # Signs and positions are balanced in each condition, wherever a session ends.
    for _, own in trials[2:].groupby(["image", "distortion"]):
        assert abs(own["sign"].sum()) <= 2
        assert abs((2 * own["position"] - 3).sum()) <= 2


def test_a_resumed_session_equals_an_undisturbed_one(write, known_set):
    observer = observer_from(PERSON, known_set)
    path = write(trials_per_condition=8)
    for at in (1, 9, 30):
        with pytest.raises(SessionStopped):
            run(path, observer=Leaves(observer, at))
    resumed = run(path, observer=observer)
    whole = run(write("whole", trials_per_condition=8), observer=observer)
    assert len(whole.trials) == 50
    assert without_time(resumed).equals(without_time(whole))


def test_the_amplitude_alone_keeps_the_design(write):
    path, plain = write(method={"choose": "amplitude"}), write("plain", method={"kind": "adaptive"})
    ours, theirs = run(path, observer=PERSON), run(plain, observer=PERSON)
    same = ["image", "pair", "distortion", "sign", "position", "easy", "practice"]
    assert ours.trials[same].equals(theirs.trials[same])
    assert ours.header.design == theirs.header.design
    assert not ours.trials["amplitude"].equals(theirs.trials["amplitude"])
    assert (ours.trials["aim"] == "models").sum() > 30


def test_a_session_stops_when_the_nearest_model_is_known(write):
    stop = {"probability": 0.7, "least": 20}
    log = run(write(trials_per_condition=40, stop=stop), observer=PERSON)
    assert log.complete
    assert log.ended == "side"
    assert 22 < len(log.trials) < 2 + 6 * 40
    assert "known as surely as asked for" in log.describe()
    again = run(write(trials_per_condition=40, stop=stop), observer=PERSON)
    assert without_time(again).equals(without_time(log))


def test_a_session_stops_after_the_most_trials(write):
    path = write(stop={"probability": 0.999999, "most": 20})
    assert outline(path).trials == 22
    log = run(path, observer=PERSON)
    assert (log.ended, len(log.trials), log.header.planned) == ("most", 22, 22)


def test_a_set_that_knows_no_responses_is_refused(write, small_set):
    path = write(stimulus_set=small_set)
    with refused(remedy="pdpsych respond"):
        outline(path)


def test_a_set_of_one_model_is_refused(write, tmp_path):
    alone = finite_set(tmp_path / "alone", models=("LN",))
    with refused(file=alone.path, field="models", value="LN", remedy="adaptive"):
        outline(write(stimulus_set=alone))
    # Where thresholds are expected needs no second model.
    assert outline(write("one", alone, {"kind": "adaptive", "prior": "models"})).trials == 74


def test_models_that_do_not_differ_are_refused(write, tmp_path):
    alike = finite_set(tmp_path / "alike", alike=True)
    with refused(file=str(write(stimulus_set=alike)), field="method", remedy="tell them apart"):
        outline(write(stimulus_set=alike))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"stop": {"probability": 0.4}}, {"field": "stop.probability"}),
        ({"stop": {"least": 30, "most": 30}}, {"field": "stop.most"}),
        ({"stop": {"least": 73}}, {"field": "stop.least", "allowed": "less than the 72"}),
        ({"stop": {"most": 12}}, {"field": "stop.most", "allowed": "more than 12"}),
        ({"stop": {}, "method": {"kind": "adaptive"}}, {"field": "stop"}),
        (
            {"stop": {}, "trials_per_condition": 3},
            {"field": "trials_per_condition", "allowed": "at least 4"},
        ),
        ({"stop": {"most": 73}}, {"field": "stop.most", "allowed": "up to the 72"}),
        ({"stop": {"probability": 1}}, {"field": "stop.probability", "allowed": "below 1"}),
        ({"method": {"explore": 1.5}}, {"field": "method.explore"}),
        ({"method": {"after": ["a.jsonl", "a.jsonl"]}}, {"field": "method.after"}),
        ({"method": {"after": ["none.jsonl"]}}, {}),
    ],
)
def test_rules_that_cannot_be_met_are_refused(write, fields, told):
    path = write(**fields)
    with refused(**({"file": str(path)} if told else {"file": "none.jsonl"}), **told):
        outline(path)
    assert not (path.parent / "data").exists()


def test_a_changed_prediction_is_not_gone_on_with(write, tmp_path):
    own = finite_set(tmp_path / "own")
    observer = observer_from(PERSON, own)
    path = write(stimulus_set=own)
    with pytest.raises(SessionStopped):
        run(path, observer=Leaves(observer, 20))
    (file,) = (own.path / "responses").glob("camel.json")
    data = json.loads(file.read_text())
    data["distortions"][0]["values"]["LN"][0][3] *= 1.01
    file.write_text(json.dumps(data))
    with refused(field="predictions"):
        run(path, observer=observer)
    assert len(read_log(path.parent / "data" / "asked" / "sub-01_ses-01.jsonl").trials) == 19


@pytest.fixture
def before(write):
    """A session of somebody, which others may begin after."""
    return run(write("earlier", trials_per_condition=6), observer=PERSON)


def test_a_session_begins_after_earlier_participants(write, before, known_set):
    after = {"after": ["data/earlier/sub-01_ses-01.jsonl"]}
    observer = observer_from(PERSON, known_set)
    path = write("later", method=after, trials_per_condition=8)
    with pytest.raises(SessionStopped):
        run(path, observer=Leaves(observer, 20))
    resumed = run(path, observer=observer)
    whole = run(write("whole", method=after, trials_per_condition=8), observer=observer)
    assert without_time(resumed).equals(without_time(whole))
    last = before.path.read_text().splitlines()[-1]
    assert whole.header.after == {after["after"][0]: json.loads(last)["sha256"]}
    alone = run(write("alone", trials_per_condition=8), observer=observer)
    assert alone.header.after is None
    assert '"after"' not in alone.path.read_text()
    # Thresholds are expected where they were found.
    assert not alone.trials["amplitude"].equals(whole.trials["amplitude"])


def test_a_session_does_not_go_on_after_more_answers(write, known_set):
    observer = observer_from(PERSON, known_set)
    first = write("earlier", trials_per_condition=6)
    with pytest.raises(SessionStopped):
        run(first, observer=Leaves(observer, 15))
    after = {"after": ["data/earlier/sub-01_ses-01.jsonl"]}
    path = write("later", method=after)
    with pytest.raises(SessionStopped):
        run(path, observer=Leaves(observer, 5))
    run(first, observer=observer)
    with refused(field="after.data/earlier/sub-01_ses-01.jsonl"):
        run(path, observer=observer)


def test_logs_of_another_set_are_refused(write, before, tmp_path):
    other = finite_set(tmp_path / "other", images=IMAGES[:2])
    path = write("later", other, {"after": ["data/earlier/sub-01_ses-01.jsonl"]})
    with refused(file=str(path), field="method.after", allowed=str(other.path)):
        outline(path)


def test_logs_that_say_nothing_of_the_session_are_refused(write, before):
    after = {"after": ["data/earlier/sub-01_ses-01.jsonl"]}
    with refused(field="method.after", allowed="earlier ones"):
        outline(write("earlier", method=after, trials_per_condition=6))
    lines = before.path.read_text().splitlines(keepends=True)
    (before.path.parent / "sub-02_ses-01.jsonl").write_text("".join(lines[:2]))
    nothing = {"after": ["data/earlier/sub-02_ses-01.jsonl"]}
    with refused(field="method.after", allowed="same distortions"):
        outline(write("later", method=nothing))
    changed = lines[3].replace('"correct": true', '"correct": false')
    assert changed != lines[3] or '"correct": false' in lines[3]
    lines[3] = changed.replace('"easy": false', '"easy": true')
    (before.path.parent / "sub-02_ses-01.jsonl").write_text("".join(lines))
    with refused(field="method.after", allowed="as they were written"):
        outline(write("later", method=nothing))


def test_the_adaptive_method_expects_thresholds_where_models_do(write, known_set, small_set):
    adaptive = {"kind": "adaptive", "prior": "models"}
    plain = run(write("plain", method={"kind": "adaptive"}), observer=PERSON)
    ours = run(write("ours", method=adaptive), observer=PERSON)
    assert ours.header.design == plain.header.design
    assert (plain.header.predictions, len(ours.header.predictions)) == (None, 64)
    first, expected = (
        log.trials.query("not practice and not easy").groupby(["image", "distortion"]).first()
        for log in (plain, ours)
    )
    assert not np.allclose(first["amplitude"], expected["amplitude"], rtol=0.02)
    assert "aim" not in ours.trials
    with refused(remedy="leave method.prior out"):
        outline(write("unknown", small_set, adaptive))
