from __future__ import annotations

import json

import pytest

from pdpsych.common.errors import InputError
from pdpsych.common.section import dump, load, validate
from pdpsych.stimuli import Recipe

HEAD = "images: [{sample: cat}]\n"
MODELS = """
models:
  - LN
  - torchvision:alexnet@random/features.1
  - source: file
    name: resnet50
    weights: weights/mine.pt
    label: mine
    training: my images
    layers: [layer1, layer4]
    noise: poisson
    preprocess: {size: 96, mean: [0.5], std: [0.5], encoding: linear}
"""
NAMES = ("LN", "torchvision:alexnet@random/features.1", "mine/layer1", "mine/layer4")


def _recipe(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return load(path, Recipe)


def test_models_may_be_names_addresses_and_mappings(tmp_path):
    recipe = _recipe(tmp_path, MODELS)
    assert recipe.representation_names == NAMES
    dump(recipe, tmp_path / "again.yaml")
    assert load(tmp_path / "again.yaml", Recipe).models == recipe.models
    resolved = json.loads(json.dumps(recipe.model_dump(mode="json")))
    assert validate(resolved, Recipe, "manifest").model_dump() == recipe.model_dump()


def test_distortions_name_representations(tmp_path):
    text = MODELS + "distortions: [{kind: eigen, model: mine/layer4}]\n"
    assert _recipe(tmp_path, text).distortions[0].model == "mine/layer4"
    text = MODELS + "distortions: [{kind: generalised, models: [LN, mine/layer2]}]\n"
    with pytest.raises(
        InputError, match='model "mine/layer2" is not among models; did you mean "mi'
    ):
        _recipe(tmp_path, text)


def test_one_network_of_two_layers_is_enough(tmp_path):
    recipe = _recipe(tmp_path, "models: [{source: timm, name: a, layers: [x, y]}]\n")
    assert recipe.representation_names == ("timm:a/x", "timm:a/y")


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ("[LN]", "recipe.yaml: line 2: models: at least 2 representations"),
        ("[{source: timm, name: a, layers: [x]}]", "models: at least 2 representations"),
        ("[LN, LGM]", 'models: unknown model "LGM"; did you mean "LG'),
        ("[LN, timmm:a/b]", 'models: "timmm:a": unknown source; did you mean "timm"?'),
        ("[LN, timm:a/b, timm:a/b]", '"timm:a/b" occurs twice'),
        ("[LN, {source: tim, name: a, layers: [x]}]", 'models[1].source: is none of what is allowed, got "tim"; did you mean "timm"?'),
        ("[LN, {source: timm, name: a}]", "models[1].layers: field required"),
        (
            "[LN, {source: timm, name: a, layers: [x], lable: b}]",
            'models[1].lable: unknown key, got "lable"; did you mean "label"?',
        ),
        (
            "[LN, {source: timm, name: a, layers: [x], preprocess: {sise: 3}}]",
            'models[1].preprocess.sise: unknown key, got "sise"; did you mean "size"?',
        ),
        ("[LN, 3]", "models[1]: is of another type, got 3"),
    ],
)
def test_what_is_wrong_with_a_model_is_named_by_its_key(models, message, tmp_path):
    with pytest.raises(InputError) as caught:
        _recipe(tmp_path, f"models: {models}\n")
    assert message in str(caught.value)


def test_images_may_be_as_small_as_digits(tmp_path):
    assert _recipe(tmp_path, "models: [LN, LG]\npreprocess: {size: 8}\n").preprocess.size == 8
    with pytest.raises(InputError, match=r"preprocess.size: at least 8 pixels"):
        _recipe(tmp_path, "models: [LN, LG]\npreprocess: {size: 7}\n")


@pytest.mark.parametrize(
    ("distortions", "what"),
    [
        ("[{kind: random}, {kind: random, pairs: 2}]", "random"),
        ("[{kind: principal}, {kind: principal, iterations: 2}]", "principal"),
        ("[{kind: eigen, model: LN}, {kind: eigen, model: LN}]", "eigen LN"),
    ],
)
def test_pairs_that_would_have_one_name_are_refused(tmp_path, distortions, what):
    with pytest.raises(InputError, match=f"distortions: {what}: each kind, with its models, once"):
        _recipe(tmp_path, f"models: [LN, LG]\ndistortions: {distortions}\n")
    several = "[{kind: eigen, model: LN}, {kind: eigen, model: LG}]"
    assert len(_recipe(tmp_path, f"models: [LN, LG]\ndistortions: {several}\n").distortions) == 2
