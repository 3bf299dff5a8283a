"""What models there are, what layers a network has, and weights fetched beforehand."""

from __future__ import annotations

import pytest
import torch
from refusals import refused

from pdpsych import models
from pdpsych.models.sources import catalogue


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Return the folder of checkpoints, empty but for one."""
    monkeypatch.setenv("PDPSYCH_CHECKPOINTS", str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    (tmp_path / catalogue.find("alexnet", "SIN").file).touch()
    return tmp_path


def test_all_models_are_known_with_what_is_here(folder):
    found = models.known()
    assert found.built_in == ("LN", "LG", "LGG", "LGN", "identity")
    assert found.folder == folder
    assert len(found.checkpoints) == len(catalogue.checkpoints())
    for known, published in zip(found.checkpoints, catalogue.checkpoints(), strict=True):
        assert known.name == f"torchvision:{published.architecture}@{published.weights}"
        assert known.training == published.training
        assert known.here == (known.name == "torchvision:alexnet@SIN")
    assert repr(found).endswith("1 of them on this machine>")


def test_known_models_are_described_a_line_each(folder):
    found = models.known()
    lines = found.describe().splitlines()
    assert lines[0] == "built in: LN, LG, LGG, LGN, identity"
    assert f"checkpoints are kept in {folder}" in lines
    rows = {line.split()[0]: line for line in lines if line.startswith("torchvision:")}
    for known in found.checkpoints:
        row = rows[known.name]
        assert known.training in row
        assert row.endswith(known.file)
        assert (" yes " in row) == known.here


def test_layers_are_in_order_of_execution_with_shapes():
    found = models.layers("torchvision:resnet18")
    names = [use.name for use in found.uses]
    assert found.shape == (3, 224, 224)
    assert names[:4] == ["conv1", "bn1", "relu", "maxpool"]
    assert names[-2:] == ["avgpool", "fc"]
    assert names.index("layer1.1.bn2") < names.index("layer1.1") < names.index("layer1")
    uses = {use.name: use for use in found.uses}
    assert (uses["conv1"].kind, uses["conv1"].outputs) == ("Conv2d", ("(64, 112, 112)",))
    assert uses["layer1.0.relu"].outputs == ("(64, 56, 56)",) * 2
    assert "conv1" in found.readable
    assert "layer1.0.relu" not in found.readable
    rows = [line.split(maxsplit=2) for line in found.describe().splitlines()[2:]]
    assert ["conv1", "Conv2d", "(64, 112, 112)  once"] in rows
    assert ["layer1.0.relu", "ReLU", "(64, 56, 56)    2 times"] in rows


def test_tuples_and_layers_out_of_use_are_said():
    found = models.layers("torchvision:vit_b_32")
    uses = {use.name: use for use in found.uses}
    attention = "encoder.layers.encoder_layer_0.self_attention"
    assert uses[attention].outputs == ("tuple of 0 to 1",)
    assert uses[f"{attention}.out_proj"].outputs == ()
    assert found.uses[-1].name.endswith("out_proj")
    assert any(row.split()[-1] == "never" for row in found.describe().splitlines())


def test_a_network_of_unknown_input_needs_a_shape():
    with refused(file="python:torch.nn:ReLU", field="shape"):
        models.layers("python:torch.nn:ReLU")
    assert "(1, 2, 3)" in models.layers("python:torch.nn:ReLU", shape=(1, 2, 3)).describe()
    assert "conv1" in models.layers("timm:resnet18", shape=(3, 32, 32)).readable


def test_lists_are_values(folder):
    assert models.known() == models.known()
    one, other = (models.layers("torchvision:alexnet", shape=(3, 64, 64)) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != models.layers("torchvision:alexnet", shape=(3, 80, 80))


def test_fetching_builds_each_network():
    name = "torchvision:squeezenet1_1@random"
    found = models.fetch([name])
    assert found.describe() == f"{name}: ready"
    (loaded,) = models.load([f"{name}/features.1"])
    assert found.networks[0].weights_sha256 == loaded.origin.weights_sha256
    with refused(value="SIN"):
        models.fetch(["torchvision:squeezenet1_1@SIN"])
