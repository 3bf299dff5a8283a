import numpy as np
import pytest
from observers import LGN
from refusals import refused

from pdpsych.common.errors import InputError
from pdpsych.experiments import SimulatedObserver, observer_from
from pdpsych.experiments.design import Condition
from pdpsych.experiments.observers import spec
from pdpsych.stimuli import StimulusSet
from pdpsych.stimuli.responses.finite_response import FiniteResponse

CAMEL = Condition("camel", "principal", 1)
EITHER = "give exactly one of model, thresholds_rms"


def test_model_observer_has_thresholds_inverse_to_its_sensitivities(small_set):
    thresholds = observer_from(LGN, small_set).thresholds
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
    path.write_text("model: LGN\nlocal: true\nspread: 0.3\nlapse: 0.0\n")
    base = observer_from(LGN, small_set).thresholds
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
        ("thresholds_rms: {}\nlocal: true", {"field": "local"}),
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


def saturating(sensitivity, largest=3.0):
    """D = d α/√(1 + (d α)²) of one sign, d α of the other."""
    amplitudes = np.geomspace(1e-3, largest, 33)
    linear = sensitivity * amplitudes
    return FiniteResponse(amplitudes, np.stack([linear, linear / np.sqrt(1 + linear**2)]))


@pytest.fixture
def responses(small_set, monkeypatch):
    """Responses of LGN, which the set has not."""
    table = small_set.sensitivities().query("model == 'LGN'")
    known = {
        (row.image, row.pair, row.distortion): {"LGN": saturating(row.sensitivity)}
        for row in table.itertuples()
    }
    monkeypatch.setattr(spec, "shown_responses", lambda *_: known)
    return known


def test_a_model_sees_as_it_does_at_the_amplitudes_shown(small_set, responses):
    observer = observer_from("LGN", small_set)
    rms = np.array(list(observer.thresholds.values())) / 32
    assert np.exp(np.log(rms).mean()) == pytest.approx(0.01, rel=1e-6)
    k = observer.efficiencies[CAMEL]
    assert k * responses[CAMEL]["LGN"].mean(observer.thresholds[CAMEL]) == pytest.approx(
        1, abs=1e-4
    )
    assert set(observer.efficiencies.values()) == {k}
    local = observer_from(LGN, small_set)
    assert isinstance(local, SimulatedObserver)
    assert observer.description != local.description
    assert list(observer.known_up_to.values()) == pytest.approx([3.0] * 8)


def test_thresholds_that_are_not_reached_count_as_though_d_went_on(small_set, responses):
    responses[CAMEL] = {"LGN": saturating(0.01)}
    observer = observer_from("LGN", small_set)
    thresholds = observer.thresholds
    assert np.isinf(thresholds.pop(CAMEL))
    beyond = 3.0 / (observer.efficiencies[CAMEL] * responses[CAMEL]["LGN"].mean(3.0))
    logs = np.log([*thresholds.values(), beyond]) - np.log(32)
    assert np.exp(logs.mean()) == pytest.approx(0.01, rel=1e-6)


def test_a_set_without_responses_names_the_command_and_the_other_observer(small_set):
    with refused(field="images.camel", remedy="pdpsych respond") as told:
        observer_from("LGN", small_set)
    assert "local: true" in told.value.remedy


def test_local_observers_are_described_as_they_always_were(small_set):
    assert observer_from(LGN, small_set).description == (
        "simulated: model LGN, median_threshold_rms 0.01, exponent 1.0, lapse 0.02, bias 0.0, "
        "spread 0.0, seed 0"
    )


def test_description_says_it_is_simulated_and_how(small_set):
    text = observer_from(LGN.model_copy(update={"lapse": 0.04}), small_set).description
    assert text.startswith("simulated")
    assert "model LGN" in text
    assert "lapse 0.04" in text


def test_a_model_blind_to_a_distortion_has_no_threshold_there(small_set, monkeypatch):
    table = small_set.sensitivities()
    table.loc[table["model"].eq("LGN") & table["distortion"].eq(2), "sensitivity"] = 0.0
    monkeypatch.setattr(StimulusSet, "sensitivities", lambda self, **_: table)
    thresholds = observer_from(LGN, small_set).thresholds
    assert np.isinf(thresholds["camel", "principal", 2])
    assert np.isfinite(thresholds["camel", "principal", 1])
