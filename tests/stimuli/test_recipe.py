from __future__ import annotations

import json

import pytest
from refusals import refused

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
    with refused(field="distortions", value="mine/layer2", allowed="mine/layer4"):
        _recipe(tmp_path, text)


def test_one_network_of_two_layers_is_enough(tmp_path):
    recipe = _recipe(tmp_path, "models: [{source: timm, name: a, layers: [x, y]}]\n")
    assert recipe.representation_names == ("timm:a/x", "timm:a/y")


@pytest.mark.parametrize(
    ("models", "field"),
    [
        ("[LN]", "models"),
        ("[{source: timm, name: a, layers: [x]}]", "models"),
        ("[LN, LGM]", "models"),
        ("[LN, timmm:a/b]", "models"),
        ("[LN, timm:a/b, timm:a/b]", "models"),
        ("[LN, {source: tim, name: a, layers: [x]}]", "models[1].source"),
        ("[LN, {source: timm, name: a}]", "models[1].layers"),
        ("[LN, {source: timm, name: a, layers: [x], lable: b}]", "models[1].lable"),
        (
            "[LN, {source: timm, name: a, layers: [x], preprocess: {sise: 3}}]",
            "models[1].preprocess.sise",
        ),
        ("[LN, 3]", "models[1]"),
    ],
)
def test_what_is_wrong_with_a_model_is_named_by_its_key(models, field, tmp_path):
    with refused(file="recipe.yaml", line=2) as told:
        _recipe(tmp_path, f"models: {models}\n")
    assert told.value.field.startswith(field)


def test_images_may_be_as_small_as_digits(tmp_path):
    assert _recipe(tmp_path, "models: [LN, LG]\npreprocess: {size: 8}\n").preprocess.size == 8
    with refused(file="recipe.yaml", field="preprocess.size", value=7):
        _recipe(tmp_path, "models: [LN, LG]\npreprocess: {size: 7}\n")


@pytest.mark.parametrize(
    ("distortions", "what"),
    [
        ("[{kind: random}, {kind: random, pairs: 2}]", "random-1"),
        ("[{kind: principal}, {kind: principal, iterations: 2}]", "principal"),
        ("[{kind: eigen, model: LN}, {kind: eigen, model: LN}]", "eigen-LN"),
    ],
)
def test_pairs_that_would_have_one_name_are_refused(tmp_path, distortions, what):
    with refused(file="recipe.yaml", field="distortions[1]", value=what):
        _recipe(tmp_path, f"models: [LN, LG]\ndistortions: {distortions}\n")
    several = "[{kind: eigen, model: LN}, {kind: eigen, model: LG}]"
    assert len(_recipe(tmp_path, f"models: [LN, LG]\ndistortions: {several}\n").distortions) == 2


def test_generalised_has_two_spellings_and_one_name(tmp_path):
    for kind in ("generalised", "generalized"):
        text = f"models: [LN, LG]\ndistortions: [{{kind: {kind}, models: [LN, LG]}}]\n"
        recipe = _recipe(tmp_path, text)
        assert recipe.model_dump()["distortions"][0]["kind"] == "generalised"
