from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused

from pdpsych.common.section import load
from pdpsych.stimuli import Recipe
from pdpsych.stimuli.distortions import Member, Principal, asked, members_of

NETWORKS = """[
  {source: torchvision, name: alexnet, weights: random, label: a, training: x,
   layers: [features.1, features.4]},
  {source: torchvision, name: alexnet, weights: random-1, label: b, training: y,
   layers: [features.1, features.4]}]"""
MODELS = NETWORKS.replace("[\n", "[LN,\n", 1)
FOUR = "[LN, LG, LGG, LGN]"


def _recipe(tmp_path, distortions, models=FOUR, more=""):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"images: [{{sample: cat}}]\ndistortions: [{distortions}]\nmodels: {models}\n{more}"
    )
    return load(path, Recipe)


@pytest.mark.parametrize(
    ("distortion", "models", "names"),
    [
        ("{kind: principal}", FOUR, ["principal"]),
        ("{kind: principal, pairs: 3}", FOUR, ["principal", "principal-2", "principal-3"]),
        ("{kind: principal, models: [LN, LGN]}", FOUR, ["principal-LN-LGN"]),
        ("{kind: principal, models: [a]}", MODELS, ["principal-a"]),
        ("{kind: principal, separate: training}", NETWORKS, ["principal-training"]),
        (
            "{kind: principal, pairs: 2, models: [a, b], separate: training}",
            MODELS,
            ["principal-a-b-training", "principal-a-b-training-2"],
        ),
        ("{kind: principal, separate: {p q: [a], r: [LN, b]}}", MODELS, ["principal-p-q-r"]),
        ("{kind: principal, separate: training, name: t, pairs: 2}", NETWORKS, ["t", "t-2"]),
        ("{kind: principal, amplitude_rms: 0.01}", FOUR, ["principal-visible"]),
        (
            "{kind: principal, amplitude_rms: 0.01, models: [LN, LG], pairs: 2}",
            FOUR,
            ["principal-LN-LG-visible", "principal-LN-LG-visible-2"],
        ),
        ("{kind: random, pairs: 2}", FOUR, ["random-1", "random-2"]),
        ("{kind: eigen, model: LN}", FOUR, ["eigen-LN"]),
        ("{kind: generalized, models: [LN, LG]}", FOUR, ["generalised-LN-LG"]),
    ],
)
def test_pairs_are_called_by_what_they_ask(tmp_path, distortion, models, names):
    (found,) = _recipe(tmp_path, distortion, models).distortions
    assert list(found.names) == names


@pytest.mark.parametrize(
    ("distortion", "models", "expected"),
    [
        (
            "separate: colour",
            NETWORKS,
            {"field": "separate", "value": "colour", "allowed": "training"},
        ),
        (
            "separate: training, models: [a]",
            NETWORKS,
            {"field": "separate", "value": "training", "allowed": "differ"},
        ),
        ("separate: {x: [LN, LG, LGG, LGN]}", FOUR, {"field": "separate", "value": ["x"]}),
        ("separate: {}", FOUR, {"field": "separate", "value": [], "allowed": "at least 2"}),
        (
            "separate: {x: [LN, LG, LGG, LGN], y: []}",
            FOUR,
            {"field": "separate.y", "allowed": "names"},
        ),
        (
            "separate: {x: [LN, LG], y: [LGG]}",
            FOUR,
            {"field": "separate", "value": "LGN", "allowed": "x", "remedy": "models"},
        ),
        (
            "separate: {x: [LN, LG], y: [LGG, LGN, LG]}",
            FOUR,
            {"field": "separate.y", "value": "LG", "remedy": "once"},
        ),
        (
            "separate: {x: [LN], y: [LGM]}",
            FOUR,
            {"field": "separate.y", "value": "LGM", "allowed": "LGN"},
        ),
        (
            "separate: {x: [a], y: [b, a/features.4]}, models: [a, b]",
            MODELS,
            {"field": "separate.y", "value": "a/features.4"},
        ),
        (
            "separate: {x: [a], y: [b, LN]}, models: [a, b]",
            MODELS,
            {"field": "separate.y", "value": "LN", "allowed": "b"},
        ),
        ("models: [LN]", FOUR, {"field": "models", "value": ["LN"], "remedy": "eigen"}),
        ("models: []", FOUR, {"field": "models", "value": []}),
        ("models: [LN, LM]", FOUR, {"field": "models", "value": "LM", "allowed": "LN"}),
        ("models: [a, a/features.1]", MODELS, {"field": "models", "value": "a/features.1"}),
        ("separate: training, models: [c, b]", MODELS, {"field": "models", "value": "c"}),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_key(tmp_path, distortion, models, expected):
    field = f"distortions[1].{expected.pop('field')}"
    with refused(file="recipe.yaml", line=2, field=field, **expected):
        _recipe(tmp_path, f"{{kind: random}}, {{kind: principal, {distortion}}}", models)


@pytest.mark.parametrize(
    ("distortion", "value"),
    [
        ("name: a b", "a b"),
        ("name: ../a", "../a"),
        ("name: random", "random"),
        ("separate: 3", 3),
        ("separate: [LN]", ["LN"]),
        ("pairs: 0", 0),
        ("amplitude_rms: 0", 0),
        ("amplitude_rms: 0.3", 0.3),
        ("amplitude_rms: [0.01]", [0.01]),
        ("amplitude_rms: true", True),
    ],
)
def test_names_and_keys_of_the_wrong_kind_are_refused(tmp_path, distortion, value):
    with refused(file="recipe.yaml", value=value):
        _recipe(tmp_path, f"{{kind: principal, {distortion}}}")


def test_names_that_are_taken_or_too_long_are_refused(tmp_path):
    both = "{kind: principal, pairs: 2}, {kind: principal, models: [LN, LG], name: Principal-2}"
    with refused(field="distortions[1]", value="Principal-2", remedy="name"):
        _recipe(tmp_path, both)
    for taken in ("principal-rival-3", "principal-2-Rival-1"):
        named = f"{{kind: principal, models: [LN, LG], name: {taken}}}"
        pairs = "{kind: principal, pairs: 2}"
        for entries in (f"{pairs}, {named}", f"{named}, {pairs}"):
            with refused(field="distortions[1]", remedy="name"):
                _recipe(tmp_path, entries)
    _recipe(tmp_path, "{kind: principal}, {kind: principal, name: principal-rival-4}")
    long = ", ".join(f"python:a:{letter * 20}/x" for letter in "abc")
    with refused(field="distortions[0].name", allowed="60", remedy="name"):
        _recipe(tmp_path, f"{{kind: principal, models: [{long}]}}", f"[LN, {long}]")
    named = _recipe(tmp_path, f"{{kind: principal, name: n, models: [{long}]}}", f"[LN, {long}]")
    assert named.distortions[0].names == ("n",)


@pytest.mark.parametrize(
    ("more", "most"),
    [
        ("preprocess: {size: 8}\n", 32),
        ("preprocess: {size: [8, 10], colour: rgb}\n", 120),
        ("preprocess: {size: 8, colour: rgb}\nspace: {luminance: true}\n", 32),
    ],
)
def test_more_pairs_than_there_are_dimensions_are_refused(tmp_path, more, most):
    _recipe(tmp_path, f"{{kind: principal, pairs: {most}}}", more=more)
    with refused(field="distortions[0].pairs", value=most + 1, allowed=f"at most {most}"):
        _recipe(tmp_path, f"{{kind: principal, pairs: {most + 1}}}", more=more)


def test_a_factor_that_sources_know_is_left_to_them(tmp_path):
    recipe = _recipe(tmp_path, "{kind: principal, separate: architecture}", NETWORKS)
    members = members_of(recipe.models)
    assert {member.factors["architecture"] for member in members} == {None}
    told = [m._replace(factors={"architecture": m.name[0], "training": ""}) for m in members]
    found = asked(recipe.distortions[0], told)
    assert found.groups == {n: (f"{n}/features.1", f"{n}/features.4") for n in "ab"}
    (one, *_), others = told, told[1:]
    without = [one._replace(factors={"architecture": "", "training": ""}), *others]
    with refused(field="separate", value="architecture", remedy="architecture"):
        asked(recipe.distortions[0], without)


@given(st.lists(st.sampled_from("xyz"), min_size=2, max_size=8).filter(lambda g: len(set(g)) > 1))
def test_groups_by_a_factor_and_by_lists_are_the_same(groups):
    members = [Member(f"m{n}", f"m{n}", {"training": g}) for n, g in enumerate(groups)]
    lists = {g: tuple(f"m{n}" for n, other in enumerate(groups) if other == g) for g in groups}
    by_factor = asked(Principal(kind="principal", separate="training"), members)
    by_lists = asked(Principal(kind="principal", separate=lists), members)
    assert by_factor == by_lists
    assert by_factor.group_of == tuple(groups)
    assert asked(Principal(kind="principal"), members).group_of is None
