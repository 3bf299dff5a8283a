"""Distortions for an amplitude, from a recipe to the set and what it says of them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from amplitudes import log_ratios_at
from refusals import refused

from pdpsych import geometry, models, stimuli
from pdpsych.common.section import load
from pdpsych.stimuli import Recipe, StimulusSet
from pdpsych.stimuli.generation.unit import forget_representations
from pdpsych.stimuli.responses.objective_curve import ObjectiveCurve

SIDE, RMS = 16, 0.08
NAMES = ("LN", "LG", "LGG", "LGN")


def _recipe(folder, distortions, size=f"{{size: {SIDE}, range: [0.1, 0.9]}}"):
    path = folder / "recipe.yaml"
    path.write_text(
        f"images: [{{sample: cat}}]\npreprocess: {size}\nmodels: [{', '.join(NAMES)}]\nseed: 4\n"
        f"precision: float64\ndistortions: {distortions}\nlinearity: null\n"
    )
    return load(path, Recipe)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("visible")
    entry = f"kind: principal, amplitude_rms: {RMS}, iterations: 6"
    recipe = _recipe(folder, f"[{{{entry}, pairs: 2}}, {{{entry}, models: [LN, LGN], name: two}}]")
    return stimuli.generate(recipe, out=folder / "set")


def test_a_set_has_the_pair_and_says_what_it_was_made_for(made):
    pair = made["cat"]["principal-visible"]
    assert pair.question.amplitude_rms == RMS
    assert pair.question.describe() == "variance over LN, LG, LGG, LGN around RMS 0.08"
    local = geometry.LocalGeometry(
        models.load(NAMES, dtype=torch.float64),
        torch.tensor(made["cat"].base, dtype=torch.float64),
        floor=0.03,
    )
    both = torch.tensor(np.stack([pair.u, pair.v]), dtype=torch.float64)
    ratios = log_ratios_at(local, both, np.array([0.5, 1, 2]) * RMS * SIDE)
    assert pair.question.objective == pytest.approx(ratios.var(axis=0).mean(), rel=1e-3)
    frames = made["cat"].base + 2 * RMS * SIDE * np.stack([pair.u, -pair.u, pair.v, -pair.v])
    assert frames.min() >= 0
    assert frames.max() <= 1
    # Sensitivities stay what they are everywhere: those to small changes.
    d = np.array(list(pair.sensitivities.values())).T
    np.testing.assert_allclose(d, local.sensitivities(both).T, rtol=1e-5)


def test_the_certificate_has_both_searches(made):
    certificate = made["cat"]["principal-visible"].certificate
    kept = geometry.VisibleCertificate.from_dict(certificate["visible"])
    assert kept.amplitude_rms == RMS
    assert kept.objective > 1.01 * kept.before
    assert made["cat"]["two"].question.models == ("LN", "LGN")
    assert geometry.Certificate.from_dict(
        {k: v for k, v in certificate.items() if k != "visible"}
    ).operator_applications


def test_a_further_pair_is_orthogonal(made):
    first, second = (made["cat"][name] for name in ("principal-visible", "principal-visible-2"))
    for one in (first.u, first.v):
        for other in (second.u, second.v):
            assert abs(np.vdot(one, other)) < 1e-5


def test_inspect_tells_the_objective_by_amplitude(made):
    told = made.describe()
    curve = ObjectiveCurve.of(made["cat"]["two"].certificate, "two")
    assert f"cat/two  {curve.told()}" in told
    assert f"at {RMS:g}" in told
    assert len(curve.plot().lines) >= 2


def test_a_damaged_curve_is_refused(made, tmp_path):
    manifest = json.loads((made.path / "manifest.json").read_text())
    pair = manifest["images"][0]["pairs"][0]
    pair["certificate"]["visible"]["objectives"] = "many"
    damaged = shutil.copytree(made.path, tmp_path / "damaged")
    (damaged / "manifest.json").write_text(json.dumps(manifest))
    with refused(field="objectives", value="many"):
        StimulusSet.open(damaged).describe()


def test_it_is_made_again_bit_by_bit(made, tmp_path):
    forget_representations()
    recipe = _recipe(
        tmp_path, f"[{{kind: principal, amplitude_rms: {RMS}, iterations: 6, pairs: 2}}]"
    )
    again = stimuli.generate(recipe, out=tmp_path / "again")
    np.testing.assert_array_equal(
        again["cat"]["principal-visible"].u, made["cat"]["principal-visible"].u
    )


def test_an_amplitude_beyond_the_gamut_is_refused_before_any_search(tmp_path):
    recipe = _recipe(
        tmp_path, "[{kind: random}, {kind: principal, amplitude_rms: 0.25}]", "{size: 16}"
    )
    with refused(field="distortions[1].amplitude_rms", value=0.25, remedy="preprocess.range"):
        stimuli.generate(recipe, out=tmp_path / "set")
