from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image
from refusals import refused

from pdpsych import geometry, models, stimuli
from pdpsych.common.files.digests import file_sha256
from pdpsych.common.section import load
from pdpsych.stimuli import Recipe, SetUnfinished
from pdpsych.stimuli.generation.pairs import PairMaker, allowed_distortions
from pdpsych.stimuli.generation.unit import units_of
from pdpsych.stimuli.photographs.images import base_images
from pdpsych.stimuli.space_files import space_digests

SIDE = 24


def _image():
    return torch.from_numpy(np.random.default_rng(0).uniform(0.1, 0.9, (1, SIDE, SIDE))).float()


def _recipe(tmp_path, space, distortions="[{kind: random}]"):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"images: [{{sample: cat}}]\npreprocess: {{size: {SIDE}}}\nmodels: [LN, LG]\nseed: 4\n"
        f"distortions: {distortions}\nlinearity: null\nspace: {space}\n"
    )
    return load(path, Recipe)


def _random(recipe, image):
    space = allowed_distortions(recipe, image, space_digests(recipe))
    local = geometry.LocalGeometry(models.load(recipe.models), image)
    maker = PairMaker(recipe, local, "cat", space, [], lambda *_: None)
    (made,) = maker.make(recipe.distortions[0])
    return made.distortions


def _noise():
    """Return the noise of the recipe's seed and the image's name, (2, 1, H, W)."""
    digest = hashlib.sha256(b"4/cat/random-1").digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:6], "big"))
    return torch.randn((2, 1, SIDE, SIDE), generator=generator, dtype=torch.float64).float()


def test_noise_is_what_it_was_before_windows_were_solved_by_their_support(tmp_path):
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    edge = np.clip((1 - np.hypot(rows, columns) / (0.8 * SIDE / 2)) / 0.25, 0, 1)
    window = torch.from_numpy(0.5 - 0.5 * np.cos(np.pi * edge)).float()
    faded = _noise() * window
    expected = faded / faded.flatten(1).norm(dim=1).view(2, 1, 1, 1)
    found = _random(_recipe(tmp_path, "{window: 0.8}"), _image())
    torch.testing.assert_close(found, expected, rtol=3e-7, atol=0)
    plain = _noise() / _noise().flatten(1).norm(dim=1).view(2, 1, 1, 1)
    assert torch.equal(_random(_recipe(tmp_path, "{}"), _image()), plain)


def test_noise_is_within_the_limit(tmp_path):
    found = _random(_recipe(tmp_path, "{window: 0.8, limit: 2.5}"), _image())
    assert float(found.abs().max()) * SIDE == pytest.approx(2.5, rel=1e-5)
    np.testing.assert_allclose(found.flatten(1).norm(dim=1), 1, rtol=1e-5)


@pytest.fixture
def masked(tmp_path):
    """Return a recipe with a mask and a basis behind it."""
    greys = np.zeros((SIDE, SIDE), dtype=np.uint8)
    greys[4:12, 6:20] = 200
    Image.fromarray(greys).save(tmp_path / "mask.png")
    basis = np.random.default_rng(1).standard_normal((6, 1, SIDE, SIDE)).astype(np.float32)
    np.savez(tmp_path / "basis.npz", basis)
    principal = "[{kind: principal, iterations: 5}, {kind: random}]"
    return _recipe(tmp_path, "{mask: mask.png, basis: basis.npz}", principal)


def test_a_set_holds_distortions_of_the_mask_and_the_basis_and_knows_them(masked):
    folder = masked.resolve("")
    made = stimuli.generate(masked)
    digests = {
        k: file_sha256(folder / f) for k, f in (("mask", "mask.png"), ("basis", "basis.npz"))
    }
    assert made.manifest.space_sha256 == digests
    basis = np.load(folder / "basis.npz")["arr_0"].reshape(6, -1)
    inside = basis * (np.asarray(Image.open(folder / "mask.png")) > 0).ravel()
    span = np.linalg.qr(inside.T)[0]
    for pair in made["cat"]:
        for distortion in (pair.u, pair.v):
            flat = distortion.ravel()
            np.testing.assert_allclose(span @ span.T @ flat, flat, atol=1e-5)
    assert stimuli.generate(masked).path == made.path
    Image.fromarray(np.full((SIDE, SIDE), 255, dtype=np.uint8)).save(folder / "mask.png")
    with refused(field="out", file=made.path, remedy="choose another folder"):
        stimuli.generate(masked)


def test_a_changed_file_makes_new_units(masked):
    (before,) = units_of(masked, base_images(masked), [])
    np.savez(masked.resolve("basis.npz"), np.zeros(3))
    (after,) = units_of(masked, base_images(masked), [])
    assert before.digest != after.digest
    assert before.files.mask == after.files.mask


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ("{mask: mask.png}", {"field": "space.mask", "file": "mask.png"}),
        ("{basis: twice.npy}", {"field": "space.basis", "value": 2, "allowed": "3"}),
        ("{window: 0.01}", {"field": "space", "value": 0}),
        ("{cycles_per_image: [40, 50]}", {"field": "space.cycles_per_image"}),
        ("{limit: 1.1, window: 0.5}", {"field": "space.limit", "value": 1.1}),
    ],
)
def test_a_space_that_no_image_fits_is_refused_at_once(tmp_path, space, told):
    Image.fromarray(np.full((SIDE, SIDE - 1), 255, dtype=np.uint8)).save(tmp_path / "mask.png")
    two = np.random.default_rng(0).standard_normal((2, 1, SIDE, SIDE))
    np.save(tmp_path / "twice.npy", two[[0, 1, 1]])
    recipe = _recipe(tmp_path, space)
    with refused(**told) as error:
        stimuli.generate(recipe)
    assert error.value.file is not None


def test_a_file_that_changes_while_units_are_made_stops_them(masked, monkeypatch):
    from pdpsych.stimuli.generation import builder

    def changed(*arguments):
        units = units_of(*arguments)
        Image.fromarray(np.full((SIDE, SIDE), 255, dtype=np.uint8)).save(masked.resolve("mask.png"))
        return units

    monkeypatch.setattr(builder, "units_of", changed)
    with pytest.raises(SetUnfinished) as told:
        stimuli.generate(masked)
    assert "changed while the set was being made" in told.value.failed["cat"]
