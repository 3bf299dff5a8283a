"""The study of deep networks, from init to the reports, with small networks of random weights."""

from __future__ import annotations

import pytest
import yaml
from refusals import problem_of, refused
from typer.testing import CliRunner

from pdpsych import analysis, experiments, stimuli, studies
from pdpsych.cli.main import app
from pdpsych.common.errors import InputError
from pdpsych.common.section import load

NAMES = ("dnn-adversarial", "dnn-shape-bias")


def _change(path, **fields):
    """Change fields of a file as somebody would who writes them anew."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(data | fields), encoding="utf-8")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a new study, made smaller: two networks of four layers, images of 32 pixels."""
    root = studies.init(tmp_path_factory.mktemp("deep") / "study", template="deep-networks").parent
    for name in NAMES:
        models = [
            {
                "source": "torchvision",
                "name": "squeezenet1_1",
                "weights": weights,
                "label": training,
                "training": training,
                "layers": ["features.1", "features.4"],
            }
            for weights, training in (("random", "usual"), ("random-1", "other"))
        ]
        _change(
            root / "stimuli" / f"{name}.yaml",
            images=[{"sample": "astronaut"}, {"sample": "coffee"}],
            preprocess={"size": 32, "colour": "rgb", "range": [0.05, 0.95]},
            models=models,
            distortions=[{"kind": "principal", "iterations": 1}, {"kind": "random"}],
        )
        _change(root / "experiments" / f"{name}.yaml", trials_per_condition=10)
        _change(root / "analysis" / f"{name}.yaml", samples=200)
    return root


def _run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def _steps(root):
    found = studies.check(root)
    assert found.problems == found.outdated == ()
    return [step.command.replace(f"{root}/", "") for step in found.steps]


def test_each_comparison_has_a_recipe_an_experiment_and_an_analysis_that_fit(study):
    for name in NAMES:
        opened = load(study / "analysis" / f"{name}.yaml", analysis.Analysis)
        experiment = opened.open_experiment()
        assert experiment.stem == name
        wanted = experiment.resolve(experiment.stimulus_set).resolve()
        assert wanted == study.resolve() / "stimuli" / "sets" / name
        assert not opened.has_data


def test_from_init_to_the_reports(study):
    assert _steps(study) == [f"pdpsych generate stimuli/{name}.yaml" for name in NAMES]
    ended = _run("score", study)
    assert isinstance(problem_of(ended), InputError)
    assert "nobody took part in any experiment of its analyses yet" in str(problem_of(ended))
    with refused(file=study):
        analysis.fit(study)

    for name in NAMES:
        assert len(stimuli.generate(study / "stimuli" / f"{name}.yaml").models) == 4
    experiments.run(study / "experiments" / f"{NAMES[1]}.yaml", "01", observer="usual/features.4")
    assert f"pdpsych score analysis/{NAMES[1]}.yaml" in _steps(study)

    ended = _run("score", study)
    assert ended.exception is None, ended.output
    assert f"{NAMES[0]}: no sessions yet" in ended.output
    assert f"report: {study}/analysis/results/{NAMES[1]}/report.html" in ended.output
    assert not (study / "analysis" / "results" / NAMES[0]).exists()

    experiments.run(study / "experiments" / f"{NAMES[0]}.yaml", "01", observer="other/features.1")
    ended = _run("fit", study)
    assert ended.exception is None, ended.output
    for name in NAMES:
        assert (study / "analysis" / "results" / name / "fit.json").is_file()
    text = studies.status(study).describe()
    assert "fitted  not scored" in text
    assert "fitted  scored" in text
    assert text.count("1, 1 simulated") == 2
