from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pdpsych.common.errors import InputError
from pdpsych.stimuli.stimulus_set import (
    ImageEntry,
    LinearityCheck,
    Manifest,
    Pair,
    RepresentationRecord,
    StimulusSet,
    sha256_of,
)

LAYERS = tuple(f"layer{i}" for i in range(7))


def _record(layer: str) -> RepresentationRecord:
    return RepresentationRecord(
        name=f"mine/{layer}",
        layer=layer,
        noise="Gaussian",
        architecture="resnet50",
        training="faces",
        depth=0.5,
        preprocessing="resized",
        weights_sha256="ab",
    )


def _set(sensitivities: dict[str, tuple[float, float]]) -> StimulusSet:
    """Return a set of one image with one pair."""
    pair = Pair(name="principal", kind="principal", sensitivities=sensitivities)
    return _with(pair, ())


def _with(pair: Pair, records: tuple[RepresentationRecord, ...]) -> StimulusSet:
    image = ImageEntry(
        name="cat", source="", source_sha256="", shape=(1, 8, 8), encoding="srgb", pairs=(pair,)
    )
    manifest = Manifest(
        schema_version=2,
        name="set",
        created="",
        versions={},
        recipe={},
        floor=0.0,
        models=tuple(pair.sensitivities),
        representations=records,
        images=(image,),
        files={},
    )
    return StimulusSet(Path("set"), manifest, "ab")


def _text(layers: tuple[str, ...]) -> str:
    records = tuple(map(_record, layers))
    names = ("LN", *(r.name for r in records))
    check = LinearityCheck(
        amplitudes_rms=(0.01,),
        tolerance=0.1,
        largest_rms={name: (0.0, 0.01) if i else (0.01, 0.01) for i, name in enumerate(names)},
        log_ratios={name: (0.0,) for name in names},
        reversals=(0,),
    )
    pair = Pair(
        name="principal",
        kind="principal",
        sensitivities={name: (10.0**i, 1.0) for i, name in enumerate(names)},
        linearity=check,
    )
    return _with(pair, records).describe()


def test_the_summary_gives_each_network_one_line():
    lines = _text(LAYERS).splitlines()
    assert lines[1:4] == [
        "8 models; floor 0",
        "  LN",
        f"  mine: resnet50, faces; image: resized; layers {', '.join(LAYERS)}",
    ]


def test_of_many_models_the_summary_shows_those_at_the_ends():
    text = _text(LAYERS)
    assert "of each pair, the 6 lowest and highest of 8 models:" in text
    ratios = next(line for line in text.splitlines() if line.startswith("  cat/principal"))
    shown = ["LN", *(f"mine/layer{i}" for i in (0, 1, 4, 5, 6))]
    assert ratios.split()[1::2] == shown
    assert "the 6 least linear of 8 models:" in text
    linear = text.splitlines()[text.splitlines().index(ratios) + 2]
    assert "LN" not in linear


def test_of_few_models_the_summary_shows_all():
    text = _text(LAYERS[:3])
    ratios = next(line for line in text.splitlines() if line.startswith("  cat/principal"))
    assert ratios.split()[1::2] == ["LN", *(f"mine/layer{i}" for i in range(3))]
    assert "lowest and highest" not in text


@pytest.mark.parametrize(
    ("both", "ratio"), [((0.0, 2.0), "-inf"), ((2.0, 0.0), "+inf"), ((0.0, 0.0), "+nan")]
)
def test_a_model_that_sees_nothing_has_no_log_ratio(both, ratio):
    blind = _set({"LN": (1.0, np.e), "LG": both})
    with pytest.raises(InputError) as refused:
        blind.log_ratios()
    for part in ("set: image cat, pair principal: model LG", "sees nothing", "leave the model out"):
        assert part in str(refused.value)
    assert f"LN -1.00  LG {ratio}" in str(blind)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_log_ratios_are_of_sensitivities_of_any_size(scale):
    ratios = _set({"LN": (scale, 2 * scale)}).log_ratios()
    assert ratios["log_ratio"].tolist() == pytest.approx([-np.log(2)])


def _written(folder, distortion=1 / 8, **changes):
    """Write a set of one image; ``changes`` are made to its entry, or to the manifest."""
    pairs = [{"name": "random-1", "kind": "random", "sensitivities": {"LN": [1.0, 2.0]}}]
    entry = {"name": "cat", "source": "cat.png", "source_sha256": "0", "shape": [1, 8, 8]}
    entry |= {"encoding": "srgb", "pairs": pairs}
    entry |= {key: value for key, value in changes.items() if key in entry}
    file = folder / "set" / "arrays" / "cat.npz"
    file.parent.mkdir(parents=True)
    image = np.zeros((1, 8, 8), np.float32)
    np.savez(file, image=image, distortions=np.full((1, 2, 1, 8, 8), distortion, np.float32))
    manifest = {"schema_version": 2, "name": "set", "created": "2026-01-01", "versions": {}}
    manifest |= {"recipe": {}, "floor": 0.0, "models": ["LN"], "representations": []}
    manifest |= {"images": [entry], "files": {"arrays/cat.npz": sha256_of(file)}}
    manifest |= {key: value for key, value in changes.items() if key in manifest}
    (folder / "set" / "manifest.json").write_text(json.dumps(manifest))
    return folder / "set"


def test_a_set_as_written_opens(tmp_path):
    assert StimulusSet.open(_written(tmp_path))["cat"].base.shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../cat"}, "name: letters, digits, - and _ only; nearest"),
        ({"name": "=1+1"}, "name: letters, digits"),
        ({"name": "c\0t"}, "name: letters, digits"),
        ({"name": "c" * 300}, "name: string should have at most 200"),
        ({"pairs": []}, "pairs: tuple should have at least 1"),
        ({"shape": [1, 8, -8]}, "shape"),
        ({"models": ["LN", "LG"]}, "sensitivities: of LN; the set's models are LN, LG"),
        ({"models": ["LN", "LN"]}, "models: each name once"),
        ({"images": []}, "images: tuple should have at least 1"),
        ({"files": {"arrays/cat.npz": "0", "../set/manifest.json": "0"}}, "changed since"),
        ({"files": {"/etc/passwd": "0", "arrays/cat.npz": "0"}}, 'passwd" lies outside the set'),
        ({"files": {"../x": "0", "arrays/cat.npz": "0"}}, 'x" lies outside the set'),
        ({"files": {"a\0b": "0", "arrays/cat.npz": "0"}}, "lies outside the set"),
    ],
)
def test_manifests_that_contradict_themselves_are_refused(tmp_path, changes, message):
    folder = _written(tmp_path, **changes)
    with pytest.raises(InputError, match=message) as refused:
        StimulusSet.open(folder)
    assert str(folder) in str(refused.value)


@pytest.mark.parametrize("distortion", [0.0, np.nan, np.inf, 1.0])
def test_distortions_that_are_not_of_unit_norm_are_refused(tmp_path, distortion):
    opened = StimulusSet.open(_written(tmp_path, distortion))
    with pytest.raises(InputError, match=r"cat\.npz: distortions: are not of unit norm"):
        _ = opened["cat"].base


def test_links_that_lead_out_of_a_set_are_refused(tmp_path):
    folder = _written(tmp_path)
    array = folder / "arrays" / "cat.npz"
    array.rename(tmp_path / "elsewhere.npz")
    array.symlink_to(tmp_path / "elsewhere.npz")
    with pytest.raises(InputError, match=r"arrays/cat\.npz. lies outside the set"):
        StimulusSet.open(folder)
    array.unlink()
    array.symlink_to(array)
    with pytest.raises(InputError, match=r"arrays/cat\.npz"):
        StimulusSet.open(folder)


def test_a_set_made_anew_in_the_same_place_is_not_the_former(tmp_path):
    former = StimulusSet.open(_written(tmp_path))["cat"]["random-1"].distortion(1)
    shutil.rmtree(tmp_path / "set")
    anew = StimulusSet.open(_written(tmp_path, -1 / 8))["cat"]["random-1"].distortion(1)
    np.testing.assert_array_equal(anew, -former)
