from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from refusals import refused

from pdpsych.common.files.digests import file_sha256
from pdpsych.stimuli.manifest import (
    ImageEntry,
    LinearityCheck,
    Manifest,
    PaddingCheck,
    Pair,
    RepresentationRecord,
)
from pdpsych.stimuli.stimulus_set import StimulusSet

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


def _told(**changes) -> str:
    known = {"LN": (0.0, 0.002), "LG": (0.031, 0.31)}
    check = PaddingCheck(
        **{
            "changes": known,
            "energy": (0.02, 0.978),
            "response_energy": dict.fromkeys(known, (0.1, 0.2)),
            "reach": 20,
            "window": 0.6251,
        }
        | changes
    )
    pair = Pair(name="principal", kind="principal", sensitivities={"LN": (1.0, 1.0)}, padding=check)
    lines = _with(pair, ()).describe().splitlines()
    return lines[lines.index("how much is owed to how models pad images at the border:") + 1]


def test_what_is_owed_to_padding_is_said_in_words_and_numbers():
    assert _told() == (
        "  cat/principal  2 % of ε₁'s and 97.8 % of ε₂'s energy lies where padding enters; with "
        "other padding log ratios change by at most 0.31 (LG)"
    )
    assert _told(changes={"LN": (0.0, 0.0)}).endswith("change by at most 0")


def test_what_is_not_known_of_padding_is_no_zero():
    assert _told(changes={"LN": (0.0, 0.1), "net": (None, None)}).endswith(
        "at most 0.1 (LN); not known of net"
    )
    nothing = {"changes": {"net": (None, None)}, "energy": (None, None), "window": None}
    assert _told(**nothing, reach=None) == "  cat/principal  not known"


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
    with refused(
        file="set",
        field="images.cat.principal.sensitivities",
        value="LG",
        remedy="leave the model out",
    ):
        blind.log_ratios()
    assert f"LN -1.00  LG {ratio}" in blind.describe()


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
    manifest |= {"images": [entry], "files": {"arrays/cat.npz": file_sha256(file)}}
    manifest |= {key: value for key, value in changes.items() if key in manifest}
    (folder / "set" / "manifest.json").write_text(json.dumps(manifest))
    return folder / "set"


def test_a_set_as_written_opens(tmp_path):
    assert StimulusSet.open(_written(tmp_path))["cat"].base.shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "../cat"}, "images[0].name"),
        ({"name": "=1+1"}, "images[0].name"),
        ({"name": "c\0t"}, ""),
        ({"name": "c" * 300}, "images[0].name"),
        ({"pairs": []}, "images[0].pairs"),
        ({"shape": [1, 8, -8]}, "images[0].shape[2]"),
        ({"models": ["LN", "LG"]}, "images.cat.random-1.sensitivities"),
        ({"models": ["LN", "LN"]}, "models"),
        ({"images": []}, "images"),
        ({"files": {"arrays/cat.npz": "0", "../set/manifest.json": "0"}}, ""),
        ({"files": {"/etc/passwd": "0", "arrays/cat.npz": "0"}}, "files"),
        ({"files": {"../x": "0", "arrays/cat.npz": "0"}}, "files"),
        ({"files": {"a\0b": "0", "arrays/cat.npz": "0"}}, ""),
        ({"files": {}}, "files"),
    ],
)
def test_manifests_that_contradict_themselves_are_refused(tmp_path, changes, field):
    folder = _written(tmp_path, **changes)
    with refused(field=field) as told:
        StimulusSet.open(folder)
    assert told.value.file.startswith(str(folder))


@pytest.mark.parametrize("distortion", [0.0, np.nan, np.inf, 1.0])
def test_distortions_that_are_not_of_unit_norm_are_refused(tmp_path, distortion):
    opened = StimulusSet.open(_written(tmp_path, distortion))
    with refused(file="cat.npz", field="distortions", remedy="copy the set again"):
        _ = opened["cat"].base


def test_links_that_lead_out_of_a_set_are_refused(tmp_path):
    folder = _written(tmp_path)
    array = folder / "arrays" / "cat.npz"
    array.rename(tmp_path / "elsewhere.npz")
    array.symlink_to(tmp_path / "elsewhere.npz")
    with refused(file="manifest.json", field="files", value="arrays/cat.npz"):
        StimulusSet.open(folder)
    array.unlink()
    array.symlink_to(array)
    with refused(field="files", value="arrays/cat.npz"):
        StimulusSet.open(folder)


def test_a_set_made_anew_in_the_same_place_is_not_the_former(tmp_path):
    former = StimulusSet.open(_written(tmp_path))["cat"]["random-1"].distortion(1)
    shutil.rmtree(tmp_path / "set")
    anew = StimulusSet.open(_written(tmp_path, -1 / 8))["cat"]["random-1"].distortion(1)
    np.testing.assert_array_equal(anew, -former)


def _rewritten(folder, change):
    """Write the manifest of a set anew, with other bytes, and open the set."""
    path = folder / "manifest.json"
    path.write_bytes(change(path.read_bytes()))
    return StimulusSet.open(folder)


def _reordered(text):
    def turn(data):
        if isinstance(data, dict):
            return {key: turn(data[key]) for key in sorted(data, reverse=True)}
        return [turn(inner) for inner in data] if isinstance(data, list) else data

    return json.dumps(turn(json.loads(text))).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text + b"\n",
        lambda text: json.dumps(json.loads(text), indent=3).encode(),
        _reordered,
    ],
    ids=["CRLF", "newline", "indented", "reordered"],
)
def test_the_identity_of_a_set_is_what_its_manifest_says(tmp_path, change):
    folder = _written(tmp_path)
    written = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(written, indent=1, ensure_ascii=False))
    first = StimulusSet.open(folder)
    again = _rewritten(folder, change)
    assert again.sha256 == first.sha256
    assert again == first
    assert hash(again) == hash(first)
    assert again.is_known_as(first.sha256)
    assert not again.is_known_as("0" * 64)
    assert not again.is_known_as(None)
    (folder / "manifest.json").write_text(json.dumps(written | {"floor": 0.5}))
    assert StimulusSet.open(folder) != first


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["newline", "CRLF"])
def test_a_set_is_known_as_version_0_1_0_knew_it(tmp_path, end):
    """By the SHA-256 of the bytes of its manifest, also after git gave it other line ends."""
    folder = _written(tmp_path)
    path = folder / "manifest.json"
    written = json.dumps(json.loads(path.read_text()), indent=1, ensure_ascii=False).encode()
    path.write_bytes(written)
    recorded = hashlib.sha256(written).hexdigest()
    assert StimulusSet.open(folder).is_known_as(recorded)
    changed = _rewritten(folder, lambda text: text.replace(b"\n", end) + end)
    assert changed.is_known_as(recorded)
    assert changed.is_known_as(hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_set_is_gone_through_by_image_and_pair(small_set, monkeypatch):
    monkeypatch.setattr("pdpsych.stimuli.set_image.read_archive", None)
    assert len(small_set) == 2
    assert [image.name for image in small_set] == list(small_set.images) == ["camel", "einstein"]
    assert "camel" in small_set
    assert "camal" not in small_set
    camel = small_set["camel"]
    assert (camel.encoding, camel.shape, camel.dimension) == ("srgb", (1, 32, 32), 1024)
    assert [pair.name for pair in camel] == [pair.name for pair in camel.pairs]
    assert len(camel) == 2
    assert "principal" in camel
    assert "principle" not in camel
    pair = camel["principal"]
    assert (pair.kind, pair.sensitivities["LN"], pair.certificate) == ("principal", (2.0, 8.0), {})
    assert pair.linearity is None
    assert pair.padding is None
    assert "padding" not in small_set.describe()
    # Nothing was read for this, nor for printing any of it.
    assert repr(small_set) == "<StimulusSet: small, 2 images, 4 pairs, 2 models>"
    assert repr(camel) == "<SetImage: camel, 32 × 32, srgb, 2 pairs>"
    assert repr(pair) == "<SetPair: camel/principal, principal, 2 models>"
    assert "LN: d(u) 2, d(v) 8, log ratio -1.39" in pair.describe()
    assert pair.describe() in camel.describe()
    assert ">stimulus set" in small_set._repr_html_()


def test_arrays_are_read_when_asked_for_and_cannot_be_changed(small_set):
    pair = small_set["camel"]["random-1"]
    np.testing.assert_array_equal(pair.u, pair.distortion(1))
    np.testing.assert_array_equal(pair.v, pair.distortion(2))
    assert np.abs(pair.u - pair.v).max() > 0.01
    for array in (small_set["camel"].base, pair.u, pair.v):
        assert array.dtype == np.float32
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0, 0] = 1


def test_pairs_and_images_are_compared_by_what_they_are(small_set, tmp_path):
    copy = shutil.copytree(small_set.path, tmp_path / "elsewhere")
    again = StimulusSet.open(copy)
    assert again == small_set
    assert again["camel"] == small_set["camel"] != small_set["einstein"]
    assert len({again["camel"]["principal"], small_set["camel"]["principal"]}) == 1
    assert small_set["camel"]["principal"] != small_set["camel"]["random-1"]


def test_names_that_are_not_there_get_the_nearest(small_set):
    with refused(field="image", value="camal", allowed="camel"):
        small_set["camal"]
    with refused(field="pair", value="pricipal", allowed="principal"):
        small_set["camel"]["pricipal"]
    with refused(field="number", value=3):
        small_set["camel"]["principal"].distortion(3)


@pytest.mark.parametrize("file", ["manifest.json", "arrays/cat.npz"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: path.write_bytes(b"\0" + path.read_bytes()),
    ],
    ids=["FIFO", "folder", "NUL"],
)
def test_what_is_no_file_of_a_set_is_refused_at_once(tmp_path, file, damage):
    folder = _written(tmp_path)
    damage(folder / file)
    with refused(file=file):
        StimulusSet.open(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'"floor": 0.0', b'"floor": 0.0, "floor": 0.5'),
        lambda text: text.replace(b'"set"', b'"s\\ud800t"'),
        lambda text: text.replace(b"0.0", b"NaN"),
    ],
    ids=["twice", "half a character", "NaN"],
)
def test_manifests_say_everything_once_and_clearly(tmp_path, change):
    folder = _written(tmp_path)
    path = folder / "manifest.json"
    path.write_bytes(change(path.read_bytes()))
    with refused(file=path, line=1):
        StimulusSet.open(folder)
