"""What a network makes of an image, against what is written out here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from refusals import problem_of, tells
from skimage import data, io
from torchvision.models import squeezenet1_1
from typer.testing import CliRunner

from pdpsych import models
from pdpsych.cli.main import app

NETS = """
import torch
from torch import nn

class Square(nn.Module):
    def forward(self, x):
        return x ** 2

class Mean(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))

def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), Square(), Mean(), nn.Linear(4, 3))
"""
IMAGE = np.random.default_rng(0).uniform(size=(3, 32, 32))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("nets")
    (made / "looked_net.py").write_text(NETS)
    return made


def test_what_is_seen(folder):
    found = models.look("python:looked_net:net", IMAGE, folder=folder)
    import looked_net

    net, image = looked_net.net().double(), torch.from_numpy(IMAGE)[None]
    outputs = [image]
    for part in net:
        outputs.append(part(outputs[-1]).detach())
    assert [layer.shape for layer in found.layers] == [tuple(o.shape[1:]) for o in outputs[1:]]
    for layer, output in zip(found.layers, outputs[1:], strict=True):
        assert layer.size == pytest.approx(float(output.abs().mean()))
        assert layer.peak == pytest.approx(float(output.max()))
        assert layer.zeros == pytest.approx(float((output == 0).double().mean()))
    p = outputs[-1].softmax(1)[0]
    assert dict(found.classes) == pytest.approx({str(i): float(p[i]) for i in range(3)})
    assert [name for name, _ in found.classes] == [str(int(i)) for i in p.argsort(descending=True)]
    low, mean, high = found.given[0]
    assert (low, mean, high) == pytest.approx((IMAGE[0].min(), IMAGE[0].mean(), IMAGE[0].max()))
    conv, *_, last = found.layers
    assert (conv.linear_to, conv.change) == (0.05, pytest.approx(1))
    assert last.linear_to < 0.05


def test_how_linear_a_square_is(folder):
    # Of (r + d)² − r² the quadratic share is known: at r = 0 nothing is linear.
    (layer,) = models.look(
        "python:looked_net:Square", np.zeros((1, 8, 8)), taps=[""], folder=folder
    ).layers
    assert layer.linear_to == 0
    assert layer.change == pytest.approx(0.01 / 1e-6)
    (layer,) = models.look(
        "python:looked_net:Square", np.full((1, 64, 64), 0.5), taps=[""], folder=folder
    ).layers
    # ‖2rd + d²‖ / ‖2rd‖ is √(1 + 3 c²) for Gaussian d of RMS c and r = ½.
    assert layer.change == pytest.approx((1 + 3 * 0.01**2) ** 0.5, abs=1e-4)


def test_preprocessing_and_names_of_imagenet():
    found = models.look(
        "torchvision:squeezenet1_1@random", IMAGE, taps=["features.0", "classifier"]
    )
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    resized = torch.nn.functional.interpolate(
        torch.from_numpy(IMAGE)[None], size=(224, 224), mode="bilinear", antialias=True
    )
    given = (resized - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    assert found.given[2][1] == pytest.approx(float(given[0, 2].mean()), rel=1e-5)
    torch.manual_seed(0)
    p = squeezenet1_1().eval()(given.float()).softmax(1)[0].detach()
    assert len(found.classes) == 5
    assert found.classes[0][1] == pytest.approx(float(p.max()), rel=1e-4)
    assert not found.classes[0][0].isdigit()
    assert "resized to 224 x 224" in found.describe()


def test_the_command(folder, monkeypatch):
    monkeypatch.chdir(folder)
    io.imsave("cat.png", data.cat()[:64, :64], check_contrast=False)
    asked = ["models", "show", "python:looked_net:net", "--shape", "3", "32", "32"]
    done = CliRunner().invoke(app, [*asked, "--image", "cat.png", "--tap", "1+pool=mean"])
    assert done.exit_code == 0, done.output
    assert "given, by channel: " in done.output
    assert "1+pool=mean  ReLU  (4)" in done.output
    absent = CliRunner().invoke(app, [*asked, "--image", "dog.png"])
    assert absent.exit_code == 2
    assert tells(problem_of(absent), file="dog.png")
