"""What models respond to frames as a display shows them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from refusals import refused

from pdpsych import geometry, models, stimuli
from pdpsych.displays import Display
from pdpsych.displays.expectation import expected
from pdpsych.stimuli import Calibration, Recipe, StimulusSet, calibrate

COARSE = Display(dither="none")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    recipe = Recipe(
        images=[{"sample": "cat"}],
        preprocess={"size": 24, "range": (0.1, 0.9)},
        models=("LN", "LG", "LGN"),
        distortions=[{"kind": "principal", "iterations": 8}],
    )
    return stimuli.generate(recipe, out=tmp_path_factory.mktemp("study") / "sets" / "tiny")


@pytest.fixture
def copied(made, tmp_path):
    return StimulusSet.open(shutil.copytree(made.path, tmp_path / "tiny"))


def test_what_is_shown_well_has_the_responses_of_the_set(made):
    found = calibrate(made, Display(bit_depth=16), models=True)
    shown, own = stimuli.shown_responses(made, found), made.finite_responses()
    assert list(shown) == list(own)
    for key, responses in shown.items():
        limit = own[key]["LN"].largest
        for model, response in responses.items():
            alphas = response.amplitudes[response.amplitudes < limit]
            assert len(alphas) >= 6
            for sign in (1, -1):
                ratio = response.at(alphas, sign) / own[key][model].at(alphas, sign)
                np.testing.assert_allclose(ratio, 1, rtol=0.02)


def test_frames_are_clipped_and_amplitudes_are_realised_ones(made):
    found = calibrate(made, Display(), models=True)
    c = found.condition("cat", "principal", 1)
    response = found.finite_responses(made)["cat", "principal", 1]["LN"]
    assert c.most > 1.1 * c.inside_gamut
    assert c.inside_gamut < response.largest < c.most
    image, ε = made["cat"], made["cat"]["principal"].u
    still = expected(image.base, Display(), "srgb").mean
    local = geometry.LocalGeometry(
        models.load(made.models), torch.from_numpy(image.base.copy()), floor=0.03
    )
    network = local.representations[0].network
    base = network.responses(torch.from_numpy(image.base.copy())[None], ["response"])[0]
    for sign in (1, -1):
        δ = expected(image.base, Display(), "srgb", ε, sign * c.most).mean - still
        realised = sign * float(np.vdot(δ, ε))
        frame = torch.from_numpy(np.clip(image.base + δ, 0, 1))
        moved = (network.responses(frame[None], ["response"])[0] - base).norm()
        d = np.sqrt(float(moved) ** 2 + local.floors[0] * float((δ**2).sum()))
        gain = response.at(response.largest, sign) / response.largest
        assert gain == pytest.approx(d / realised, rel=1e-3)


def test_the_identity_is_that_without_the_models(copied):
    without = calibrate(copied, COARSE)
    assert not without.has_finite_responses(copied)
    assert stimuli.shown_responses(copied, without)["cat", "principal", 1]["LN"].largest == (
        copied.finite_responses()["cat", "principal", 1]["LN"].largest
    )
    with refused(remedy="--models"):
        without.finite_responses(copied)
    asked = calibrate(copied, COARSE, models=True)
    assert asked.has_finite_responses(copied)
    assert asked.sha256 == without.sha256
    assert Calibration.of(copied, COARSE).sha256 == without.sha256
    # Those who calibrate without the models again have no sensitivities, and no responses.
    assert not calibrate(copied, COARSE).has_finite_responses(copied)


def test_responses_of_another_calibration_are_refused(copied):
    found = calibrate(copied, COARSE, models=True)
    file = found.folder / "responses" / "cat.json"
    assert json.loads(file.read_text())["calibration_sha256"] == found.sha256
    shutil.copy(copied.path / "responses" / "cat.json", file)
    with refused(file="cat.json", field="calibration_sha256", remedy="--models"):
        found.finite_responses(copied)["cat", "principal", 1]


def test_pairs_that_lose_their_objective_are_told_with_what_keeps_it(copied):
    found = calibrate(copied, COARSE, models=True, threshold_rms=0.0015)
    (warning,) = found.model_warnings
    assert warning.startswith("cat/principal: as shown the models disagree")
    assert "would keep it" in warning
    assert f"warning: {warning}" in found.describe()
    # What helps, helps.
    bits = 10 if "bit_depth: 10" in warning else 8 if "bit_depth" not in warning else 16
    dither = "uniform" if "dither: uniform" in warning else "none"
    better = Display(bit_depth=bits, dither=dither)
    assert better != COARSE
    assert calibrate(copied, better, models=True, threshold_rms=0.0015).model_warnings == ()
    assert json.loads((found.folder / "calibration.json").read_text()).keys() >= {"warnings"}
