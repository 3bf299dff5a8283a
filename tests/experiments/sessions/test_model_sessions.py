"""Sessions whose trials are chosen by what they tell of the nearest model."""

import json

import pytest
import yaml
from model_world import finite_set
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
    assert chosen["probability"].iloc[-1] > 0.9
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
    stop = {"probability": 0.9, "least": 20}
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
        ({"method": {"explore": 1.5}}, {"field": "method.explore"}),
    ],
)
def test_rules_that_cannot_be_met_are_refused(write, fields, told):
    path = write(**fields)
    with refused(file=str(path), **told):
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
