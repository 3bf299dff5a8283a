from __future__ import annotations

import json

import numpy as np
import pytest
from refusals import refused

from pdpsych.displays import Display
from pdpsych.displays.expectation import shown_difference
from pdpsych.stimuli import Recipe, calibrate, generate
from pdpsych.stimuli.manifest import MANIFEST
from pdpsych.stimuli.recipe import Preprocess, Random, Source
from pdpsych.stimuli.stimulus_set import StimulusSet


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    recipe = Recipe(
        images=(Source(sample="cat"),),
        preprocess=Preprocess(size=32, range=(0.1, 0.9)),
        models=("LN", "LG", "LGN"),
        distortions=(Random(kind="random", pairs=1),),
        linearity=None,
    )
    return generate(recipe, out=tmp_path_factory.mktemp("study") / "sets" / "tiny")


def test_what_is_shown_well_is_seen_as_it_was_made(made):
    """16 bits show a distortion as meant: its sensitivities are those of the set."""
    found = calibrate(made, Display(bit_depth=16), models=True)
    table = made.sensitivities().set_index(["distortion", "model"])["sensitivity"]
    for c in found.conditions:
        assert list(c.sensitivities) == list(made.models)
        for model, value in c.sensitivities.items():
            assert value == pytest.approx(table[c.distortion, model], rel=2e-3)
    assert found.sha256 == calibrate(made, Display(bit_depth=16)).sha256


def test_the_models_see_what_rounding_leaves(made):
    """At a small amplitude without dither what is shown is another distortion than the one made."""
    display = Display(dither="none")
    found = calibrate(made, display, models=True, threshold_rms=1e-3)
    c = found.conditions[0]
    middle = np.exp(np.mean(np.log(list(c.thresholds.values()))))
    assert c.range[0] < middle < c.range[1]
    image, ε = made["cat"].base, made["cat"]["random-1"].u
    δ = shown_difference(image, ε, middle, display, "srgb")
    assert np.vdot(δ, ε) == pytest.approx(1)
    import torch

    from pdpsych import geometry, models

    local = geometry.LocalGeometry(
        models.load(["LN", "LG", "LGN"], encoding="srgb"),
        torch.from_numpy(image.copy()),
        floor=0.03,
    )
    wanted = local.sensitivities(torch.from_numpy(δ.astype(np.float32))[None])[:, 0]
    np.testing.assert_allclose(list(c.sensitivities.values()), wanted, rtol=1e-4)
    ratios = found.log_ratios(made)["log_ratio"].to_numpy()
    assert np.abs(ratios - made.log_ratios()["log_ratio"].to_numpy()).max() > 0.01
    u, v = (x.sensitivities["LG"] for x in found.conditions)
    assert ratios[1] == pytest.approx(np.log(u / v))


def test_other_weights_than_the_sets_are_refused(made, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(made.path, copy)
    manifest = json.loads((copy / MANIFEST).read_text())
    manifest["representations"][0]["weights_sha256"] = "1" * 64
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with refused(file="copy", field="models", value="LN"):
        calibrate(StimulusSet.open(copy), Display(), models=True)


def test_a_set_without_a_recipe_of_models_is_refused(made, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(made.path, copy)
    manifest = json.loads((copy / MANIFEST).read_text())
    manifest["recipe"] = {}
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with refused(file="copy", field="models", remedy="without asking"):
        calibrate(StimulusSet.open(copy), Display(), models=True)
