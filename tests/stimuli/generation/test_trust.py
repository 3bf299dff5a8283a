"""Python that a set names is run only if somebody says so, and only as it was."""

import sys

import pytest
from refusals import refused

from pdpsych import stimuli
from pdpsych.displays import Display

NETWORK = """\
import torch
from torch import nn

print("run", flush=True)


def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
"""
RECIPE = """\
images: [{sample: cat}]
preprocess: {size: 16, range: [0.1, 0.9]}
models: [identity, python:stranger:small/0]
distortions: [{kind: random}]
linearity: null
"""


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "stranger", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "stranger.py").write_text(NETWORK)
    (tmp_path / "own.yaml").write_text(RECIPE)
    yield stimuli.generate(tmp_path / "own.yaml")
    sys.modules.pop("stranger", None)


def test_code_of_a_set_is_not_run_unasked(made, capsys):
    # By its own recipe it was.
    assert "stranger" in sys.modules
    record = made.manifest.representations[1]
    assert len(record.code_sha256) == 64
    assert "code_sha256" not in made.manifest.model_dump()["representations"][0]
    sys.modules.pop("stranger")
    with refused(file=made.path, field="models", value="python:stranger:small", remedy="--trust"):
        stimuli.calibrate(made, Display(), models=True)
    with refused(file=made.path, field="models", value="python:stranger:small"):
        stimuli.add_finite_responses(made)
    assert "run" not in capsys.readouterr().out
    assert "stranger" not in sys.modules
    stimuli.calibrate(made, Display())


def test_code_is_run_as_it_was(made, tmp_path):
    stimuli.calibrate(made, Display(), models=True, trust_code=True)
    sys.modules.pop("stranger")
    (tmp_path / "stranger.py").write_text(NETWORK + "# other\n")
    stimuli.generation.unit.forget_representations()
    with refused(file=made.path, value="python:stranger:small/0", remedy="generate the set again"):
        stimuli.calibrate(made, Display(), models=True, trust_code=True)
