from __future__ import annotations

import pytest
import torch
from typer.testing import CliRunner

from pdpsych import cli
from pdpsych.common.errors import InputError
from pdpsych.models import overview
from pdpsych.models.sources import catalogue

RUNNER = CliRunner()


def test_all_models_are_listed_with_what_is_here(monkeypatch, tmp_path):
    monkeypatch.setenv("PDPSYCH_CHECKPOINTS", str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    here = catalogue.find("alexnet", "SIN")
    (tmp_path / here.file).touch()
    done = RUNNER.invoke(cli.app, ["models", "list"])
    lines = done.stdout.splitlines()
    assert lines[0] == "built in: LN, LG, LGG, LGN, identity"
    assert f"checkpoints are kept in {tmp_path}" in lines
    rows = {line.split()[0]: line for line in lines if line.startswith("torchvision:")}
    assert len(rows) == len(catalogue.checkpoints())
    for found in catalogue.checkpoints():
        row = rows[f"torchvision:{found.architecture}@{found.weights}"]
        assert found.training in row
        assert row.endswith(found.file)
        assert (" yes " in row) == (found is here)


def test_layers_are_listed_in_order_of_execution_with_shapes():
    done = RUNNER.invoke(cli.app, ["models", "show", "torchvision:resnet18"])
    rows = [line.split(maxsplit=1) for line in done.stdout.splitlines()[2:]]
    names = [row[0] for row in rows]
    assert names[:4] == ["conv1", "bn1", "relu", "maxpool"]
    assert names[-2:] == ["avgpool", "fc"]
    assert names.index("layer1.1.bn2") < names.index("layer1.1") < names.index("layer1")
    found = dict(rows)
    assert found["conv1"].split(maxsplit=1) == ["Conv2d", "(64, 112, 112)  once"]
    assert found["layer1.0.relu"].split(maxsplit=1) == ["ReLU", "(64, 56, 56)    2 times"]


def test_tuples_and_layers_out_of_use_are_said():
    rows = dict(
        line.split(maxsplit=1) for line in overview.layers("torchvision:vit_b_32").splitlines()[2:]
    )
    attention = "encoder.layers.encoder_layer_0.self_attention"
    assert rows[attention].split() == ["MultiheadAttention", "tuple", "once"]
    assert rows[f"{attention}.out_proj"].split() == ["NonDynamicallyQuantizableLinear", "never"]
    assert list(rows)[-1].endswith("out_proj")


def test_a_network_of_unknown_input_needs_a_shape():
    with pytest.raises(InputError, match="give --shape"):
        overview.layers("python:torch.nn:ReLU")
    assert "(1, 2, 3)" in overview.layers("python:torch.nn:ReLU", (1, 2, 3))
    assert "conv1" in overview.layers("timm:resnet18", (3, 32, 32))


def test_fetching_builds_each_network(monkeypatch):
    torch.manual_seed(0)
    done = RUNNER.invoke(cli.app, ["models", "fetch", "torchvision:squeezenet1_1@random"])
    assert done.stdout == "torchvision:squeezenet1_1@random: ready\n"
    wrong = RUNNER.invoke(cli.app, ["models", "fetch", "torchvision:squeezenet1_1@SIN"])
    assert isinstance(wrong.exception, InputError)
