from __future__ import annotations

import dataclasses
import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from pdpsych.common.files.digests import file_sha256
from pdpsych.stimuli import Recipe
from pdpsych.stimuli.generation import unit
from pdpsych.stimuli.generation.unit import Maker, UnitRecord, find_unit, units_of
from pdpsych.stimuli.manifest import ImageEntry, RepresentationRecord
from pdpsych.stimuli.photographs.images import base_images
from pdpsych.stimuli.recipe import Preprocess, Random, Source

RECORD = RepresentationRecord(
    name="LN",
    layer="response",
    noise="Gaussian",
    architecture="LN",
    training="",
    depth=0,
    preprocessing="",
    weights_sha256="",
)


def _recipe(*samples, **changes):
    values = {
        "images": tuple(Source(sample=name) for name in samples or ("cat", "coffee")),
        "preprocess": Preprocess(size=16),
        "models": ("LN", "identity"),
        "distortions": (Random(kind="random"),),
        "linearity": None,
    }
    return Recipe(**(values | changes))


def _digests(recipe, records=(RECORD,)):
    return {u.image.name: u.digest for u in units_of(recipe, base_images(recipe), records)}


@pytest.fixture
def maker(tmp_path):
    return Maker(_recipe(), tmp_path, "cpu")


@pytest.fixture
def cat(maker):
    return units_of(maker.recipe, base_images(maker.recipe), [RECORD])[0]


def test_a_unit_does_not_depend_on_the_other_images_of_a_recipe():
    assert _digests(_recipe("coffee", "cat", "brick"))["cat"] == _digests(_recipe("cat"))["cat"]
    assert len(set(_digests(_recipe("coffee", "cat", "brick")).values())) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"floor": 0.1},
        {"seed": 1},
        {"models": ("identity", "LN")},
        {"precision": "float64"},
        {"deterministic": True},
        {"preprocess": Preprocess(size=18)},
        {"distortions": (Random(kind="random", pairs=2),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_unit_depends_on_everything_that_could_change_its_result(change):
    assert _digests(_recipe(**change))["cat"] != _digests(_recipe())["cat"]


def test_a_unit_depends_on_the_weights_and_the_pixels(cat):
    other = RECORD.model_copy(update={"weights_sha256": "0"})
    assert _digests(_recipe(), [other])["cat"] != cat.digest
    painted = dataclasses.replace(cat.image, sha256="0")
    assert units_of(_recipe(), [painted], [RECORD])[0].digest != cat.digest


def test_a_unit_is_made_once(maker, cat, tmp_path):
    assert find_unit(tmp_path, cat) is None
    assert maker(cat).failure is None
    record = tmp_path / cat.digest / "unit.json"
    before = record.stat().st_mtime_ns
    assert maker(cat).failure is None
    assert record.stat().st_mtime_ns == before
    assert [p.name for p in tmp_path.iterdir()] == [cat.digest]
    found = find_unit(tmp_path, cat)
    assert found.image.name == "cat"
    files = {p.relative_to(record.parent).as_posix() for p in record.parent.rglob("*.*")}
    assert files == {*found.files, "unit.json"}


def test_a_unit_says_whether_its_kernels_were_deterministic(tmp_path):
    for asked, precision in ((False, "float32"), (True, "float32, deterministic kernels")):
        maker = Maker(_recipe(deterministic=asked), tmp_path, "cpu")
        unit = units_of(maker.recipe, base_images(maker.recipe), [RECORD])[0]
        assert maker(unit).failure is None
        record = json.loads((tmp_path / unit.digest / "unit.json").read_text())
        assert record["environment"]["precision"] == precision


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda place: _flip(place / "arrays" / "cat.npz"),
        lambda place: (place / "previews" / "cat.png").unlink(),
        lambda place: (place / "unit.json").unlink(),
        lambda place: (place / "unit.json").write_text('{"image": '),
        lambda place: (place / "unit.json").write_text("{}"),
    ],
    ids=["changed", "missing", "no record", "half a record", "another record"],
)
def test_a_damaged_unit_is_made_again(maker, cat, tmp_path, damage):
    maker(cat)
    place = tmp_path / cat.digest
    arrays = (place / "arrays" / "cat.npz").read_bytes()
    damage(place)
    assert find_unit(tmp_path, cat) is None
    assert maker(cat).failure is None
    assert find_unit(tmp_path, cat) is not None
    assert (place / "arrays" / "cat.npz").read_bytes() == arrays


def test_two_that_make_the_same_unit_leave_one(maker, cat, tmp_path, monkeypatch):
    """The second finds the first's unit only when it renames its own."""
    plain = unit._make_image

    def overtaken(*arguments):
        entry = plain(*arguments)
        monkeypatch.setattr(unit, "_make_image", plain)
        maker._make(cat, lambda: None)
        return entry

    monkeypatch.setattr(unit, "_make_image", overtaken)
    assert maker(cat).failure is None
    assert [p.name for p in tmp_path.iterdir()] == [cat.digest]
    assert find_unit(tmp_path, cat) is not None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "out of memory.*reduce jobs, preprocess.size"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 bytes"), "out of memory"),
        (KeyError("x"), r"KeyError: 'x' \(test_unit.py, line \d+\)"),
    ],
    ids=["memory", "allocator", "defect"],
)
def test_what_goes_wrong_is_the_outcome_and_leaves_nothing(
    maker, cat, tmp_path, monkeypatch, error, words
):
    def fail(*_):
        raise error

    monkeypatch.setattr(unit, "_make_image", fail)
    assert re.search(words, maker(cat).failure)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_does_not_see_the_folder_says_so(maker, cat, tmp_path):
    blind = dataclasses.replace(maker, folder=tmp_path / "elsewhere")
    assert "not seen by the worker" in blind(cat).failure


def test_steps_are_told(maker, cat, tmp_path):
    steps = []
    recipe = Recipe.model_validate(
        json.loads(_recipe().model_dump_json())
        | {"distortions": [{"kind": "principal", "iterations": 3}]}
    )
    Maker(recipe, tmp_path, "cpu")(cat, lambda: steps.append(1))
    assert 1 <= len(steps) <= 4


def test_a_record_that_was_changed_or_leads_elsewhere_is_made_again(maker, cat, tmp_path):
    maker(cat)
    place = tmp_path / cat.digest / "unit.json"
    record = json.loads(place.read_text())
    (tmp_path / "outside").write_text("x")
    for change in (
        {"image": record["image"] | {"encoding": "linear"}},
        {"files": record["files"] | {"../outside": file_sha256(tmp_path / "outside")}},
        {"files": {}},
    ):
        place.write_text(json.dumps(record | change))
        assert find_unit(tmp_path, cat) is None
    files = record["files"] | {"../outside": file_sha256(tmp_path / "outside")}
    entry = ImageEntry.model_validate(record["image"])
    place.write_text(UnitRecord.of(entry, files, None).model_dump_json())
    assert find_unit(tmp_path, cat) is None
    assert maker(cat).failure is None
    assert find_unit(tmp_path, cat) is not None


def test_units_say_what_they_were_made_with_and_older_ones_are_taken(maker, cat, tmp_path):
    maker(cat)
    found = find_unit(tmp_path, cat)
    assert found.environment.threads == 1
    assert found.environment.versions["torch"] == version("torch")
    assert found.environment.device.startswith("cpu, ")
    place = tmp_path / cat.digest / "unit.json"
    older = json.loads(UnitRecord.of(found.image, found.files, None).model_dump_json())
    del older["environment"]
    place.write_text(json.dumps(older))
    assert find_unit(tmp_path, cat).environment is None
    place.write_text(json.dumps(json.loads(found.model_dump_json()) | {"environment": None}))
    assert find_unit(tmp_path, cat) is None
