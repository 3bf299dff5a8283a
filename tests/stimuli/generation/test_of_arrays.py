"""Sets of arrays whose models are asked are like any other: calibrated, shown and scored."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from refusals import refused

from pdpsych import analysis, experiments, geometry, models, stimuli
from pdpsych.displays import Display
from pdpsych.stimuli import NewImage, NewPair, StimulusSet

MODELS = ["LN", "LG", "LGN"]


def unit(rng, shape):
    noise = rng.standard_normal(shape)
    return noise / np.linalg.norm(noise)


@pytest.fixture(scope="module")
def images():
    rng, shape = np.random.default_rng(0), (1, 32, 32)
    return {
        name: NewImage(
            rng.uniform(0.3, 0.7, shape),
            {pair: NewPair(unit(rng, shape), unit(rng, shape)) for pair in ("one", "two")},
            encoding=encoding,
        )
        for name, encoding in (("a", "srgb"), ("b", "linear"))
    }


@pytest.fixture(scope="module")
def study(images, tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    made = StimulusSet.create(root / "stimuli/sets/mine", images, models=MODELS, floor=0.02)
    stimuli.calibrate(made, Display(curve=2.2), models=True)
    for file, text in {
        "experiments/mine.yaml": "stimulus_set: ../stimuli/sets/mine\n"
        "display: {curve: 2.2}\ntrials_per_condition: 20\n",
        "analysis/mine.yaml": "experiment: ../experiments/mine.yaml\nsamples: 200\n",
    }.items():
        (root / file).parent.mkdir()
        (root / file).write_text(text)
    return root


def test_what_models_see_is_that_of_geometry(study, images):
    opened = StimulusSet.open(study / "stimuli/sets/mine")
    assert opened.models == tuple(MODELS)
    assert [record.name for record in opened.manifest.representations] == MODELS
    for image in opened:
        loaded = models.load(MODELS, encoding=image.encoding)
        for pair in image:
            both = np.stack([pair.u, pair.v])
            base = torch.tensor(image.base)
            for model in loaded:
                wanted = geometry.sensitivity(model, base, torch.tensor(both), floor=0.02)
                np.testing.assert_allclose(pair.sensitivities[model.name], wanted, rtol=1e-4)
    found = opened.finite_responses()
    assert len(found) == 8
    curve = found["a", "one", 1]["LG"]
    smallest = curve.amplitudes[0]
    sensitivity = opened["a"]["one"].sensitivities["LG"][0]
    assert curve.mean(smallest) == pytest.approx(sensitivity * smallest, rel=1e-2)
    assert opened.manifest.images[0].derivatives.keys() == set(MODELS)


def test_it_is_calibrated_run_and_scored(study):
    opened = StimulusSet.open(study / "stimuli/sets/mine")
    (calibration,) = stimuli.Calibration.all_of(opened)
    assert calibration.has_sensitivities
    assert calibration.has_finite_responses(opened)
    experiments.run(study / "experiments/mine.yaml", "01", observer="LG")
    scores = analysis.score(study)
    assert scores.deciding["model"].iloc[0] == "LG"
    assert set(scores.predictive_ranking["kind"]) == {"handmade"}


def test_responses_that_were_lost_are_found_again(images, tmp_path):
    made = StimulusSet.create(tmp_path / "mine", {"a": images["a"]}, models=MODELS)
    before = (made.path / "responses/a.json").read_text()
    (made.path / "responses/a.json").unlink()
    stimuli.add_finite_responses(made)
    assert (made.path / "responses/a.json").read_text() == before
    manifest = made.path / "manifest.json"
    data = json.loads(manifest.read_text())
    data["recipe"]["models"] = ["python:mine:net/0"]
    manifest.write_text(json.dumps(data))
    (made.path / "responses/a.json").unlink()
    with refused(field="models", value="python:mine:net", remedy="--trust-code"):
        stimuli.add_finite_responses(made.path)


def test_representations_are_asked_as_they_are(images, tmp_path):
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.Softplus())
    own = models.from_module(net, ["1"], name="net")
    made = StimulusSet.create(tmp_path / "mine", {"a": images["a"]}, models=["LN", *own])
    assert made.models == ("LN", "net/1")
    assert made.has_finite_responses
    with refused(field="models"):
        stimuli.calibrate(made, Display(), models=True)


def test_what_cannot_be_asked_is_refused_and_nothing_is_left(images, tmp_path):
    a = images["a"]
    with refused(field="models", value="LM"):
        StimulusSet.create(tmp_path / "mine", {"a": a}, models=["LM"])
    brought = {"one": NewPair(a.pairs["one"].u, a.pairs["one"].v, {"LN": (1.0, 2.0)})}
    with refused(field="sensitivities", remedy="leave sensitivities out"):
        StimulusSet.create(tmp_path / "mine", {"a": NewImage(a.base, brought)}, models=["LN"])
    with refused(field="models"):
        StimulusSet.create(tmp_path / "mine", {"a": a}, models=["LN", "LN"])
    assert not list(tmp_path.iterdir())
