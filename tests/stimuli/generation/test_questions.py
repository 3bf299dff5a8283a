"""Groups, some of the models, and further pairs, from a recipe to the set."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch
from PIL import Image
from refusals import refused

from pdpsych import geometry, models, stimuli
from pdpsych.common.section import load
from pdpsych.stimuli import Recipe, SetUnfinished, StimulusSet

SIDE = 16
NAMES = ["LN", "LG", "LGG", "LGN"]
GROUPS = {"plain": ("LN", "LG"), "gains": ("LGG", "LGN")}


SIZE = f"{{size: {SIDE}, range: [0.05, 0.95]}}"


def _recipe(tmp_path, distortions, names="[LN, LG, LGG, LGN]", preprocess=SIZE, space="{}"):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"images: [{{sample: cat}}]\npreprocess: {preprocess}\nmodels: {names}\nseed: 4\n"
        f"precision: float64\ndistortions: {distortions}\nlinearity: null\nspace: {space}\n"
    )
    return load(path, Recipe)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("questions")
    recipe = _recipe(
        folder,
        "[{kind: principal, pairs: 3, iterations: 4}, "
        "{kind: principal, separate: {plain: [LN, LG], gains: [LGG, LGN]}, iterations: 4}, "
        "{kind: principal, models: [LG, LGN], pairs: 2, iterations: 4}, {kind: random}]",
    )
    return stimuli.generate(recipe, out=folder / "set")


def _solved(made, name, names=NAMES, **options):
    """Return what the solver makes of the question by itself, with the seed of a pair's name."""
    digest = hashlib.sha256(f"4/cat/{name}".encode()).digest()
    return geometry.principal_distortions(
        models.load(names, dtype=torch.float64),
        torch.tensor(made["cat"].base, dtype=torch.float64),
        floor=0.03,
        seed=int.from_bytes(digest[:6], "big"),
        budget=geometry.Budget(iterations=4),
        **options,
    )


def _stored(pair):
    return np.stack([pair.u, pair.v])


def _assert_same(pair, distortions):
    # Sets of small images are made on one core; here more may share the sums.
    np.testing.assert_allclose(_stored(pair), distortions.float(), rtol=0, atol=1e-6)


def test_each_entry_asks_what_it_says(made):
    cat = made["cat"]
    first = _solved(made, "principal")
    _assert_same(cat["principal"], first.distortions)
    grouped = _solved(made, "principal-plain-gains", separate=["plain", "plain", "gains", "gains"])
    found = cat["principal-plain-gains"]
    _assert_same(found, grouped.distortions)
    assert found.question.groups == GROUPS
    assert found.question.objective == pytest.approx(grouped.objective, rel=1e-4)
    some = _solved(made, "principal-LG-LGN", ["LG", "LGN"])
    _assert_same(cat["principal-LG-LGN"], some.distortions)
    assert cat["principal-LG-LGN"].question.models == ("LG", "LGN")
    # All models are known on every pair, those that were not asked too.
    assert all(list(pair.sensitivities) == NAMES for pair in cat)


def test_further_pairs_are_orthogonal_and_numbered(made):
    cat = made["cat"]
    for question, names in {
        "principal": ["principal", "principal-2", "principal-3"],
        "principal-LG-LGN": ["principal-LG-LGN", "principal-LG-LGN-2"],
    }.items():
        rows = np.stack([_stored(cat[name]) for name in names]).reshape(len(names), 2, -1)
        for n, name in enumerate(names):
            asked = cat[name].question
            assert (asked.name, asked.number) == (question, n + 1)
            before = rows[:n].reshape(-1, SIDE**2)
            assert np.abs(before @ rows[n].T).max(initial=0) < 1e-6
    again = geometry.DistortionSpace(torch.tensor(cat.base, dtype=torch.float64))
    second = _solved(
        made,
        "principal-2",
        space=again.orthogonal_to(_solved(made, "principal").distortions),
    )
    np.testing.assert_allclose(_stored(cat["principal-2"]), second.distortions, atol=1e-6)


def test_objectives_are_those_of_the_distortions_that_are_stored(made):
    for row in made.scree().itertuples():
        pair = made[row.image][row.pair]
        x = {m: np.log(u / v) for m, (u, v) in pair.sensitivities.items()}
        groups = pair.question.groups.values() or [[m] for m in pair.question.models]
        means = [np.mean([x[m] for m in group]) for group in groups]
        assert row.objective == pytest.approx(np.var(means), rel=1e-12)


def test_the_scree_is_a_picture_of_the_set(made):
    assert "scree.png" in made.manifest.files
    assert np.asarray(Image.open(made.path / "scree.png")).std() > 5
    assert str(made.path / "scree.png") in made.describe()
    manifest = json.loads((made.path / "manifest.json").read_text())
    assert manifest["schema_version"] == 3
    question = manifest["images"][0]["pairs"][1]["question"]
    assert (question["name"], question["models"], question["groups"], question["number"]) == (
        "principal", NAMES, {}, 2,
    )  # fmt: skip


def test_a_plain_recipe_has_no_scree_to_draw_and_the_pair_it_had(made, tmp_path):
    recipe = _recipe(tmp_path, "[{kind: principal, iterations: 4}]")
    plain = stimuli.generate(recipe, out=tmp_path / "set")
    assert "scree.png" not in plain.manifest.files
    np.testing.assert_array_equal(
        _stored(plain["cat"]["principal"]), _stored(made["cat"]["principal"])
    )


def test_a_set_of_an_earlier_recipe_without_new_keys_is_still_its_set(tmp_path):
    recipe = _recipe(tmp_path, "[{kind: principal, iterations: 2}]")
    plain = stimuli.generate(recipe, out=tmp_path / "set")
    path = plain.path / "manifest.json"
    manifest = json.loads(path.read_text())
    for entry in manifest["recipe"]["distortions"]:
        for key in ("name", "models", "separate", "pairs"):
            del entry[key]
    manifest["schema_version"] = 2
    for pair in manifest["images"][0]["pairs"]:
        del pair["question"]
    path.write_text(json.dumps(manifest))
    again = stimuli.generate(recipe, out=tmp_path / "set")
    assert again == StimulusSet.open(tmp_path / "set")
    assert again.scree()["objective"].notna().all()


def test_factors_are_those_of_the_loaded_models(tmp_path):
    nets = [
        ("squeezenet1_0", "random", "a"),
        ("squeezenet1_0", "random-1", "b"),
        ("squeezenet1_1", "random", "c"),
    ]
    text = "{{source: torchvision, name: {}, weights: {}, label: {}, layers: [features.1]}}"
    names = ", ".join(text.format(*net) for net in nets)
    wanted = "[{kind: principal, separate: architecture, iterations: 1}]"
    recipe = _recipe(tmp_path, wanted, f"[{names}]", preprocess="{size: 32, colour: rgb}")
    pair = stimuli.generate(recipe, out=tmp_path / "set")["cat"]["principal-architecture"]
    assert pair.question.groups == {
        "squeezenet1_0": ("a/features.1", "b/features.1"),
        "squeezenet1_1": ("c/features.1",),
    }


def test_a_factor_that_a_model_lacks_or_all_share_is_refused(tmp_path):
    text = "[{kind: random}, {kind: principal, separate: training}]"
    field = "distortions[1].separate"
    with refused(file="recipe.yaml", field=field, value="training", remedy="leave it out"):
        stimuli.generate(_recipe(tmp_path, text, "[LN, identity]"), out=tmp_path / "set")
    with refused(file="recipe.yaml", field=field, value="training", allowed="differ"):
        stimuli.generate(_recipe(tmp_path, text, "[LN, LG]"), out=tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_more_pairs_than_the_space_of_an_image_has_are_refused(tmp_path):
    text = "[{kind: principal, pairs: 9, iterations: 1}]"
    recipe = _recipe(tmp_path, text, space="{cycles_per_image: 1}")
    with refused(file="recipe.yaml", field="distortions[0].pairs", value=9, remedy="fewer"):
        stimuli.generate(recipe, out=tmp_path / "set")


def test_more_pairs_than_a_space_of_unknown_dimension_has_fail_by_image(tmp_path, monkeypatch):
    monkeypatch.setattr(Recipe, "check_pairs", lambda *_: None)
    text = "[{kind: principal, pairs: 9, iterations: 1}]"
    recipe = _recipe(tmp_path, text, space="{cycles_per_image: 1}")
    with pytest.raises(SetUnfinished, match="pairs"):
        stimuli.generate(recipe, out=tmp_path / "set")
