import numpy as np
import pytest
from refusals import refused

from pdpsych.common.errors import InputError
from pdpsych.experiments import ObserverSpec, observer_from
from pdpsych.experiments.design import Condition
from pdpsych.stimuli import StimulusSet

CAMEL = Condition("camel", "principal", 1)
EITHER = "give exactly one of model, thresholds_rms"


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
    again = observer_from(path, small_set, "00", session="02")
    assert again.thresholds == people[0]
    assert again.seed != observer_from(path, small_set, "00", session="01").seed


def test_given_thresholds_are_in_rms_contrast(small_set, tmp_path):
    path = tmp_path / "given.yaml"
    path.write_text("thresholds_rms: {camel: {principal: [0.01, 0.02]}}\n")
    thresholds = observer_from(str(path), small_set).thresholds
    assert thresholds == {CAMEL: pytest.approx(0.32), CAMEL._replace(distortion=2): 0.64}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model: LGM", {"field": "model", "value": "LGM", "allowed": "LGN"}),
        (
            "thresholds_rms: {camel: {principal: [0, 1]}}",
            {"field": "thresholds_rms.camel.principal[0]", "value": 0, "allowed": "1e-06 to"},
        ),
        ("model: LGN\nspread: 1e308", {"field": "spread", "value": 1e308}),
        ("model: LGN\nthresholds_rms: {}", {"problem": EITHER}),
        ("lapse: 0.1", {"problem": EITHER}),
        ("model: LGN\nlapse: 0.7", {"field": "lapse", "value": 0.7}),
        ("model: LGN\nexponant: 1", {"field": "exponant", "allowed": "exponent"}),
    ],
)
def test_bad_specifications_are_refused(small_set, tmp_path, text, told):
    path = tmp_path / "observer.yaml"
    path.write_text(text)
    with refused(file=path, **told):
        observer_from(path, small_set)


@pytest.mark.parametrize(
    ("text", "name"),
    [("{camle: {principal: [1, 1]}}", "camel"), ("{camel: {principle: [1, 1]}}", "principal")],
)
def test_names_that_the_set_does_not_have_are_refused(small_set, tmp_path, text, name):
    path = tmp_path / "observer.yaml"
    path.write_text(f"thresholds_rms: {text}")
    with pytest.raises(InputError) as told:
        observer_from(path, small_set)
    assert f'did you mean "{name}"' in str(told.value)


def test_unknown_model_name_is_refused(small_set):
    with refused(field="observer", value="LGNN", allowed="LGN"):
        observer_from("LGNN", small_set)


def test_description_says_it_is_simulated_and_how(small_set):
    text = observer_from(ObserverSpec(model="LGN", lapse=0.04), small_set).description
    assert text.startswith("simulated")
    assert "model LGN" in text
    assert "lapse 0.04" in text


def test_a_model_blind_to_a_distortion_has_no_threshold_there(small_set, monkeypatch):
    table = small_set.sensitivities()
    table.loc[table["model"].eq("LGN") & table["distortion"].eq(2), "sensitivity"] = 0.0
    monkeypatch.setattr(StimulusSet, "sensitivities", lambda self, **_: table)
    thresholds = observer_from("LGN", small_set).thresholds
    assert np.isinf(thresholds["camel", "principal", 2])
    assert np.isfinite(thresholds["camel", "principal", 1])
