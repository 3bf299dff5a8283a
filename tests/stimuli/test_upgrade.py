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
