"""The script and the recipes it is for, from YAML to figure, with random weights."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from pdpsych.analysis import layer_ratios
from pdpsych.common.section import load
from pdpsych.stimuli import StimulusSet, generate
from pdpsych.stimuli.recipe import Recipe

ROOT = Path(__file__).parents[2]
RECIPES = ("dnn-shape-bias", "dnn-adversarial")
ALTERED = {"dnn-shape-bias": "Stylized ImageNet", "dnn-adversarial": "adversarial"}


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("figure2", ROOT / "analysis" / "figure2.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def figure2(script, monkeypatch):
    """Return a function that runs the script with arguments."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["figure2.py", *map(str, arguments)])
        script.main()

    return run


def small(name, folder, architectures, distortions, images):
    """Write a recipe of the study with random weights, images of 64 pixels, less to do."""
    recipe = yaml.safe_load((ROOT / "stimuli" / f"{name}.yaml").read_text())
    recipe["models"] = [m for m in recipe["models"] if m["name"] in architectures]
    for model in recipe["models"]:
        model["weights"] = "random" if model["weights"] == "IMAGENET1K_V1" else "random-1"
    recipe["images"] = [{"sample": image} for image in images]
    recipe["preprocess"] |= {"resize": 72, "size": 64}
    recipe["distortions"] = [
        d | distortions[d["kind"]]
        for d in recipe["distortions"]
        if d["kind"] in distortions
        # One architecture is no two groups.
        and (d.get("separate") != "architecture" or len(architectures) > 1)
    ]
    recipe["linearity"] = None
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_name_26_layers_of_two_architectures_in_two_trainings(name):
    recipe = load(ROOT / "stimuli" / f"{name}.yaml", Recipe)
    labels = {(m.name, m.training, len(m.layers)) for m in recipe.models}
    trainings = ("ImageNet", ALTERED[name])
    assert labels == {(a, t, n) for a, n in (("alexnet", 7), ("resnet50", 6)) for t in trainings}
    assert sum(len(m.layers) for m in recipe.models) == 26
    for model in recipe.models:
        assert (model.weights == "IMAGENET1K_V1") == (model.training == "ImageNet")
    names = [name for d in recipe.distortions for name in d.names]
    assert names == ["principal", "principal-training", "principal-architecture", "random-1"]
    assert recipe.preprocess.size == 224
    assert (recipe.preprocess.resize, recipe.preprocess.colour) == (256, "rgb")


@pytest.mark.parametrize("name", RECIPES)
def test_the_weights_of_the_recipes_are_known(name):
    from pdpsych.models.sources.catalogue import find

    for model in load(ROOT / "stimuli" / f"{name}.yaml", Recipe).models:
        assert find(model.name, model.weights).architecture == model.name


def test_from_recipe_to_figure(tmp_path, figure2, capsys):
    wanted = {"principal": {"iterations": 2}}
    recipe = small("dnn-shape-bias", tmp_path, ["alexnet"], wanted, ["coffee"])
    # Without its fully connected layers, which are nearly all of its weights.
    plain = yaml.safe_load(recipe.read_text())
    for model in plain["models"]:
        model["layers"] = [layer for layer in model["layers"] if layer.startswith("features")]
    recipe.write_text(yaml.safe_dump(plain))
    made = generate(recipe, out=tmp_path / "set")
    separated = made["coffee"]["principal-training"].question
    assert {group: len(layers) for group, layers in separated.groups.items()} == {
        "ImageNet": 5,
        "Stylized ImageNet": 5,
    }
    figure2(made.path, "--pair", "principal-training", "--out", tmp_path / "out")
    assert "10 layers on the principal-training distortions" in capsys.readouterr().out
    figure2(made.path, "--out", tmp_path / "out")
    said = capsys.readouterr().out
    assert "10 layers on the principal distortions" in said
    assert "training explains " in said
    assert "All layers have the same architecture (alexnet)" in said
    layers = pd.read_csv(tmp_path / "out" / "layers.csv")
    assert layers["training"].value_counts().tolist() == [5, 5]
    for _, rows in layers.groupby("network"):
        assert rows["depth"].tolist() == pytest.approx(np.linspace(0, 1, 5))
    ratios = made.log_ratios()
    own = ratios[ratios["pair"] == "principal"].set_index("model")["log_ratio"]
    means = layers.set_index("name")["log_ratio"][own.index]
    assert any(np.allclose(means, sign * own) for sign in (1, -1))


def test_all_layers_of_a_recipe_reach_the_figure(tmp_path, figure2, capsys):
    names = ["alexnet", "resnet50"]
    recipe = small("dnn-adversarial", tmp_path, names, {"random": {}}, ["astronaut"])
    made = generate(recipe, out=tmp_path / "set")
    assert len(made.models) == 26
    figure2(made.path, "--pair", "random-1", "--out", tmp_path / "out")
    said = capsys.readouterr().out
    assert "26 layers on the random-1 distortions" in said
    for factor in ("architecture", "training", "depth"):
        assert f"{factor} explains " in said
    layers = pd.read_csv(tmp_path / "out" / "layers.csv")
    assert layers["layer"].tolist() == [layer.rpartition("/")[2] for layer in made.models]
    assert set(layers["training"]) == {"ImageNet", "adversarial"}
    # The two noises of a pair are alike to every layer.
    assert layers["log_ratio"].abs().max() < 1


@pytest.fixture
def layer_set(layer_table, write_layer_set):
    """A set with 3 images on which training makes the difference."""
    layers = layer_table()
    sign = np.where(layers["training"] == "ImageNet", 1.0, -1.0)[:, None]
    noise = np.random.default_rng(0).normal(size=(26, 3))
    return write_layer_set(layers, sign + 0.1 * noise)


def test_tables_figures_and_conclusion_are_written(layer_set, figure2, tmp_path, capsys):
    figure2(layer_set, "--out", tmp_path / "out")
    out = tmp_path / "out"
    files = {f"{stem}.{end}" for stem in ("figure2", "examples") for end in ("png", "pdf")}
    files |= {f"{stem}.{end}" for stem in ("layers", "variance") for end in ("csv", "json")}
    assert {path.name for path in out.iterdir()} == files
    for picture in out.glob("*.png"):
        assert np.asarray(Image.open(picture)).std() > 5
    shares = pd.read_csv(out / "variance.csv").set_index("factor")["share"]
    assert shares["training"] > 0.95
    assert set(json.loads((out / "variance.json").read_text())) >= {"share", "chance"}
    said = capsys.readouterr().out
    assert f"training explains {100 * shares['training']:.0f} %" in said
    assert str(out) in said


def test_random_pairs_can_be_drawn_too(layer_set, figure2, tmp_path, capsys):
    figure2(layer_set, "--pair", "random-1", "--out", tmp_path / "out")
    assert "on the random-1 distortions" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such stimulus set"),
        (["SET", "--pair", "principl"], 'did you mean "principal"'),
    ],
)
def test_what_cannot_be_drawn_is_said_without_traceback(
    layer_set, figure2, capsys, tmp_path, arguments, message
):
    given = [layer_set if a == "SET" else a for a in arguments]
    with pytest.raises(SystemExit) as stopped:
        figure2(*given, "--out", tmp_path / "out")
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_set_keeps_what_the_recipe_says_of_its_networks(layer_set):
    records = StimulusSet.open(layer_set).manifest.representations
    assert {r.training for r in records} == {"ImageNet", "Stylized ImageNet"}


def test_examples_show_u_and_v_as_the_layers_are_turned(script, layer_table, write_layer_set):
    values = np.random.default_rng(0).normal(size=(26, 1)) * [1, -1, 1, 1]
    opened = StimulusSet.open(write_layer_set(layer_table(), values))
    ratios = layer_ratios(opened)
    title = "principal distortions, mean over 4 images, pairs turned alike"
    assert script.title(ratios, "principal") == title
    figure = script.example_figure(opened, ratios, "principal", count=2, rms=0.02)
    assert len(figure.axes) == 2
    for ax, image, sign in zip(figure.axes, ratios.images, ratios.signs, strict=False):
        base, u, _, with_u, _ = (picture.get_array() for picture in ax.images)
        assert base.shape == (16, 16, 3)
        shown = opened[image]["principal"].distortion(1 if sign > 0 else 2)
        changed = opened[image].base + 0.02 * np.sqrt(3 * 16 * 16) * shown
        np.testing.assert_allclose(with_u, np.moveaxis(np.clip(changed, 0, 1), 0, 2), atol=1e-6)
        # Around mid grey.
        small = np.moveaxis(np.abs(shown) < np.quantile(np.abs(shown), 0.9), 0, 2)
        straight = np.corrcoef(u[small] - 0.5, np.moveaxis(shown, 0, 2)[small])
        assert straight[0, 1] > 0.999
    assert ratios.signs[0] != ratios.signs[1]
