from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from refusals import refused

from pdpsych import geometry, models, stimuli
from pdpsych.common.files.digests import file_sha256
from pdpsych.common.section import load
from pdpsych.stimuli import Recipe, SetUnfinished, StimulusSet
from pdpsych.stimuli.generation import builder
from pdpsych.stimuli.manifest import SCHEMA, LinearityCheck

RECIPE = """
images: [{sample: astronaut}, {sample: coffee}]
preprocess: {size: 32, range: [0.1, 0.9]}
models: [LN, LG, LGN]
distortions:
  - {kind: principal, iterations: 12, restarts: 2}
  - {kind: eigen, model: LGN, iterations: 8}
  - {kind: generalised, models: [LN, LG], iterations: 8}
  - {kind: random, pairs: 2}
"""


def _recipe(tmp_path: Path, text: str = RECIPE) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return stimuli.generate(_recipe(tmp_path_factory.mktemp("study")))


@pytest.fixture
def copied(made, tmp_path):
    """A set of its own for a test that damages it."""
    return Path(shutil.copytree(made.path, tmp_path / "set"))


def test_what_the_recipe_asks_for_is_there(made):
    assert made.path.parent.name == "sets"
    assert made.images == ("astronaut", "coffee")
    pairs = ("principal", "eigen-LGN", "generalised-LN-LG", "random-1", "random-2")
    assert tuple(pair.name for pair in made["coffee"]) == pairs
    for image in made.images:
        assert made[image].base.shape == (1, 32, 32)
        for pair in pairs:
            for number in (1, 2):
                norm = np.linalg.norm(made[image][pair].distortion(number))
                assert norm == pytest.approx(1, abs=1e-5)


def test_stored_sensitivities_are_those_of_the_stored_distortions(made):
    table = made.sensitivities().set_index(["image", "pair", "distortion", "model"])
    for representation in models.load(made.models):
        for image in made.images:
            for pair in made[image]:
                both = np.stack([pair.u, pair.v])
                d = geometry.sensitivity(representation, made[image].base, both, floor=0.03)
                stored = [
                    table.loc[(image, pair.name, n, representation.name), "sensitivity"]
                    for n in (1, 2)
                ]
                np.testing.assert_allclose(stored, d, rtol=1e-5)


def test_stored_responses_are_those_of_the_stored_distortions(made):
    representations = models.load(made.models)
    stored = made.finite_responses()
    assert len(stored) == len(set(stored)) == 20
    for pair in made["coffee"].pairs:
        both = np.stack([pair.u, pair.v])
        found = geometry.finite_responses(representations, made["coffee"].base, both, floor=0.03)
        for number, curves in enumerate(found.curves, start=1):
            for model, values in zip(made.models, curves.values, strict=True):
                response = stored["coffee", pair.name, number][model]
                np.testing.assert_allclose(response.amplitudes, curves.amplitudes, rtol=2e-6)
                np.testing.assert_allclose(response.values, values, rtol=1e-4)
                assert response.ended == ""


def test_responses_are_linear_where_they_are_small(made):
    local = made.sensitivities().set_index(["image", "pair", "distortion", "model"])["sensitivity"]
    for key, responses in made.finite_responses().items():
        for model, response in responses.items():
            small = response.amplitudes[0]
            assert response.mean(small) == pytest.approx(small * local[(*key, model)], rel=0.01)
            assert response.largest <= 32


def test_the_linearity_check_is_a_view_of_the_responses(made):
    pair, responses = made["coffee"]["principal"], made.finite_responses()
    check = pair.linearity
    assert pair.entry.linearity is None
    assert check.amplitudes_rms[:3] == (0.002, 0.005, 0.01)
    alphas = 32 * np.array(check.amplitudes_rms)
    for model, ratios in check.log_ratios.items():
        u, v = (responses["coffee", "principal", n][model] for n in (1, 2))
        np.testing.assert_allclose(ratios, np.log(u.mean(alphas) / v.mean(alphas)))
        linear = pair.sensitivities[model][0] * alphas
        errors = [np.abs(u.at(alphas, sign) / linear - 1) for sign in (1, -1)]
        within = np.max(errors, axis=0) <= 0.1
        count = len(within) if within.all() else int(np.argmin(within))
        assert check.largest_rms[model][0] == pytest.approx([0, *check.amplitudes_rms][count])


def test_stored_padding_is_that_of_the_stored_distortions(made):
    representations, image = models.load(made.models), made["coffee"]
    pair = image["principal"]
    both = np.stack([pair.u, pair.v])
    found = geometry.padding_influence(representations, image.base, both, floor=0.03)
    stored = pair.padding
    assert (stored.reach, stored.window) == (found.reach, found.clear_window) == (16, None)
    np.testing.assert_allclose(stored.energy, found.total_energy)
    for i, model in enumerate(made.models):
        np.testing.assert_allclose(stored.changes[model], found.changes()[:, i], atol=1e-4)
        np.testing.assert_allclose(
            stored.response_energy[model], found.affected_energy[i], rtol=1e-3, atol=1e-6
        )
    assert stored.largest[0] > 0.01
    # White noise is not searched for, so it exploits nothing.
    assert image["random-1"].padding is None
    lines = made.describe().splitlines()
    assert f"coffee/principal {stored.told()}" in [" ".join(line.split()) for line in lines]


def test_the_linearity_check_can_be_chosen_and_switched_off(tmp_path):
    text = "images: [{sample: cat}]\npreprocess: {size: 32, range: [0.3, 0.7]}\n"
    text += "models: [identity, LN]\ndistortions: [{kind: random}]\n"
    chosen = stimuli.generate(
        _recipe(tmp_path, text + "linearity: {amplitudes_rms: [0.01, 3]}\n"),
        out=tmp_path / "chosen",
    )
    (pair,) = chosen["cat"].pairs
    first, last = pair.linearity.amplitudes_rms
    largest = min(r["identity"].largest for r in chosen.finite_responses().values()) / 32
    assert first == 0.01
    assert 0.99 * largest < last <= largest
    assert pair.linearity.largest_rms["identity"] == pytest.approx((last, last))
    assert f"within 10 % of linear, for ε₁ / ε₂, of 0.01, {last:g}:" in chosen.describe()
    off = stimuli.generate(_recipe(tmp_path, text + "linearity: null\n"), out=tmp_path / "off")
    assert off["cat"].pairs[0].linearity is None
    assert not (off.path / "responses").exists()
    assert "of linear" not in off.describe()


class Root(torch.nn.Module):
    def forward(self, batch):
        return (batch - 0.29).sqrt()


def test_a_response_that_is_not_a_number_ends_a_curve(tmp_path, monkeypatch):
    """The set is made all the same."""
    early, root = models.load(["LN"]), models.from_module(Root(), [""], "root")
    monkeypatch.setattr(models, "load", lambda *_, **__: [*early, *root])
    text = "images: [{sample: cat}]\npreprocess: {size: 32, range: [0.3, 0.7]}\n"
    text += "models: [LN, LG]\ndistortions: [{kind: random}]\n"
    text += "linearity: {amplitudes_rms: [0.001, 0.05]}\n"
    opened = stimuli.generate(_recipe(tmp_path, text))
    responses = opened.finite_responses()["cat", "random-1", 1]
    assert "its response is not finite" in responses["root/"].ended
    assert responses["root/"].largest < responses["LN"].largest
    check = opened["cat"].pairs[0].linearity
    assert check.log_ratios["root/"][-1] is None
    assert None not in check.log_ratios["LN"]
    assert check.largest_rms["root/"] == (0.001, 0.001)
    assert check.reversals[-1] == 1
    assert "reversed: 1 at 0.05" in opened.describe()


def test_pairs_separate_the_models_they_are_meant_to(made):
    ratios = made.log_ratios().set_index(["image", "pair", "model"])["log_ratio"].sort_index()
    pairs = [pair.name for pair in made["coffee"]]
    for image in made.images:
        variance = {pair: np.var([ratios[image, pair, m] for m in made.models]) for pair in pairs}
        assert variance["principal"] > 100 * variance["random-1"]
        assert variance["principal"] > 0.95 * max(variance.values())
        principal, generalised = (
            ratios[image, pair] for pair in ("principal", "generalised-LN-LG")
        )
        apart = generalised["LN"] - generalised["LG"]
        assert apart > 0.99 * abs(principal["LN"] - principal["LG"])


def test_the_manifest_tells_how_the_set_was_made(made):
    manifest = made.manifest
    assert manifest.schema_version == SCHEMA.version
    assert set(manifest.versions) >= {"python", "pdpsych", "torch", "numpy"}
    assert Recipe.model_validate(manifest.recipe).models == ("LN", "LG", "LGN")
    certificate = manifest.images[0].pairs[0].certificate
    assert certificate["starts"] >= 2
    assert certificate["operator_applications"] > 0
    assert [r.name for r in manifest.representations] == ["LN", "LG", "LGN"]
    assert manifest.representations[0].noise == "Gaussian"
    assert manifest.representations[0].architecture == "LN"
    files = {str(f.relative_to(made.path)) for f in made.path.rglob("*") if f.is_file()}
    # What follows from the rest is not part of the set's identity.
    responses = {f"responses/{image}.json" for image in made.images}
    assert files - {"manifest.json"} - responses == set(manifest.files)
    assert responses < files


def test_previews_are_pictures_of_the_base_images(made):
    preview = np.asarray(Image.open(made.path / "previews" / "coffee.png"))
    np.testing.assert_allclose(preview / 255, made["coffee"].base[0], atol=0.5 / 255 + 1e-6)


def test_colour_and_linear_light(tmp_path):
    text = """
images: [{sample: cat}]
preprocess: {size: 32, colour: rgb, encoding: linear}
models: [identity, LN]
distortions: [{kind: random}]
"""
    with refused(file="small.yaml"):
        stimuli.generate(_recipe(tmp_path, text))
    grey = stimuli.generate(_recipe(tmp_path, text.replace("colour: rgb, ", "")))
    assert grey["cat"].encoding == "linear"


def test_a_seed_repeats_the_arrays_and_images_do_not_depend_on_each_other(made, tmp_path):
    again = stimuli.generate(_recipe(tmp_path))
    alone = stimuli.generate(
        _recipe(tmp_path, RECIPE.replace("{sample: astronaut}, ", "")), out=tmp_path / "alone"
    )
    for pair in made["coffee"]:
        np.testing.assert_array_equal(again["coffee"][pair.name].u, pair.u)
        np.testing.assert_array_equal(alone["coffee"][pair.name].u, pair.u)


def test_a_finished_set_is_not_made_again(made):
    before = (made.path / "manifest.json").stat().st_mtime_ns
    again = stimuli.generate(made.path.parents[1] / "small.yaml")
    assert again.sha256 == made.sha256
    assert (made.path / "manifest.json").stat().st_mtime_ns == before


def test_a_run_that_was_killed_when_all_was_done_is_cleared_away(made):
    units = made.path.with_name(".small.units")
    (units / "digest" / "arrays").mkdir(parents=True)
    again = stimuli.generate(made.path.parents[1] / "small.yaml")
    assert again.sha256 == made.sha256
    assert not units.exists()


def test_a_set_of_another_recipe_is_not_overwritten(made, tmp_path):
    changed = _recipe(tmp_path, RECIPE + "seed: 1\n")
    with refused(file=made.path, field="out", remedy="delete it"):
        stimuli.generate(changed, out=made.path)


def test_an_interrupted_run_leaves_no_set_and_goes_on(tmp_path):
    recipe = _recipe(tmp_path, RECIPE.replace("iterations: 8", "iterations: 20"))
    out = tmp_path / "sets" / "small"
    code = f"from pdpsych import stimuli; stimuli.generate({str(recipe)!r})"
    process = subprocess.Popen([sys.executable, "-c", code])
    first = None
    for _ in range(1200):
        first = first or next(out.parent.glob(".small.units/[!.]*/unit.json"), None)
        if first or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert first is not None
    assert not out.exists()
    with refused(file=out):
        StimulusSet.open(out)
    arrays = first.parent / "arrays" / "astronaut.npz"
    inode = os.stat(arrays).st_ino
    finished = stimuli.generate(recipe)
    assert os.stat(out / "arrays" / "astronaut.npz").st_ino == inode
    assert finished.images == ("astronaut", "coffee")
    assert not list(out.parent.glob(".small*"))


MANY = """
images: [{folder: photographs}]
preprocess: {size: 16}
models: [LN, identity]
distortions: [{kind: random}]
linearity: null
"""


@pytest.fixture
def many(tmp_path):
    """A recipe of four photographs, the second of them damaged."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for i in range(4):
        pixels = np.random.default_rng(i).integers(0, 255, (20, 20), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"p{i}.png")
    damaged = folder / "p1.png"
    damaged.write_bytes(damaged.read_bytes()[:-200])
    return _recipe(tmp_path, MANY)


def _mend(many: Path) -> None:
    shutil.copy(many.parent / "photographs" / "p0.png", many.parent / "photographs" / "p1.png")


def _units(many: Path) -> dict[str, int]:
    """When each unit that is there was made."""
    found = many.parent.glob("sets/.small.units/[!.]*/unit.json")
    return {json.loads(f.read_text())["image"]["name"]: f.stat().st_mtime_ns for f in found}


def test_an_image_that_fails_is_told_at_the_end_and_alone_made_again(many):
    with pytest.raises(SetUnfinished, match="3 of 4 images are made and kept") as caught:
        stimuli.generate(many)
    assert list(caught.value.failed) == ["p1"]
    assert "p1.png: damaged" in caught.value.failed["p1"]
    before = _units(many)
    assert set(before) == {"p0", "p2", "p3"}
    with pytest.raises(SetUnfinished, match=r"p1\.png: damaged"):
        stimuli.generate(many)
    assert _units(many) == before
    _mend(many)
    (array,) = many.parent.glob("sets/.small.units/*/arrays/p3.npz")
    inode = array.stat().st_ino
    made = stimuli.generate(many)
    assert made.images == ("p0", "p1", "p2", "p3")
    assert (made.path / "arrays" / "p3.npz").stat().st_ino == inode
    assert not list(made.path.parent.glob(".small*"))


def test_images_can_be_added_to_an_unfinished_set(many):
    with pytest.raises(SetUnfinished):
        stimuli.generate(many)
    before = _units(many)
    many.write_text(MANY.replace("[{folder", "[{sample: cat}, {folder"))
    with pytest.raises(SetUnfinished, match="4 of 5 images"):
        stimuli.generate(many)
    after = _units(many)
    assert set(after) - set(before) == {"cat"}
    assert {name: after[name] for name in before} == before


def test_a_damaged_unit_is_not_joined(many):
    with pytest.raises(SetUnfinished):
        stimuli.generate(many)
    (array,) = many.parent.glob("sets/.small.units/*/arrays/p2.npz")
    array.write_bytes(array.read_bytes()[:100])
    _mend(many)
    made = stimuli.generate(many)
    assert made["p2"].base.shape == (1, 16, 16)


def test_the_shard_that_finds_all_images_joins_them(many, tmp_path):
    _mend(many)
    with pytest.raises(SetUnfinished, match="2 remain for other shards") as caught:
        stimuli.generate(many, shard="2/2")
    assert not caught.value.failed
    assert set(_units(many)) == {"p1", "p3"}
    made = stimuli.generate(many, shard="1/2")
    whole = stimuli.generate(many, out=tmp_path / "whole")
    assert made.manifest.files == whole.manifest.files
    assert made.manifest.images == whole.manifest.images
    # A shard that comes late finds the set.
    assert stimuli.generate(many, shard="2/2").sha256 == made.sha256


def test_two_shards_that_join_at_once_leave_one_set(many, monkeypatch):
    _mend(many)
    plain, raced = builder._link, []

    def overtaken(*arguments):
        if not raced:
            raced.append(True)
            raced.append(stimuli.generate(many))
        plain(*arguments)

    monkeypatch.setattr(builder, "_link", overtaken)
    made = stimuli.generate(many)
    assert made.sha256 == raced[1].sha256
    assert not list(made.path.parent.glob(".small*"))


def test_a_set_is_joined_where_there_are_no_hard_links(many, monkeypatch):
    def refuse(*_):
        raise OSError(1, "Operation not permitted")

    _mend(many)
    monkeypatch.setattr(os, "link", refuse)
    assert stimuli.generate(many).images == ("p0", "p1", "p2", "p3")


@pytest.mark.parametrize("shard", ["0/2", "3/2", "2", "a/b", "1/0", "-1/2"])
def test_shards_that_cannot_be_are_refused(many, shard):
    with refused(field="shard", value=shard):
        stimuli.generate(many, shard=shard)


def test_what_is_wrong_with_a_model_stops_at_once(many):
    """It would fail at every image; nothing is made."""
    _mend(many)
    many.write_text(MANY.replace("size: 16", "size: 16, colour: rgb"))
    with refused(file="small.yaml") as told:
        stimuli.generate(many)
    assert "colour: grey" in str(told.value)
    assert not (many.parent / "sets").exists()


def _edit_manifest(path: Path, change) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    change(manifest)
    (path / "manifest.json").write_text(json.dumps(manifest))


def test_a_changed_or_missing_file_is_found(copied):
    array = copied / "arrays" / "coffee.npz"
    data = bytearray(array.read_bytes())
    data[len(data) // 2] ^= 1
    array.write_bytes(data)
    with refused(file=array, remedy="copy the set again"):
        StimulusSet.open(copied)
    array.unlink()
    with refused(file=array, remedy="copy the set again"):
        StimulusSet.open(copied)


def test_a_folder_without_a_manifest_is_no_set(copied, tmp_path):
    (copied / "manifest.json").unlink()
    with refused(file=copied, remedy="pdpsych generate again"):
        StimulusSet.open(copied)
    with refused(file="nothing", remedy="pdpsych generate"):
        StimulusSet.open(tmp_path / "nothing")
    (tmp_path / "mine.yaml").touch()
    with refused(file="mine.yaml", remedy="the folder of a set, stimuli/sets/NAME"):
        StimulusSet.open(tmp_path / "mine.yaml")


def test_a_newer_schema_is_refused(copied):
    _edit_manifest(copied, lambda m: m.update(schema_version=SCHEMA.version + 1, novelty=1))
    with refused(file="manifest.json", field="schema_version", value=SCHEMA.version + 1):
        StimulusSet.open(copied)


def test_files_outside_the_set_are_refused(copied):
    _edit_manifest(copied, lambda m: m["files"].update({"../../etc/passwd": "0"}))
    with refused(file="manifest.json", field="files", value="../../etc/passwd"):
        StimulusSet.open(copied)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"schema_version": 1}', "\xff", "[" * 100_000], ids=range(6)
)
def test_a_damaged_manifest_is_refused(copied, text):
    (copied / "manifest.json").write_text(text, encoding="latin-1")
    with refused(file="manifest.json"):
        StimulusSet.open(copied)


def test_arrays_that_do_not_fit_the_manifest_are_refused(copied):
    array = copied / "arrays" / "coffee.npz"
    np.savez(array, image=np.zeros((1, 32, 32)), distortions=np.zeros((5, 2, 1, 32, 32)))
    digest = file_sha256(array)
    _edit_manifest(copied, lambda m: m["files"].update({"arrays/coffee.npz": digest}))
    opened = StimulusSet.open(copied)
    with refused(file=array):
        _ = opened["coffee"].base


def test_unknown_names_get_the_nearest(made):
    with refused(value="cofee", allowed="coffee"):
        _ = made["cofee"].base
    with refused(value="pricipal", allowed="principal"):
        made["coffee"]["pricipal"].distortion(1)


def test_the_summary_names_images_models_and_what_did_not_converge(made):
    text = made.describe()
    assert "coffee/principal" in text
    assert "LGN" in text
    assert "not converged" in text


def _check(**changes):
    values = {
        "amplitudes_rms": (0.002, 0.01),
        "tolerance": 0.1,
        "largest_rms": {"LN": (0.01, 0.0)},
        "log_ratios": {"LN": (1.0, 2.0)},
        "reversals": (0, 2),
    }
    return LinearityCheck.model_validate(values | changes)


def test_the_summary_tells_how_far_the_models_are_linear(made):
    lines = made.describe().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("largest RMS contrast"))
    check = made["astronaut"].pairs[0].linearity
    assert lines[start + 1].split()[:2] == ["astronaut/principal", "LN"]
    assert f"LGN {check.extent('LGN')}" in lines[start + 1]
    order = lines.index("order of the models' log ratios at these contrasts:")
    assert order == start + 11
    assert lines[order + 1].split(maxsplit=1) == ["astronaut/principal", check.order()]


def test_extent_and_order_in_words():
    assert _check().extent("LN") == "0.01 / <0.002"
    assert _check().order() == "kept at 0.002; pairs of models reversed: 2 at 0.01"
    assert _check(reversals=(0, 0)).order() == "kept"
    every = _check(reversals=(1, 2)).order()
    assert every == "kept at none; pairs of models reversed: 1 at 0.002, 2 at 0.01"


@pytest.mark.parametrize("change", [{"reversals": (0,)}, {"log_ratios": {"LN": (1.0,)}}])
def test_a_check_has_one_value_for_each_amplitude(change):
    with pytest.raises(ValueError, match="one value for each amplitude"):
        _check(**change)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("[LN, LG, LGN]", "[LN, LG, LGN, LGM]"), {"field": "models"}),
        (("[LN, LG, LGN]", "[LN, LN]"), {"field": "models"}),
        (("model: LGN", "model: LGG"), {}),
        (("[{sample: astronaut}, {sample: coffee}]", "[]"), {"field": "images"}),
        (("{sample: coffee}", "{file: nothing.png}"), {"file": "nothing.png"}),
        (("{sample: coffee}", "{sample: coffee, file: x.png}"), {"field": "images[1]"}),
        (("size: 32", "size: 6"), {"field": "preprocess.size"}),
        (("[0.1, 0.9]", "[0.9, 0.1]"), {"field": "preprocess.range"}),
        (
            ("kind: principal", "kind: principle"),
            {"field": "distortions[0].kind", "allowed": "principal"},
        ),
        (
            ("distortions:", "linearity: {amplitudes_rms: [0.1, 0.01]}\ndistortions:"),
            {"field": "linearity.amplitudes_rms"},
        ),
        (
            ("distortions:", "linearity: {amplitudes_rms: [0, 0.01]}\ndistortions:"),
            {"field": "linearity.amplitudes_rms[0]"},
        ),
    ],
)
def test_recipes_that_cannot_be_made_leave_nothing(tmp_path, change, told):
    recipe = _recipe(tmp_path, RECIPE.replace(*change))
    with refused(**told):
        stimuli.generate(recipe)
    assert not (tmp_path / "sets").exists()


def test_the_device_must_exist(tmp_path):
    with refused(field="device", value="tpu9000"):
        stimuli.generate(_recipe(tmp_path, RECIPE + "device: tpu9000\n"))


def test_reading_a_set_needs_no_torch(made):
    code = (
        "import sys; from pdpsych.stimuli import StimulusSet; "
        f"s = StimulusSet.open({str(made.path)!r}); s['coffee'].base; s.log_ratios(); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_recipe_defaults_are_those_of_the_paper(tmp_path):
    recipe = load(_recipe(tmp_path, "images: [{sample: cat}]\nmodels: [LN, LG]\n"), Recipe)
    assert [d.kind for d in recipe.distortions] == ["principal", "random"]
    assert recipe.preprocess.size == 224


def test_a_set_of_unlike_units_says_so_and_strictly_is_none(many, monkeypatch):
    with pytest.raises(SetUnfinished):
        stimuli.generate(many)
    _mend(many)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    folder = many.parent / "sets" / ".small.units"
    with refused(file=folder, field="strict", remedy="make all again"):
        stimuli.generate(many, strict=True)
    assert folder.is_dir()
    made = stimuli.generate(many)
    first, other = made.manifest.environments
    assert (first.images, other.images) == (("p0", "p2", "p3"), ("p1",))
    assert first.threads != other.threads == 7
    told = f"made unlike others: p1 (threads {first.threads} and 7)"
    assert told in made.describe()
    with refused(file=made.path, field="strict"):
        stimuli.generate(many, strict=True)


def test_a_set_of_units_alike_has_one_environment(made):
    (only,) = made.manifest.environments
    assert only.images == ()
    assert only.precision == "float32"
    assert "unlike" not in made.describe()
