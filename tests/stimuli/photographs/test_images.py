from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import ExifTags, Image
from refusals import refused
from skimage import data

from pdpsych.common.errors import InputError
from pdpsych.displays.encoding import linear_from_srgb
from pdpsych.stimuli import Recipe, load_image, sample_names
from pdpsych.stimuli.photographs.images import base_images
from pdpsych.stimuli.recipe import Preprocess, Source

OWN = Preprocess(size=None)


def _save(tmp_path, array, name="photo.png", mode=None):
    path = tmp_path / name
    Image.fromarray(array, mode).save(path)
    return path


def _recipe(*images, **options):
    return Recipe(images=images, models=("LN", "LGN"), **options)


def test_a_photograph_keeps_its_values(tmp_path):
    pixels = data.camera()[:64, :80]
    loaded = load_image(_save(tmp_path, pixels), OWN)
    assert loaded.dtype == np.float32
    np.testing.assert_allclose(loaded[0], pixels / 255, atol=1e-6)


def test_linear_encoding_is_luminance(tmp_path):
    pixels = data.camera()[:32, :32]
    loaded = load_image(_save(tmp_path, pixels), Preprocess(size=None, encoding="linear"))
    np.testing.assert_allclose(loaded[0], linear_from_srgb(pixels / 255), atol=1e-6)


def test_grey_is_rec709_luminance_and_rgb_keeps_colour(tmp_path):
    pixels = data.astronaut()[:32, :32]
    path = _save(tmp_path, pixels)
    luminance = linear_from_srgb(pixels / 255) @ [0.2126, 0.7152, 0.0722]
    grey = load_image(path, Preprocess(size=None, encoding="linear"))
    np.testing.assert_allclose(grey[0], luminance, atol=1e-6)
    colour = load_image(path, Preprocess(size=None, colour="rgb"))
    np.testing.assert_allclose(colour, np.moveaxis(pixels / 255, 2, 0), atol=1e-6)


def test_sixteen_bits_keep_their_precision(tmp_path):
    pixels = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    loaded = load_image(_save(tmp_path, pixels), OWN)
    np.testing.assert_allclose(loaded[0], pixels / 65535, atol=1e-6)


def test_float_arrays_are_taken_as_they_are(tmp_path):
    values = np.random.default_rng(0).random((24, 30))
    np.save(tmp_path / "x.npy", values)
    for encoding in ("srgb", "linear"):
        loaded = load_image(tmp_path / "x.npy", Preprocess(size=None, encoding=encoding))
        np.testing.assert_allclose(loaded[0], values, atol=1e-6)


def test_resize_crop_and_range():
    preprocess = Preprocess(size=(96, 112), resize=128, range=(0.1, 0.8))
    (image,) = base_images(_recipe(Source(sample="coffee")))
    pixels = image.prepare(preprocess).pixels
    assert pixels.shape == (1, 96, 112)
    assert pixels.min() >= 0.1
    assert pixels.max() <= 0.8


def test_resizing_conserves_mean_luminance():
    preprocess = Preprocess(size=256, encoding="linear")
    (image,) = base_images(_recipe(Source(sample="astronaut")))
    full = linear_from_srgb(data.astronaut() / 255) @ [0.2126, 0.7152, 0.0722]
    assert image.prepare(preprocess).pixels.mean() == pytest.approx(full.mean(), rel=1e-3)


def test_own_sizes_become_even(tmp_path):
    loaded = load_image(_save(tmp_path, data.camera()[:33, :47]), OWN)
    assert loaded.shape == (1, 32, 46)


def test_exif_orientation_is_applied(tmp_path):
    photograph = Image.fromarray(data.camera()[:32, :48])
    exif = photograph.getexif()
    exif[0x0112] = 6
    photograph.save(tmp_path / "turned.png", exif=exif)
    assert load_image(tmp_path / "turned.png", OWN).shape == (1, 48, 32)


def test_every_sample_is_a_photograph():
    sources = [Source(sample=name) for name in sample_names()]
    images = base_images(_recipe(*sources))
    assert [image.name for image in images] == list(sample_names())
    assert all(image.prepare(Preprocess(size=64)).pixels.std() > 0.02 for image in images)
    assert len({image.sha256 for image in images}) == len(images)


def test_a_folder_gives_its_images_in_order(tmp_path):
    for name in ("b.png", "a.jpg", "c.tif"):
        _save(tmp_path, data.camera()[:32, :32], name)
    (tmp_path / "notes.txt").write_text("no image")
    found = base_images(_recipe(Source(folder=tmp_path), preprocess=OWN))
    assert [image.name for image in found] == ["a", "b", "c"]
    for image in found:
        assert image.sha256 == hashlib.sha256((tmp_path / image.source).read_bytes()).hexdigest()
        np.testing.assert_array_equal(
            image.prepare(OWN).pixels, load_image(tmp_path / image.source, OWN)
        )


def test_listing_decodes_nothing(tmp_path):
    """A damaged image fails where it is read, not where a thousand are listed."""
    _save(tmp_path, data.camera()[:64, :64], "good.png")
    _damaged(_save(tmp_path, data.astronaut()[:200, :200], "damaged.png"))
    damaged, good = base_images(_recipe(Source(folder=tmp_path), preprocess=OWN))
    assert good.prepare(OWN).pixels.shape == (1, 64, 64)
    with refused(file="damaged.png"):
        damaged.prepare(OWN)


def test_a_file_that_changes_after_it_was_listed_is_refused(tmp_path):
    _save(tmp_path, data.camera()[:64, :64])
    (image,) = base_images(_recipe(Source(folder=tmp_path), preprocess=OWN))
    _save(tmp_path, data.camera()[64:128, :64])
    with refused(file="photo.png", remedy="run again"):
        image.prepare(OWN)


def test_all_that_cannot_be_used_is_told(tmp_path):
    Image.new("CMYK", (32, 32)).save(tmp_path / "colours.tif")
    Image.new("L", (20, 32)).save(tmp_path / "narrow.png")
    # Lying, 20 high; held upright it is 20 wide.
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    Image.new("L", (32, 20)).save(tmp_path / "turned.jpg", exif=turned)
    for name in ("cut.png", "whole.png"):
        _save(tmp_path, data.astronaut()[:200, :200], name)
    _damaged(tmp_path / "cut.png")
    fits = Preprocess(size=(24, 16))
    found = {}
    for image in base_images(_recipe(Source(folder=tmp_path))):
        try:
            image.prepare(fits)
        except InputError as error:
            found[image.name] = error
    assert found.keys() == {"colours", "cut"}
    assert found["colours"].field == "ICC profile"
    for name in ("narrow.png", "turned.jpg"):
        (image,) = base_images(_recipe(Source(file=tmp_path / name)))
        with refused(file=name, remedy="never enlarged"):
            image.prepare(Preprocess(size=24))


def _damaged(path):
    path.write_bytes(path.read_bytes()[:2000])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda p: Image.new("RGBA", (32, 32)).save(p / "x.png"), {"field": "alpha"}),
        (lambda p: Image.new("CMYK", (32, 32)).save(p / "x.tif"), {"field": "ICC profile"}),
        (lambda p: Image.new("L", (6, 6)).save(p / "x.png"), {"remedy": "never enlarged"}),
        (lambda p: (p / "x.png").write_text("no image"), {"allowed": ".png"}),
        (lambda p: (p / "x.png").mkdir(), {}),
        (lambda p: np.save(p / "x.npy", np.full((32, 32), np.nan)), {}),
        (lambda p: np.save(p / "x.npy", np.full((32, 32), 1.5)), {"allowed": "[0, 1]"}),
        (lambda p: np.save(p / "x.npy", np.zeros((32, 32), int)), {"field": "dtype"}),
        (lambda p: np.save(p / "x.npy", np.zeros((32, 32, 4))), {"value": (32, 32, 4)}),
        (lambda p: np.save(p / "x.npy", np.array([{}]), allow_pickle=True), {}),
        (lambda p: None, {}),
    ],
)
def test_images_that_cannot_be_used_are_refused(tmp_path, make, told):
    make(tmp_path)
    path = next(iter(tmp_path.iterdir()), tmp_path / "x.png")
    with refused(file=path, **told):
        load_image(path, OWN)


def test_a_refused_image_reads_as_a_sentence(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((32, 32, 4)))
    with refused() as told:
        load_image(tmp_path / "x.npy")
    assert str(told.value) == (
        f"{tmp_path / 'x.npy'}: shape: not the shape of an image, got (32, 32, 4); "
        "allowed: (H, W), (H, W, 3)"
    )


def test_a_truncated_file_is_damaged(tmp_path):
    path = _save(tmp_path, data.astronaut()[:200, :200])
    _damaged(path)
    with refused(file=path):
        load_image(path, OWN)


def test_images_are_never_enlarged(tmp_path):
    path = _save(tmp_path, data.camera()[:100, :100])
    with refused(file=path, remedy="never enlarged"):
        load_image(path, Preprocess(size=224))


def test_mixed_sizes_only_where_the_recipe_says_so(tmp_path):
    sources = [Source(file=_save(tmp_path, data.camera()[:a, :64], f"i{a}.png")) for a in (32, 48)]
    with refused(field="images", remedy="mixed_sizes"):
        base_images(_recipe(*sources, preprocess=OWN))
    assert len(base_images(_recipe(*sources, preprocess=OWN, mixed_sizes=True))) == 2


def test_the_sizes_listed_are_those_read(tmp_path):
    """A turned photograph, an array and a sample of one size; then one of another."""
    photograph = Image.fromarray(data.camera()[:400, :501])
    exif = photograph.getexif()
    exif[0x0112] = 6
    photograph.save(tmp_path / "turned.png", exif=exif)
    np.save(tmp_path / "array.npy", np.random.default_rng(0).random((501, 401)))
    base_images(_recipe(Source(folder=tmp_path), preprocess=OWN))
    coffee = Source(sample="coffee")
    with refused(field="images") as told:
        base_images(_recipe(Source(folder=tmp_path), coffee, preprocess=OWN))
    assert "array 500×400, coffee 400×600" in told.value.problem
    listed = base_images(_recipe(Source(folder=tmp_path), coffee, preprocess=OWN, mixed_sizes=True))
    shapes = [image.prepare(OWN).pixels.shape[1:] for image in listed]
    assert shapes == [(500, 400), (500, 400), (400, 600)]


def test_two_images_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        _save(tmp_path / folder, data.camera()[:32, :32])
    sources = [Source(file=tmp_path / f / "photo.png") for f in ("a", "b")]
    with refused(field="images", value="photo", remedy="rename one"):
        base_images(_recipe(*sources, preprocess=OWN))


def test_an_unknown_sample_and_an_empty_folder_are_refused(tmp_path):
    with refused(field="images", value="cofee", allowed="coffee"):
        base_images(_recipe(Source(sample="cofee")))
    with refused(field="images", value=str(tmp_path), allowed=".png"):
        base_images(_recipe(Source(folder=tmp_path)))
    with refused(field="images", value=str(tmp_path / "x")):
        base_images(_recipe(Source(folder=tmp_path / "x")))


def test_names_are_made_safe_and_told_apart(tmp_path):
    for name in ("con.png", "a name of.dots..png", f"{'long' * 40}.png"):
        _save(tmp_path, data.camera()[:32, :32], name)
    names = [image.name for image in base_images(_recipe(Source(folder=tmp_path)))]
    assert names[:2] == ["a-name-of-dots-", "con-image"]
    assert len(names[2]) == 60
    _save(tmp_path, data.camera()[:32, :32], "Con.jpg")
    with refused(field="images", remedy="rename one"):
        base_images(_recipe(Source(folder=tmp_path)))
