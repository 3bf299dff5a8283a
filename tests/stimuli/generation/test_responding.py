"""Responses are added to sets that lack them, and files that are not theirs are refused."""

from __future__ import annotations

import json
import pickle
import shutil

import numpy as np
import pytest
from refusals import refused
from typer.testing import CliRunner

from pdpsych import stimuli
from pdpsych.cli.main import app
from pdpsych.common.files.digests import file_sha256
from pdpsych.displays import Display
from pdpsych.stimuli import NewImage, NewPair, StimulusSet
from pdpsych.stimuli.responses.figures import draw_responses


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    recipe = stimuli.Recipe(
        images=[{"sample": "cat"}, {"sample": "coffee"}],
        preprocess={"size": 16, "range": [0.2, 0.8]},
        models=["identity", "LN", "LGN"],
        distortions=[{"kind": "random", "pairs": 2}],
    )
    return stimuli.generate(recipe, out=tmp_path_factory.mktemp("sets") / "small")


@pytest.fixture
def copied(made, tmp_path):
    return StimulusSet.open(shutil.copytree(made.path, tmp_path / "small"))


def test_what_is_added_is_what_would_have_been_there(made, copied):
    shutil.rmtree(copied.path / "responses")
    assert not copied.has_finite_responses
    command = f"pdpsych respond {copied.path}"
    with refused(file="small", field="images.cat", remedy=command):
        copied.finite_responses()
    assert copied["cat"].pairs[0].linearity is None
    after = stimuli.add_finite_responses(copied.path)
    assert after.sha256 == made.sha256 == StimulusSet.open(copied.path).sha256
    for image in made.images:
        name = f"responses/{image}.json"
        assert (copied.path / name).read_text() == (made.path / name).read_text()
    assert after["cat"].pairs[0].linearity == made["cat"].pairs[0].linearity


def test_responses_travel_to_other_processes(made):
    there = pickle.loads(pickle.dumps(made.finite_responses()))
    for key, models in made.finite_responses().items():
        for model, known in models.items():
            np.testing.assert_array_equal(there[key][model].values, known.values)


def test_responses_that_are_there_are_not_found_again(copied, monkeypatch):
    monkeypatch.setattr("pdpsych.stimuli.generation.responding.rebuilt", None)
    assert stimuli.add_finite_responses(copied) is copied


def test_only_what_is_damaged_is_found_again(made, copied):
    before = (copied.path / "responses" / "coffee.json").stat().st_mtime_ns
    damaged = copied.path / "responses" / "cat.json"
    damaged.write_text(damaged.read_text()[:200])
    with refused(file="cat.json", remedy="pdpsych respond"):
        copied.finite_responses()["cat", "random-1", 1]
    stimuli.add_finite_responses(copied)
    assert (copied.path / "responses" / "coffee.json").stat().st_mtime_ns == before
    assert damaged.read_text() == (made.path / "responses" / "cat.json").read_text()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"arrays_sha256": "0" * 64}, "arrays_sha256"),
        ({"image": "dog"}, "image"),
        ({"dimension": 1}, "dimension"),
        ({"distortions": []}, "distortions"),
        ({"calibration_sha256": "0"}, "calibration_sha256"),
        ({"schema_version": 99}, "schema_version"),
        ({"dimension": "many"}, "dimension"),
    ],
)
def test_responses_of_something_else_are_refused(copied, change, field):
    file = copied.path / "responses" / "cat.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    responses = copied.finite_responses()
    with refused(file="cat.json", field=field):
        responses["cat", "random-1", 1]
    assert responses["coffee", "random-1", 1]["LN"].largest > 0
    with refused(file="cat.json"):
        copied.describe()


@pytest.mark.parametrize(
    "change",
    [
        {"rms": [0.2, 0.1]},
        {"values": {"LN": [[1.0], [1.0, 2.0]]}},
        {"values": {"LN": [[1.0], [1.0]]}},
        {"values": {"LN": [[1.0, -1.0], [1.0, 1.0]]}},
    ],
)
def test_curves_that_cannot_be_are_refused(copied, change):
    file = copied.path / "responses" / "cat.json"
    data = json.loads(file.read_text())
    rows = {model: [[1.0, 2.0], [1.0, 2.0]] for model in data["distortions"][0]["values"]}
    data["distortions"][0] |= {"rms": [0.1, 0.2], "values": rows}
    file.write_text(json.dumps(data))
    assert copied.finite_responses()["cat", "random-1", 1]["LN"].largest == pytest.approx(3.2)
    changed = change if "rms" in change else {"values": rows | change["values"]}
    data["distortions"][0] |= changed
    file.write_text(json.dumps(data))
    with refused(file="cat.json", remedy="pdpsych respond"):
        copied.finite_responses()["cat", "random-1", 1]


def test_numbers_have_seven_digits(made):
    text = (made.path / "responses" / "cat.json").read_text()
    for one in json.loads(text)["distortions"]:
        for number in [*one["rms"], *np.ravel(list(one["values"].values()))]:
            assert number == float(f"{number:.7g}")


def test_a_model_with_other_weights_is_refused(copied, monkeypatch):
    shutil.rmtree(copied.path / "responses")
    manifest = copied.path / "manifest.json"
    data = json.loads(manifest.read_text())
    data["representations"][1]["weights_sha256"] = "0" * 64
    manifest.write_text(json.dumps(data))
    with refused(field="models", value="LN", remedy="generate the set again"):
        stimuli.add_finite_responses(copied.path)


def test_a_set_of_arrays_cannot_build_its_models(tmp_path):
    u, v = np.eye(64).reshape(64, 1, 8, 8)[:2]
    pair = NewPair(u, v, sensitivities={"A": (2.0, 1.0), "B": (1.0, 3.0)})
    image = NewImage(np.full((1, 8, 8), 0.5), {"dots": pair})
    made = StimulusSet.create(tmp_path / "mine", {"grey": image})
    with refused(field="models"):
        stimuli.add_finite_responses(made)


def test_the_commands_add_and_draw_them(copied):
    runner = CliRunner()
    shutil.rmtree(copied.path / "responses")
    seen = runner.invoke(app, ["inspect", str(copied.path)])
    assert f"to add them, run: pdpsych respond {copied.path}" in seen.output
    added = runner.invoke(app, ["respond", str(copied.path)])
    assert added.exit_code == 0
    assert "responses to the distortions of 2 images" in added.output
    assert copied.has_finite_responses
    assert "cat.png" in runner.invoke(app, ["inspect", str(copied.path)]).output
    assert (copied.path / "responses" / "cat.png").is_file()
    # The pictures are no part of the set either.
    assert StimulusSet.open(copied.path) == copied


def test_an_image_without_room_has_no_curves(tmp_path):
    """Black and white pixels change at once beyond the gamut; that is no error."""
    recipe = stimuli.Recipe(
        images=[{"sample": "cat"}],
        preprocess={"size": 16},
        models=["identity", "LN"],
        distortions=[{"kind": "random"}],
    )
    made = stimuli.generate(recipe, out=tmp_path / "set")
    base = np.array(made["cat"].base)
    base[0, 0, :2] = 0, 1
    u, v = made["cat"]["random-1"].u, made["cat"]["random-1"].v
    arrays = made.path / "arrays" / "cat.npz"
    np.savez(arrays, image=base, distortions=np.stack([u, v])[None])
    manifest = made.path / "manifest.json"
    data = json.loads(manifest.read_text())
    data["files"]["arrays/cat.npz"] = file_sha256(arrays)
    manifest.write_text(json.dumps(data))
    opened = stimuli.add_finite_responses(made.path)
    response = opened.finite_responses()["cat", "random-1", 1]["LN"]
    assert (response.largest, response.ended) == (0.0, "")
    assert opened["cat"]["random-1"].linearity is None
    assert "of linear" not in opened.describe()
    assert draw_responses(opened)
    asked = stimuli.calibrate(opened, Display(), models=True, max_clipped=0.2)
    shown = stimuli.shown_responses(opened, asked)["cat", "random-1", 1]["LN"]
    assert shown.largest > 0
