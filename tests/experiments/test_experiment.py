import json
from pathlib import Path

import pytest
import yaml
from refusals import refused

from pdpsych.common.section import load
from pdpsych.displays.display import Display
from pdpsych.experiments.experiment import Experiment

STUDY = Path(__file__).parents[2] / "experiments"


def resolved(experiment: Experiment) -> dict:
    return experiment.resolved(experiment.screen())


def test_display_inline_and_in_a_file_are_the_same(write_experiment, tmp_path):
    (tmp_path / "displays").mkdir()
    (tmp_path / "displays" / "lab.yaml").write_text("curve: 2.2\nbit_depth: 10\n")
    named = load(write_experiment("named", display="displays/lab.yaml"), Experiment)
    inline = load(write_experiment("inline", display={"curve": 2.2, "bit_depth": 10}), Experiment)
    expected = Display(curve=2.2, bit_depth=10).model_dump(mode="json")
    assert resolved(named)["display"] == resolved(inline)["display"] == expected


def test_an_inline_display_finds_its_measurements_beside_the_experiment(write_experiment, tmp_path):
    rows = [f"{x},{0.3 + 100 * (x / 255) ** 2.2:.3f}" for x in range(0, 256, 15)]
    (tmp_path / "lab.csv").write_text("\n".join(["level,luminance", *rows]))
    curve = {"measurements": "lab.csv", "model": "power-1"}
    experiment = load(write_experiment("measured", display={"curve": curve}), Experiment)
    (tmp_path / "displays").mkdir()
    (tmp_path / "lab.csv").rename(tmp_path / "displays" / "lab.csv")
    (tmp_path / "displays" / "lab.yaml").write_text(
        "curve: {measurements: lab.csv, model: power-1}"
    )
    named = load(write_experiment("named", display="displays/lab.yaml"), Experiment)
    assert resolved(named)["display"]["curve"]["grey"]["gamma"] == pytest.approx(2.2, abs=0.01)
    with refused(file="lab.csv"):
        resolved(experiment)
    (tmp_path / "displays" / "lab.csv").rename(tmp_path / "lab.csv")
    curve = resolved(experiment)["display"]["curve"]
    assert curve["grey"]["gamma"] == pytest.approx(2.2, abs=0.01)


def test_sessions_of_before_there_were_earlier_logs_and_priors_of_models_go_on(write_experiment):
    for kind, own in (("adaptive", "prior"), ("models", "after")):
        plain = load(write_experiment("plain", method={"kind": kind}), Experiment)
        assert own not in resolved(plain)["method"]
        assert resolved(plain)["method"].keys() >= {"kind", "threshold_rms", "sd"}
    given = load(write_experiment("given", method={"kind": "models", "after": ["a"]}), Experiment)
    assert resolved(given)["method"]["after"] == ["a"]


def test_logs_are_beside_the_file(write_experiment, tmp_path):
    assert load(write_experiment("early"), Experiment).logs == tmp_path / "data" / "early"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"trials_per_conditon": 3}, {"allowed": "trials_per_condition"}),
        ({"display": {"curv": 2.2}}, {"field": "display.curv", "allowed": "curve"}),
        ({"display": {"bit_depth": 9}}, {"field": "display.bit_depth", "value": 9}),
        ({"timing": {"image": 0}}, {"field": "timing.image", "value": 0, "allowed": "above 0"}),
        ({"timing": {"image": 0.25}}, {"field": "timing.image", "remedy": "did you mean 250?"}),
        ({"timing": {"fixaton": 3}}, {"field": "timing.fixaton", "allowed": "fixation"}),
        ({"timing": {"blank": "500"}}, {"field": "timing.blank", "value": "500"}),
        (
            {"keys": {"first": "a", "second": "a"}},
            {"value": "a, a, escape, space"},
        ),
        ({"images": []}, {"field": "images"}),
        ({"images": ["camel", "camel"]}, {"field": "images", "value": ["camel", "camel"]}),
        ({"easy_share": 0.9}, {"field": "easy_share", "value": 0.9, "allowed": "at most 0.5"}),
        ({"task": "yes-no"}, {"field": "task", "value": "yes-no", "allowed": "spatial"}),
        ({"method": {"kind": "stairs"}}, {"field": "method.kind", "allowed": "staircase"}),
        ({"method": "adaptive"}, {"field": "method", "value": "adaptive", "allowed": "constant"}),
        ({"method": {"sdd": 1}}, {"field": "method.sdd", "allowed": "sd"}),
        ({"method": {"kind": "staircase", "down": 0}}, {"field": "method.down", "value": 0}),
        ({"method": {"kind": "staircase", "steps": [1, 0]}}, {"field": "method.steps[1]"}),
        (
            {"method": {"kind": "staircase", "levels_rms": [0.1]}},
            {"field": "method.levels_rms", "problem": "unknown key"},
        ),
        (
            {"method": {"kind": "constant", "levels_rms": [0.1], "range_rms": [0.1, 0.2]}},
            {"field": "method", "problem": "give one of levels_rms, range_rms"},
        ),
        (
            {"method": {"kind": "constant", "range_rms": [0.2, 0.1]}},
            {"field": "method.range_rms", "value": (0.2, 0.1)},
        ),
        (
            {"method": {"kind": "constant", "levels_rms": [0.1, 0.1]}},
            {"field": "method.levels_rms", "value": (0.1, 0.1)},
        ),
        ({"method": {"lapses": [0.02]}}, {"field": "method.lapses", "value": [0.02]}),
        ({"method": {"exponents": {1: 0}}}, {"value": 0}),
        ({"instructions": {"brake": ""}}, {"field": "instructions.brake"}),
        ({"instructions": {"rest": "{don}"}}, {"field": "instructions.rest", "allowed": "done"}),
        ({"feedback": "some"}, {"field": "feedback", "value": "some", "allowed": "practice"}),
        ({"consent": ""}, {"field": "consent"}),
        ({"groups": 0}, {"field": "groups", "value": 0}),
        ({"seed": "010"}, {"field": "seed", "value": "010"}),
        ({"placement": {"sd": 1}}, {"field": "placement"}),
    ],
)
def test_bad_fields_are_named(write_experiment, fields, told):
    path = write_experiment(**fields)
    with refused(file=path, **told) as caught:
        load(path, Experiment)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) == 1
    assert caught.value.line is not None


@pytest.mark.parametrize(
    ("field", "names", "wrong", "allowed"),
    [
        ("images", ["camle"], "camle", "camel"),
        ("pairs", ["random-1", "random-2"], "random-2", "principal"),
        ("leave_out", ["camel/principal/3"], "camel/principal/3", "camel/principal/2"),
        ("groups", 3, 3, "at most one group for each image"),
    ],
)
def test_names_the_set_does_not_have_are_refused(write_experiment, field, names, wrong, allowed):
    path = write_experiment(**{field: names})
    with refused(file=path, field=field, value=wrong, allowed=allowed):
        load(path, Experiment).open_set()


def test_number_keys_need_no_quotes(write_experiment):
    keys = load(write_experiment(keys={"first": 3, "second": 4}), Experiment).keys
    assert (keys.first, keys.second) == ("3", "4")


def test_reference_experiment_is_valid():
    experiment = load(STUDY / "early-vision.yaml", Experiment)
    assert experiment.screen().bit_depth == 8
    assert experiment.resolve(experiment.stimulus_set).parts[-3:] == (
        "stimuli",
        "sets",
        "early-vision",
    )
    text = yaml.safe_load((STUDY / "early-vision.yaml").read_text())
    assert text.keys() <= Experiment.model_fields.keys()


def test_the_configuration_is_read_back_as_it_was(write_experiment):
    methods = [
        {},
        {"exponents": {0.7: 1, 1.0: 2}, "lapses": {0.0: 1}},
        {"kind": "staircase", "steps": [0.5, 0.25]},
        {"kind": "constant", "levels_rms": [0.01, 0.02]},
    ]
    for method in methods:
        fields = {"method": method, "task": "spatial", "consent": "I agree."}
        plain = resolved(load(write_experiment(**fields), Experiment))
        again = Experiment.model_validate(json.loads(json.dumps(plain)))
        assert resolved(again) == plain
        assert plain["instructions"]["welcome"].startswith("Each trial")


@pytest.mark.parametrize(
    ("feedback", "practice", "main"),
    [("none", False, False), ("practice", True, False), ("all", True, True)],
)
def test_feedback_is_given_where_the_experiment_says(feedback, practice, main):
    experiment = Experiment(stimulus_set="set", display={}, feedback=feedback)
    assert experiment.gives_feedback(practice=True) == practice
    assert experiment.gives_feedback(practice=False) == main
