"""Distortions from elsewhere in a set, from files to sensitivities."""

import numpy as np
import pytest
from PIL import Image
from refusals import refused
from skimage import data

from pdpsych import stimuli

RECIPE = """
images: [{folder: photographs}]
preprocess: {size: 32, range: [0.05, 0.95]}
models: [LN, LGN]
distortions:
  - {kind: file, name: mine, first: "own/{image}.npy", second: "own/{image}-worse.png"}
  - {kind: degraded, first: {jpeg: 20}, second: {blur: 1.5}}
"""


@pytest.fixture
def study(tmp_path):
    """Write two photographs, an array and a distorted photograph of each, and a recipe."""
    (tmp_path / "photographs").mkdir()
    (tmp_path / "own").mkdir()
    rng = np.random.default_rng(3)
    for name, photograph in (("camera", data.camera()), ("cat", data.cat()[..., 1])):
        small = Image.fromarray(photograph[:64, :64])
        small.save(tmp_path / "photographs" / f"{name}.png")
        small.rotate(180).save(tmp_path / "own" / f"{name}-worse.png")
        np.save(tmp_path / "own" / f"{name}.npy", 7 * rng.standard_normal((32, 32)))
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def test_they_are_measured_like_any_other(study):
    made = stimuli.generate(study / "mine.yaml")
    for name in made.images:
        image = made[name]
        assert [pair.name for pair in image] == ["mine", "jpeg-20-blur-1-5"]
        array = np.load(study / "own" / f"{name}.npy")
        np.testing.assert_allclose(image["mine"].u[0], array / np.linalg.norm(array), atol=1e-6)
        worse = stimuli.load_image(
            study / "own" / f"{name}-worse.png", stimuli.Preprocess(size=32, range=(0.05, 0.95))
        )
        change = (worse - image.base)[0]
        np.testing.assert_allclose(image["mine"].v[0], change / np.linalg.norm(change), atol=1e-6)
        assert set(image["mine"].certificate["files"]) == {
            f"own/{name}.npy",
            f"own/{name}-worse.png",
        }
    ratios = made.log_ratios()
    assert set(ratios["kind"]) == {"file", "degraded"}
    assert np.isfinite(ratios["log_ratio"]).all()
    assert made.has_finite_responses
    assert stimuli.generate(study / "mine.yaml").path == made.path


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros((32, 32)), {"remedy": "a stronger one"}),
        (np.full((32, 32), np.nan), {"file": "cat.npy"}),
        (np.ones((16, 32)), {"field": "shape", "value": (1, 16, 32)}),
        (None, {"file": "cat.npy"}),
    ],
    ids=["nothing", "not finite", "other shape", "missing"],
)
def test_what_is_no_distortion_is_refused(study, array, told):
    path = study / "own" / "cat.npy"
    path.unlink()
    if array is not None:
        np.save(path, array)
    with pytest.raises(stimuli.SetUnfinished) as raised:
        stimuli.generate(study / "mine.yaml")
    reason = raised.value.failed["cat"]
    assert all(str(value) in reason for value in told.values())


def test_a_name_of_a_kind_is_refused(study):
    text = RECIPE.replace("name: mine", "name: random")
    (study / "mine.yaml").write_text(text)
    with refused(value="random"):
        stimuli.generate(study / "mine.yaml")
