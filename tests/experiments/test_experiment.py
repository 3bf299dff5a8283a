import json
import re
from pathlib import Path

import pytest
import yaml

from pdpsych.common.errors import InputError
from pdpsych.common.section import load
from pdpsych.displays.display import Display
from pdpsych.experiments.experiment import Experiment

STUDY = Path(__file__).parents[2] / "experiments"


def test_display_inline_and_in_a_file_are_the_same(write_experiment, tmp_path):
    (tmp_path / "displays").mkdir()
    (tmp_path / "displays" / "lab.yaml").write_text("curve: 2.2\nbit_depth: 10\n")
    named = load(write_experiment("named", display="displays/lab.yaml"), Experiment)
    inline = load(write_experiment("inline", display={"curve": 2.2, "bit_depth": 10}), Experiment)
    expected = Display(curve=2.2, bit_depth=10).model_dump(mode="json")
    assert named.resolved()["display"] == inline.resolved()["display"] == expected


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
    assert named.resolved()["display"]["curve"]["grey"]["gamma"] == pytest.approx(2.2, abs=0.01)
    with pytest.raises(InputError, match=r"lab\.csv: no such file"):
        experiment.resolved()
    (tmp_path / "displays" / "lab.csv").rename(tmp_path / "lab.csv")
    assert experiment.resolved()["display"]["curve"]["grey"]["gamma"] == pytest.approx(
        2.2, abs=0.01
    )


def test_logs_are_beside_the_file(write_experiment, tmp_path):
    assert load(write_experiment("early"), Experiment).logs == tmp_path / "data" / "early"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"trials_per_conditon": 3}, 'did you mean "trials_per_condition"?'),
        ({"display": {"curv": 2.2}}, 'display.curv: unknown key, got "curv"; did you mean "curve"?'),
        ({"display": {"bit_depth": 9}}, "display.bit_depth: "),
        ({"timing": {"image": 0}}, "timing.image: "),
        ({"timing": {"fixaton": 3}}, 'did you mean "fixation"?'),
        ({"keys": {"first": "a", "second": "a"}}, "keys: four different keys"),
        ({"images": []}, "images: "),
        ({"images": ["camel", "camel"]}, "images: each name once"),
        ({"easy_share": 0.9}, "easy_share: "),
        ({"task": "yes-no"}, "task: is none of what is allowed, got \"yes-no\"; allowed: two-interval, spatial"),
        ({"task": "two-intervall"}, 'task: is none of what is allowed, got "two-intervall"; did you mean "two-interval"?'),
        ({"method": {"kind": "stairs"}}, 'method: kind: "stairs"; did you mean "staircase"?'),
        ({"method": "adaptive"}, "method: a mapping with kind: adaptive, staircase, constant"),
        ({"method": {"sdd": 1}}, 'method.sdd: unknown key, got "sdd"; did you mean "sd"?'),
        ({"method": {"kind": "staircase", "down": 0}}, "method.down: "),
        ({"method": {"kind": "staircase", "steps": [1, 0]}}, "method.steps[1]: "),
        ({"method": {"kind": "staircase", "levels_rms": [0.1]}}, "method.levels_rms: unknown key"),
        (
            {"method": {"kind": "constant", "levels_rms": [0.1], "range_rms": [0.1, 0.2]}},
            "method: give one of levels_rms, range_rms",
        ),
        (
            {"method": {"kind": "constant", "range_rms": [0.2, 0.1]}},
            "method: range_rms: the smaller contrast first",
        ),
        (
            {"method": {"kind": "constant", "levels_rms": [0.1, 0.1]}},
            "method: levels_rms: each level once",
        ),
        ({"method": {"lapses": [0.02]}}, "method.lapses: a mapping of values to their weights"),
        ({"method": {"exponents": {1: 0}}}, "method.exponents"),
        ({"instructions": {"brake": ""}}, 'instructions.brake: unknown key, got "brake"'),
        ({"instructions": {"rest": "{don}"}}, "instructions: rest: {don} cannot be filled in"),
        ({"feedback": "some"}, "feedback: "),
        ({"consent": ""}, "consent: "),
        ({"groups": 0}, "groups: "),
        ({"placement": {"sd": 1}}, 'placement: unknown key, got "placement"'),
    ],
)
def test_bad_fields_are_named(write_experiment, fields, message):
    path = write_experiment(**fields)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        load(path, Experiment)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"images": ["camle"]}, 'images: "camle" is not in .*did you mean "camel"'),
        ({"pairs": ["random-2"]}, 'pairs: "random-2" is not in .*did you mean "random-1"'),
        (
            {"leave_out": ["camel/principal/3"]},
            'leave_out: "camel/principal/3" is not in .*did you mean "camel/principal/2"',
        ),
        ({"groups": 3}, "groups: 3 groups, but 2 images to share"),
    ],
)
def test_names_the_set_does_not_have_are_refused(write_experiment, fields, message):
    with pytest.raises(InputError, match=message):
        load(write_experiment(**fields), Experiment).open_set()


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
        resolved = load(write_experiment(**fields), Experiment).resolved()
        again = Experiment.model_validate(json.loads(json.dumps(resolved)))
        assert again.resolved() == resolved
        assert resolved["instructions"]["welcome"].startswith("Each trial")


@pytest.mark.parametrize(
    ("feedback", "practice", "main"),
    [("none", False, False), ("practice", True, False), ("all", True, True)],
)
def test_feedback_is_given_where_the_experiment_says(feedback, practice, main):
    experiment = Experiment(stimulus_set="set", display={}, feedback=feedback)
    assert experiment.gives_feedback(practice=True) == practice
    assert experiment.gives_feedback(practice=False) == main
