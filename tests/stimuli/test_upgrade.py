"""A set as pdpsych wrote it in the first version of the format."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from refusals import refused

from pdpsych.stimuli import StimulusSet


@pytest.fixture
def first_version(tmp_path):
    """Write a set of version 1: nothing of representations, no check of linearity."""
    rng = np.random.default_rng(0)
    distortions = rng.standard_normal((1, 2, 1, 8, 8))
    distortions /= np.sqrt((distortions**2).sum(axis=(2, 3, 4), keepdims=True))
    arrays = tmp_path / "arrays" / "cat.npz"
    arrays.parent.mkdir()
    image = rng.random((1, 8, 8), dtype=np.float32)
    np.savez(arrays, image=image, distortions=distortions.astype(np.float32))
    pair = {
        "name": "principal",
        "kind": "principal",
        "sensitivities": {"LN": [2.0, 1.0], "LG": [1.0, 4.0]},
        "certificate": {"converged": True, "stopped": "converged"},
    }
    entry = {
        "name": "cat",
        "source": "sample:cat",
        "source_sha256": "0" * 64,
        "shape": [1, 8, 8],
        "encoding": "linear",
        "pairs": [pair],
    }
    manifest = {
        "schema_version": 1,
        "name": "first",
        "created": "2026-01-01T00:00:00+00:00",
        "versions": {"python": "3.11.9", "pdpsych": "0.1.0"},
        "recipe": {"models": ["LN", "LG"]},
        "floor": 0.03,
        "models": ["LN", "LG"],
        "images": [entry],
        "files": {"arrays/cat.npz": hashlib.sha256(arrays.read_bytes()).hexdigest()},
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return tmp_path


def test_a_set_of_version_1_is_read_as_one_of_the_present(first_version):
    before = (first_version / "manifest.json").read_bytes()
    opened = StimulusSet.open(first_version)
    assert opened.manifest.schema_version == 3
    assert opened.manifest.representations == ()
    assert opened["cat"].base.shape == (1, 8, 8)
    ratios = opened.log_ratios().set_index("model")["log_ratio"]
    np.testing.assert_allclose(ratios[["LN", "LG"]], np.log([2, 1 / 4]))
    assert "LN, LG" in opened.describe()
    # Sessions and calibrations of 0.1.0 know the set by its file, which stays as it was.
    assert (first_version / "manifest.json").read_bytes() == before
    assert opened.is_known_as(hashlib.sha256(before).hexdigest())


def test_what_version_1_did_not_have_is_not_read_in_it(first_version):
    path = first_version / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"novelty": 1}), encoding="utf-8")
    with refused(file="manifest.json", field="novelty"):
        StimulusSet.open(first_version)


@pytest.fixture
def second_version(first_version):
    """Write a set of version 2: with representations, without questions."""
    path = first_version / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"schema_version": 2, "representations": []}, indent=1))
    return first_version


def test_principal_pairs_of_version_2_are_of_all_models(second_version):
    before = (second_version / "manifest.json").read_bytes()
    opened = StimulusSet.open(second_version)
    assert opened.manifest.schema_version == 3
    question = opened["cat"]["principal"].question
    assert (question.name, question.models, question.groups) == ("principal", ("LN", "LG"), {})
    # The variance of log 2 and −log 4.
    assert question.objective == pytest.approx((np.log(8) / 2) ** 2)
    assert opened.scree()["number"].tolist() == [1]
    assert opened.log_ratios()["kind"].unique().tolist() == ["principal"]
    assert (second_version / "manifest.json").read_bytes() == before
    assert opened.is_known_as(hashlib.sha256(before).hexdigest())


def test_a_set_with_a_check_of_linearity_shows_it_until_responses_are_there(first_version):
    manifest = first_version / "manifest.json"
    data = json.loads(manifest.read_text())
    data["images"][0]["pairs"][0]["linearity"] = {
        "amplitudes_rms": [0.002, 0.01],
        "tolerance": 0.1,
        "largest_rms": {"LN": [0.01, 0.01], "LG": [0.002, 0.0]},
        "log_ratios": {"LN": [0.7, 0.7], "LG": [-1.4, None]},
        "reversals": [0, 1],
    }
    manifest.write_text(json.dumps(data, indent=1), encoding="utf-8")
    opened = StimulusSet.open(first_version)
    pair = opened["cat"]["principal"]
    assert pair.linearity.largest_rms["LG"] == (0.002, 0.0)
    assert "LG 0.002 / <0.002" in opened.describe()
    assert not opened.has_finite_responses
    with refused(field="images.cat", remedy="pdpsych respond"):
        opened.finite_responses()
    # What is added later is a view of more, and wins.
    rows = {"LN": [[0.002, 0.02]] * 2, "LG": [[0.001, 0.01]] * 2}
    curves = [
        {"pair": "principal", "distortion": n, "rms": [0.001, 0.01], "values": rows} for n in (1, 2)
    ]
    added = {
        "schema_version": 1,
        "image": "cat",
        "arrays_sha256": data["files"]["arrays/cat.npz"],
        "versions": {},
        "dimension": 64,
        "floors": {"LN": 0.0, "LG": 0.0},
        "distortions": curves,
    }
    (first_version / "responses").mkdir()
    (first_version / "responses" / "cat.json").write_text(json.dumps(added), encoding="utf-8")
    assert StimulusSet.open(first_version) == opened
    assert pair.linearity.amplitudes_rms == (0.002, 0.005, 0.00995)
    assert opened.finite_responses()["cat", "principal", 2]["LG"].largest == pytest.approx(0.08)
