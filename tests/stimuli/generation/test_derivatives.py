"""A set whose models have derivatives of their own, and what says so where not."""

from __future__ import annotations

import json

import pytest
from refusals import refused

from pdpsych import models
from pdpsych.analysis.reporting.methods import _derivatives
from pdpsych.models.address import read
from pdpsych.stimuli import Recipe, SetUnfinished, StimulusSet, generate
from pdpsych.stimuli.manifest import MANIFEST

MODULE = """
import torch
from torch import nn

class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0.1).to(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g / (1 + 10 * (x - 0.1).abs()) ** 2

class Spiking(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 4, 3)
        self.out = nn.Identity()

    def forward(self, x):
        return self.out(Spike.apply(self.conv(x)))
"""


@pytest.fixture
def write_recipe(tmp_path, monkeypatch):
    """Return a recipe with a spiking network among its models."""
    name = f"spikes_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)

    def write(**keys):
        spiking = {"source": "python", "name": f"{name}:Spiking", "layers": ["out"], "label": "net"}
        return Recipe(
            images=[{"sample": "cat"}],
            preprocess={"size": 16},
            models=["LN", {**spiking, **keys}],
            distortions=[{"kind": "principal", "iterations": 3}],
            linearity=None,
        )

    return write


def test_a_surrogate_is_refused_before_anything_is_made(write_recipe, tmp_path):
    with refused(file='model "net", layer "out"', value=1.0, remedy="derivative: surrogate"):
        generate(write_recipe(), out=tmp_path / "set")
    assert not list(tmp_path.glob(".set.units"))


def test_a_surrogate_that_is_asked_for_is_said_in_set_and_report(write_recipe, tmp_path):
    made = generate(write_recipe(derivative="surrogate"), out=tmp_path / "set")
    checks = made.manifest.images[0].derivatives
    assert [check.verdict for check in checks.values()] == ["passed", "surrogate"]
    assert "net/out: that of a surrogate, 100 % from its own" in made.describe()
    assert "LN:" not in made.describe().partition("derivatives of:")[2].partition("SHA")[0]
    scored = {"LN": {}, "added": {"derivative": "surrogate"}}
    sentence = _derivatives(made, scored)
    assert "of net/out: that of a surrogate, 100 % from its own; of added: that" in sentence
    assert StimulusSet.open(tmp_path / "set").manifest.images[0].derivatives == checks


def test_a_set_whose_derivatives_passed_says_nothing(tmp_path):
    recipe = Recipe(
        images=[{"sample": "cat"}],
        preprocess={"size": 16},
        models=["LN", "identity"],
        distortions=[{"kind": "random"}],
        linearity=None,
    )
    made = generate(recipe, out=tmp_path / "set")
    assert {c.verdict for c in made.manifest.images[0].derivatives.values()} == {"passed"}
    assert "derivatives of:" not in made.describe()
    assert _derivatives(made, {"LN": {}}) == ""
    manifest = json.loads((tmp_path / "set" / MANIFEST).read_text())
    del manifest["images"][0]["derivatives"]
    (tmp_path / "set" / MANIFEST).write_text(json.dumps(manifest))
    older = StimulusSet.open(tmp_path / "set")
    assert older.manifest.images[0].derivatives == {}
    assert _derivatives(older, {}) == ""


def test_what_is_false_along_a_pair_alone_is_the_failure_of_its_image(
    write_recipe, tmp_path, monkeypatch
):
    """The check before anything is made has no pair, and lets all pass here."""
    plain, given = models.check_derivatives, []

    def check(loaded, image, *, distortions=None):
        given.append(None if distortions is None else tuple(distortions.shape))
        return {} if distortions is None else plain(loaded, image, distortions=distortions)

    monkeypatch.setattr(models, "check_derivatives", check)
    with pytest.raises(SetUnfinished) as told:
        generate(write_recipe(), out=tmp_path / "set")
    assert given == [None, (2, 1, 16, 16)]
    assert 'model "net", layer "out"' in told.value.failed["cat"]


@pytest.mark.parametrize("value", ["surogate", True, 1, None])
def test_only_the_two_kinds_of_derivative_are_taken(value):
    address = {"source": "timm", "name": "net", "layers": ["out"], "derivative": value}
    with refused(field="derivative", value=value) as told:
        read(address)
    assert "surrogate" in told.value.allowed
