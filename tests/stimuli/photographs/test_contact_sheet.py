import numpy as np
from PIL import Image
from refusals import refused

from pdpsych.stimuli.photographs.contact_sheet import thumbnail, write_contact_sheet


def test_each_image_has_a_place(tmp_path):
    grey, colour = np.full((1, 16, 24), 0.5, np.float32), np.zeros((3, 16, 16), np.float32)
    colour[0] = 1
    write_contact_sheet(tmp_path / "sheet.png", {"grey": grey, "red": colour})
    with Image.open(tmp_path / "sheet.png") as sheet:
        shown = np.asarray(sheet.convert("RGB")).reshape(-1, 3)
    assert (shown == [255, 0, 0]).all(axis=1).mean() > 0.2
    assert (np.abs(shown.astype(int) - 128) < 2).all(axis=1).mean() > 0.15


def test_a_thumbnail_is_no_larger_than_its_place():
    image = np.arange(3 * 600 * 400, dtype=np.float32).reshape(3, 600, 400)
    small = thumbnail(image)
    assert small.shape == (3, 300, 200)
    assert np.array_equal(small, image[:, ::2, ::2])
    assert np.array_equal(thumbnail(image[:, :9, :9]), image[:, :9, :9])


def test_nothing_to_draw_is_refused(tmp_path):
    with refused(file="sheet.png"):
        write_contact_sheet(tmp_path / "sheet.png", {})
    assert not list(tmp_path.iterdir())
