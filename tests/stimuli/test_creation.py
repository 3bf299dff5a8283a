from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from refusals import refused

from pdpsych.displays import Display
from pdpsych.stimuli import Calibration, NewImage, NewPair, StimulusSet, calibrate

SHAPE = (1, 16, 16)


def _unit(seed, shape=SHAPE):
    noise = np.random.default_rng(seed).standard_normal(shape)
    return noise / np.linalg.norm(noise)


def _pair(seed=0, **sensitivities):
    return NewPair(_unit(seed), _unit(seed + 1), sensitivities)


def _image(**pairs):
    base = np.random.default_rng(9).uniform(0.2, 0.8, SHAPE)
    return NewImage(base, pairs or {"noise": _pair()}, source="drawn")


def _create(folder, **changes):
    return StimulusSet.create(folder, {"cat": _image(**changes)})


def test_what_is_given_is_what_is_there(tmp_path):
    new = _image(noise=_pair(A=(2, 4.0), B=(np.float32(1), 3)), more=_pair(5, A=(1, 1), B=(2, 1)))
    made = StimulusSet.create(tmp_path / "sets" / "mine", {"cat": new}, floor=0.02)
    assert made == StimulusSet.open(tmp_path / "sets" / "mine")
    assert (made.name, made.images, made.models) == ("mine", ("cat",), ("A", "B"))
    assert made.manifest.schema_version == 3
    assert made.manifest.floor == 0.02
    assert made.manifest.images[0].source == "drawn"
    np.testing.assert_allclose(made["cat"].base, new.base, atol=1e-7)
    for pair in made["cat"]:
        assert pair.kind == "handmade"
        np.testing.assert_allclose(pair.u, new.pairs[pair.name].u, atol=1e-7)
        np.testing.assert_allclose(pair.v, new.pairs[pair.name].v, atol=1e-7)
    ratios = made.log_ratios().set_index(["pair", "model"])["log_ratio"]
    assert ratios["noise", "A"] == pytest.approx(np.log(1 / 2))
    assert ratios["more", "B"] == pytest.approx(np.log(2))
    assert "cat/more" in made.describe()


def test_a_pair_can_be_the_rival_of_another(tmp_path):
    first, second = _pair(A=(1, 2)), _pair(7, A=(3, 1))
    rival = NewPair(second.u, second.v, second.sensitivities, rival_of="noise")
    made = _create(tmp_path / "mine", other=rival, noise=first)
    cat = made["cat"]
    assert [pair.name for pair in cat] == ["noise"]
    (found,) = cat["noise"].rivals
    assert (found.name, found.rival_of, found.rivals) == ("other", "noise", ())
    # Stored before its pair, and still its own distortions.
    np.testing.assert_allclose(found.u, rival.u, atol=1e-7)
    np.testing.assert_allclose(cat["noise"].u, first.u, atol=1e-7)
    assert found == cat["other"]
    assert len(made.log_ratios()) == 1
    assert len(made.log_ratios(rivals=True)) == 2
    assert repr(made) == "<StimulusSet: mine, 1 image, 1 pair, 1 rival, 1 model>"
    assert "cat/other  |cos|" in made.describe()


@pytest.mark.parametrize("rival_of", ["third", "other", "noise-2"])
def test_a_rival_is_of_a_pair_that_is_none_itself(tmp_path, rival_of):
    pairs = {
        "noise": _pair(),
        "noise-2": NewPair(_unit(3), _unit(4), rival_of="noise"),
        "other": NewPair(_unit(5), _unit(6), rival_of=rival_of),
    }
    with refused(value=rival_of, allowed="noise"):
        StimulusSet.create(tmp_path / "mine", {"cat": _image(**pairs)})
    assert not (tmp_path / "mine").exists()


def test_its_files_are_those_of_any_set(tmp_path):
    made = _create(tmp_path / "mine")
    files = {str(f.relative_to(made.path)) for f in made.path.rglob("*") if f.is_file()}
    assert files == {"manifest.json", *made.manifest.files}
    preview = np.asarray(Image.open(made.path / "previews" / "cat.png"))
    np.testing.assert_allclose(preview / 255, made["cat"].base[0], atol=0.5 / 255 + 1e-6)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_colours_linear_light_and_provenance(tmp_path):
    shape = (3, 8, 10)
    pair = NewPair(_unit(1, shape), _unit(2, shape))
    image = NewImage(np.full(shape, 0.5), {"a": pair}, "linear")
    provenance = {"made by": "hand", "settings": {"steps": 3}}
    made = StimulusSet.create(tmp_path / "set", {"x": image}, provenance=provenance)
    assert made["x"].shape == shape
    assert made["x"].encoding == "linear"
    assert made.manifest.recipe == {"provenance": provenance}


def test_a_set_without_models_can_be_used(tmp_path):
    made = _create(tmp_path / "mine")
    assert made.models == ()
    assert len(made.log_ratios()) == 0
    assert "no models" in made.describe()
    assert repr(made) == "<StimulusSet: mine, 1 image, 1 pair, 0 models>"
    found = calibrate(made, Display())
    assert Calibration.of(made, Display()) == found
    # Without rivals, calibrations are known by what they were known by.
    assert "rival_of" not in (found.folder / "calibration.json").read_text()
    made.plot("cat", "noise")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"base": np.full((16, 16), 0.5)}, "images.cat.base"),
        ({"base": np.full((2, 16, 16), 0.5)}, "images.cat.base"),
        ({"base": np.full((1, 16, 0), 0.5)}, "images.cat.base"),
        ({"base": np.full(SHAPE, 1.01)}, "images.cat.base"),
        ({"base": np.full(SHAPE, np.nan)}, "images.cat.base"),
        ({"base": np.full(SHAPE, 1j)}, "images.cat.base"),
        ({"base": [["a"]]}, "images.cat.base"),
        ({"base": [[0.5], [0.5, 0.5]]}, "images.cat.base"),
        ({"u": _unit(0)[0]}, "images.cat.pairs.noise.u"),
        ({"u": 2 * _unit(0)}, "images.cat.pairs.noise.u"),
        ({"v": np.zeros(SHAPE)}, "images.cat.pairs.noise.v"),
        ({"v": np.full(SHAPE, np.inf)}, "images.cat.pairs.noise.v"),
        ({"sensitivities": {"mine": (1, -1)}}, "images[0].pairs[0].sensitivities.mine[1]"),
        ({"sensitivities": {"mine": (1, np.nan)}}, "images[0].pairs[0].sensitivities.mine[1]"),
        ({"encoding": "gamma"}, "images[0].encoding"),
    ],
)
def test_what_a_set_cannot_hold_is_refused_and_nothing_written(tmp_path, change, field):
    pair = {"u": _unit(0), "v": _unit(1), "sensitivities": {}}
    pair = NewPair(**{key: change.get(key, value) for key, value in pair.items()})
    image = NewImage(
        change.get("base", np.full(SHAPE, 0.5)), {"noise": pair}, change.get("encoding", "srgb")
    )
    with refused(field=field):
        StimulusSet.create(tmp_path / "mine", {"cat": image})
    assert list(tmp_path.iterdir()) == []


def test_a_norm_is_told_with_its_remedy(tmp_path):
    pair = NewPair(3 * _unit(0), _unit(1))
    with refused(remedy="divide it by numpy.linalg.norm") as told:
        StimulusSet.create(tmp_path / "mine", {"cat": _image(noise=pair)})
    assert told.value.value == pytest.approx(3)


@pytest.mark.parametrize("name", ["../cat", "a b", "", "c" * 300])
def test_names_are_those_of_files(tmp_path, name):
    with refused(field="images[0].name"):
        StimulusSet.create(tmp_path / "mine", {name: _image()})


def test_all_pairs_have_the_same_models_and_every_image_a_pair(tmp_path):
    both = {"one": _pair(A=(1, 2)), "two": _pair(3)}
    with refused(field="images.cat.two.sensitivities", value="of no model", allowed="A"):
        StimulusSet.create(tmp_path / "mine", {"cat": _image(**both)})
    with refused(field="images[0].pairs"):
        StimulusSet.create(tmp_path / "mine", {"cat": NewImage(np.full(SHAPE, 0.5), {})})
    with refused(field="images"):
        StimulusSet.create(tmp_path / "mine", {})
    with refused(field="provenance"):
        StimulusSet.create(tmp_path / "mine", {"cat": _image()}, provenance={"a": object()})
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path):
    made = _create(tmp_path / "mine")
    before = (made.path / "manifest.json").read_bytes()
    with refused(file="mine", remedy="choose another name"):
        _create(tmp_path / "mine")
    assert (made.path / "manifest.json").read_bytes() == before
    (tmp_path / "file").write_text("x")
    with refused(file="file", remedy="choose another name"):
        _create(tmp_path / "file")
    with refused():
        _create(tmp_path / "file" / "mine")


def test_a_set_that_was_made_is_opened_as_strictly_as_any(tmp_path):
    made = _create(tmp_path / "mine")
    path = made.path / "manifest.json"
    data = json.loads(path.read_text())
    data["images"][0]["shape"] = [1, 8, 32]
    path.write_text(json.dumps(data))
    with refused(file="cat.npz"):
        _ = StimulusSet.open(made.path)["cat"].base
