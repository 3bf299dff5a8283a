from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from refusals import refused

from pdpsych.common.files.digests import file_sha256
from pdpsych.common.section import dump, load
from pdpsych.stimuli import Recipe
from pdpsych.stimuli.space_files import read_space, space_digests

GREYS = np.array([[0, 51, 255], [255, 0, 102]], dtype=np.uint8).repeat(5, axis=0).repeat(4, axis=1)
SIZE = GREYS.shape
OPAQUE = np.full(SIZE, 255, dtype=np.uint8)
RED = np.stack([GREYS, GREYS // 2, GREYS], axis=-1)


def _recipe(tmp_path, space, size=SIZE):
    path = tmp_path / "recipe.yaml"
    head = (
        f"images: [{{sample: cat}}]\npreprocess: {{size: {json.dumps(size)}}}\nmodels: [LN, LG]\n"
    )
    path.write_text(f"{head}distortions: [{{kind: random}}]\nspace: {json.dumps(space)}\n")
    return load(path, Recipe)


def _mask(tmp_path, image, **options):
    (tmp_path / "masks").mkdir()
    image.save(tmp_path / "masks" / "face.png", **options)
    return _recipe(tmp_path, {"mask": "masks/face.png"})


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(GREYS),
        Image.fromarray(GREYS.astype(np.uint16) * 257),
        Image.fromarray(np.dstack([GREYS] * 3)),
        Image.fromarray(np.dstack([GREYS] * 3 + [OPAQUE])),
        Image.fromarray(np.dstack([RED, GREYS])),
        Image.merge("LA", [Image.fromarray(OPAQUE), Image.fromarray(GREYS)]),
        Image.fromarray(GREYS).convert("P"),
    ],
    ids=["grey", "16 bits", "colour", "opaque", "alpha", "grey alpha", "palette"],
)
def test_a_mask_is_its_alpha_channel_or_its_greys(tmp_path, image):
    found = read_space(_mask(tmp_path, image))
    np.testing.assert_allclose(found.mask, GREYS / 255, atol=1e-6)
    assert found.mask.dtype == np.float32
    assert found.basis is None


def test_a_mask_may_be_black_and_white(tmp_path):
    found = read_space(_mask(tmp_path, Image.fromarray(GREYS > 100)))
    np.testing.assert_array_equal(found.mask, GREYS > 100)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (Image.fromarray(0 * GREYS), {"remedy": "paint white"}),
        (Image.fromarray(np.dstack([RED, 0 * GREYS])), {"remedy": "make opaque"}),
        (Image.fromarray(RED), {"remedy": "make the rest transparent"}),
        (Image.fromarray(GREYS.T.copy()), {"value": SIZE[::-1], "allowed": str(SIZE)}),
        (Image.fromarray(GREYS[1:]), {"value": (SIZE[0] - 1, SIZE[1]), "remedy": "of that size"}),
    ],
    ids=["black", "transparent", "coloured", "turned", "smaller"],
)
def test_masks_that_cannot_be_used_are_refused(tmp_path, image, told):
    with refused(file="face.png", field="space.mask", **told):
        read_space(_mask(tmp_path, image))


@pytest.mark.parametrize("damage", [lambda d: d[:40], lambda _: b"", lambda _: b"GIF89a"])
def test_what_is_no_png_is_refused(tmp_path, damage):
    recipe = _mask(tmp_path, Image.fromarray(GREYS))
    file = tmp_path / "masks" / "face.png"
    file.write_bytes(damage(file.read_bytes()))
    with refused(file="face.png", field="space.mask"):
        read_space(recipe)


def test_a_mask_may_have_any_size_where_images_keep_theirs(tmp_path):
    (tmp_path / "masks").mkdir()
    Image.fromarray(GREYS).save(tmp_path / "masks" / "face.png")
    recipe = _recipe(tmp_path, {"mask": "masks/face.png"}, size=None)
    assert read_space(recipe).mask.shape == SIZE


@pytest.mark.parametrize("key", ["mask", "basis"])
def test_a_missing_file_is_named(tmp_path, key):
    recipe = _recipe(tmp_path, {key: "none.png"})
    for read in (space_digests, read_space):
        with refused(file=tmp_path / "none.png", field=f"space.{key}", problem="no such file"):
            read(recipe)


@pytest.mark.parametrize("name", ["basis.npy", "basis.npz"])
def test_a_basis_is_an_array_in_a_file(tmp_path, name):
    basis = np.random.default_rng(0).standard_normal((3, 1, *SIZE))
    (np.save if name.endswith("npy") else np.savez)(tmp_path / name, basis)
    recipe = _recipe(tmp_path, {"basis": name})
    np.testing.assert_array_equal(read_space(recipe).basis, basis)
    assert space_digests(recipe).by_key == {"basis": file_sha256(tmp_path / name)}


@pytest.mark.parametrize(
    ("basis", "told"),
    [
        (np.ones((1, *SIZE)), {"value": f"float64 (1, {SIZE[0]}, {SIZE[1]})"}),
        (np.ones((2, 1, *SIZE), dtype=int), {"allowed": "floats (K, C, H, W)"}),
        (np.ones((2, 1, 4, 4)), {"value": (4, 4), "allowed": str(SIZE)}),
    ],
)
def test_a_basis_of_another_shape_is_refused(tmp_path, basis, told):
    np.save(tmp_path / "basis.npy", basis)
    with refused(file="basis.npy", field="space.basis", **told):
        read_space(_recipe(tmp_path, {"basis": "basis.npy"}))


def test_a_file_that_is_no_array_is_refused(tmp_path):
    (tmp_path / "basis.npy").write_text("1, 2")
    with refused(file="basis.npy", field="space.basis"):
        read_space(_recipe(tmp_path, {"basis": "basis.npy"}))


def test_a_mask_that_changed_meanwhile_is_noticed(tmp_path):
    recipe = _mask(tmp_path, Image.fromarray(GREYS))
    before = space_digests(recipe)
    np.testing.assert_array_equal(read_space(recipe, before).mask, read_space(recipe).mask)
    Image.fromarray(GREYS[::-1].copy()).save(tmp_path / "masks" / "face.png")
    with refused(file="face.png", field="space.mask", remedy="run again"):
        read_space(recipe, before)
    assert space_digests(recipe) != before


def test_a_recipe_with_all_of_it_is_written_and_read(tmp_path):
    space = {
        "mask": "masks/face.png",
        "basis": "b.npz",
        "cycles_per_degree": [0.5, 4],
        "pixels_per_degree": 30,
        "limit": 5,
    }
    recipe = _recipe(tmp_path, space)
    assert recipe.space.band(60) == (1.0, 8.0)
    dump(recipe, tmp_path / "again.yaml")
    assert load(tmp_path / "again.yaml", Recipe).model_dump() == recipe.model_dump()


@pytest.mark.parametrize(
    ("space", "side", "band"),
    [
        ({}, 64, None),
        ({"cycles_per_image": 8}, 64, (0.0, 8.0)),
        ({"cycles_per_image": [2, 8]}, 64, (2.0, 8.0)),
        ({"cycles_per_degree": 4, "pixels_per_degree": 32}, 64, (0.0, 8.0)),
    ],
)
def test_bands_are_in_cycles_per_image(tmp_path, space, side, band):
    assert _recipe(tmp_path, space).space.band(side) == band


@pytest.mark.parametrize("cycles", [0, -1, [4, 4], [5, 4], [-1, 4], [0, 0]])
@pytest.mark.parametrize("key", ["cycles_per_image", "cycles_per_degree"])
def test_what_is_no_band_is_refused(tmp_path, cycles, key):
    with refused(field=f"space.{key}", problem="is no band", allowed="a number above 0"):
        _recipe(
            tmp_path, {key: cycles, "pixels_per_degree": 30} if "degree" in key else {key: cycles}
        )


def test_a_limit_is_for_principal_and_random_distortions(tmp_path):
    recipe = _recipe(tmp_path, {"limit": 5})
    eigen = {"kind": "eigen", "model": "LN"}
    with pytest.raises(ValueError, match=r"space\.limit: .*not for eigen"):
        Recipe.model_validate(recipe.model_dump() | {"distortions": [eigen]})
    with refused(field="space.limit", value=1):
        _recipe(tmp_path, {"limit": 1})


def test_a_recipe_of_a_set_made_before_there_were_masks_has_not_changed(tmp_path):
    recipe = _recipe(tmp_path, {"window": 0.8})
    stored = recipe.model_dump(mode="json")
    for new in ("mask", "basis", "limit"):
        del stored["space"][new]
    assert recipe.changed_since(stored) == ()
    assert recipe.changed_since(stored | {"seed": 1}) == ("seed",)
    assert recipe.changed_since(stored | {"space": {"window": 0.9}}) == ("space",)
    assert recipe.changed_since({**stored, "nonsense": 1})
