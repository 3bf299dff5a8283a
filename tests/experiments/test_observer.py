import re

import numpy as np
import pytest

from pdpsych.common.errors import InputError
from pdpsych.displays.rendering import Shown
from pdpsych.experiments.design import Condition, PlannedTrial
from pdpsych.experiments.observer import (
    ObserverSpec,
    Presentation,
    Progress,
    SimulatedObserver,
    observer_from,
)
from pdpsych.experiments.placement.psychometric import proportion_correct
from pdpsych.stimuli import StimulusSet

CAMEL = Condition("camel", "principal", 1)
FRAME = np.zeros((1, 2, 2), np.uint16)


def presentation(number: int, position: int, realised: float, requested: float = 1.0):
    shown = Shown(FRAME + 1, FRAME, realised, 0.0, 0.0)
    planned = PlannedTrial(number, CAMEL, 1, position, easy=False)
    return Presentation(planned, requested, shown, 0, (), Progress(number - 1, 9, 0, 0))


def share_correct(observer: SimulatedObserver, position: int, realised: float, n=4000) -> float:
    trials = [presentation(i, position, realised, requested=99.0) for i in range(n)]
    return float(np.mean([observer.respond(t).position == position for t in trials]))


@pytest.mark.parametrize(
    ("exponent", "lapse", "realised"), [(1, 0, 2.0), (2, 0.1, 3.0), (1, 0.1, 50.0), (1, 0, -1.0)]
)
def test_answers_follow_the_psychometric_function(exponent, lapse, realised):
    observer = SimulatedObserver({CAMEL: 2.0}, exponent, lapse, seed=3)
    for position in (1, 2):
        expected = proportion_correct(realised, 2.0, exponent, lapse)
        # 4 standard errors of 4000 trials
        assert share_correct(observer, position, realised) == pytest.approx(expected, abs=0.032)


def test_bias_prefers_the_first_position():
    observer = SimulatedObserver({CAMEL: 1.0}, lapse=0, bias=0.7)
    # P(first | no distortion) = Φ(0.7/√2)
    assert share_correct(observer, 1, 0.0) == pytest.approx(0.690, abs=0.03)
    assert share_correct(observer, 2, 0.0) == pytest.approx(0.310, abs=0.03)


def test_answers_depend_on_seed_and_trial_number_alone():
    trials = [presentation(i, 1, 1.0) for i in range(50)]
    a, b = (SimulatedObserver({CAMEL: 1.0}, seed=4) for _ in range(2))
    forward = [a.respond(t) for t in trials]
    backward = [b.respond(t) for t in reversed(trials)][::-1]
    assert forward == backward
    other = SimulatedObserver({CAMEL: 1.0}, seed=5)
    assert [other.respond(t) for t in trials] != forward


def test_missing_threshold_is_named():
    with pytest.raises(InputError, match="image camel, pair principal, distortion 1"):
        SimulatedObserver({}).respond(presentation(1, 1, 1.0))


def test_model_observer_has_thresholds_inverse_to_its_sensitivities(small_set):
    thresholds = observer_from("LGN", small_set).thresholds
    table = small_set.sensitivities().query("model == 'LGN'")
    products = [
        thresholds[row.image, row.pair, row.distortion] * row.sensitivity
        for row in table.itertuples()
    ]
    assert products == pytest.approx([products[0]] * 8)
    rms = np.array(list(thresholds.values())) / 32
    assert np.exp(np.log(rms).mean()) == pytest.approx(0.01)


def test_spread_is_between_participants_not_sessions(small_set, tmp_path):
    path = tmp_path / "people.yaml"
    path.write_text("model: LGN\nspread: 0.3\nlapse: 0.0\n")
    base = observer_from("LGN", small_set).thresholds
    people = [observer_from(path, small_set, f"{i:02d}").thresholds for i in range(40)]
    logs = np.array([[np.log(p[c] / base[c]) for c in base] for p in people])
    assert logs.std() == pytest.approx(0.3, abs=0.05)
    assert abs(np.corrcoef(logs[:, 0], logs[:, 1])[0, 1]) < 0.5
    again = observer_from(path, small_set, "00", "02")
    assert again.thresholds == people[0]
    assert again.seed != observer_from(path, small_set, "00", "01").seed


def test_given_thresholds_are_in_rms_contrast(small_set, tmp_path):
    path = tmp_path / "given.yaml"
    path.write_text("thresholds_rms: {camel: {principal: [0.01, 0.02]}}\n")
    thresholds = observer_from(str(path), small_set).thresholds
    assert thresholds == {CAMEL: pytest.approx(0.32), CAMEL._replace(distortion=2): 0.64}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: LGM", '"LGM" is neither a model .*did you mean "LGN"'),
        ("thresholds_rms: {camle: {principal: [1, 1]}}", 'did you mean "camel"'),
        ("thresholds_rms: {camel: {principle: [1, 1]}}", 'did you mean "principal"'),
        (
            "thresholds_rms: {camel: {principal: [0, 1]}}",
            "camel.principal: from 1e-06 to .*, got 0",
        ),
        ("model: LGN\nspread: 1e308", "spread: is out of range"),
        ("model: LGN\nthresholds_rms: {}", "exactly one of model, thresholds_rms"),
        ("lapse: 0.1", "exactly one of model, thresholds_rms"),
        ("model: LGN\nlapse: 0.7", "lapse: "),
        ("model: LGN\nexponant: 1", 'did you mean "exponent"'),
    ],
)
def test_bad_specifications_are_refused(small_set, tmp_path, text, message):
    path = tmp_path / "observer.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        observer_from(path, small_set)


def test_unknown_model_name_is_refused(small_set):
    with pytest.raises(InputError, match=re.escape('did you mean "LGN"')):
        observer_from("LGNN", small_set)


def test_description_says_it_is_simulated_and_how(small_set):
    text = observer_from(ObserverSpec(model="LGN", lapse=0.04), small_set).description
    assert text.startswith("simulated")
    assert "model LGN" in text
    assert "lapse 0.04" in text


def test_a_model_blind_to_a_distortion_has_no_threshold_there(small_set, monkeypatch):
    table = small_set.sensitivities()
    table.loc[table["model"].eq("LGN") & table["distortion"].eq(2), "sensitivity"] = 0.0
    monkeypatch.setattr(StimulusSet, "sensitivities", lambda self: table)
    thresholds = observer_from("LGN", small_set).thresholds
    assert np.isinf(thresholds["camel", "principal", 2])
    assert np.isfinite(thresholds["camel", "principal", 1])
