"""What is read of a layer: steps as they are written, and what they read."""

from __future__ import annotations

import collections
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from refusals import refused
from torch import nn

from pdpsych import geometry, models, stimuli
from pdpsych.models.address import parse
from pdpsych.models.taps.tap import STEPS, numbers, parse_tap, split_tap
from pdpsych.stimuli.generation.unit import forget_representations

Pair = collections.namedtuple("Pair", "first second")


class Net(nn.Module):
    """Layers that give more than one tensor, or run more than once."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.twice = nn.Tanh()
        self.both = Of(lambda x: (x, {"deep": Pair(x.mean((2, 3)), [x**2])}))
        self.tokens = Of(lambda x: x[0].flatten(2).mT)
        self.last = Of(lambda x: x.mT.unflatten(-1, (6, 6)).movedim(1, -1))
        self.head = Of(
            lambda x: x.movedim(-1, 1).flatten(1) @ torch.linspace(-1, 1, 432).view(144, 3).to(x)
        )
        self.double()

    def forward(self, x):
        x = self.twice(self.twice(self.conv(x)) * 2)
        return self.head(self.last(self.tokens(self.both(x))))


class Of(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


IMAGE = torch.rand((3, 6, 6), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture(scope="module")
def expected():
    """Return what layers give, written out."""
    net = Net()
    first = net.conv(IMAGE[None]).tanh()
    second = (2 * first).tanh()
    tokens = second.flatten(2).mT
    return {"conv": net.conv(IMAGE[None]), "first": first, "second": second, "tokens": tokens}


READ = {
    "conv": lambda e: e["conv"],
    "twice+call=1": lambda e: e["first"],
    "twice+call=2": lambda e: e["second"],
    "both+output=0": lambda e: e["second"],
    "both+output=-2": lambda e: e["second"],
    "both+output=1.deep.first": lambda e: e["second"].mean((2, 3)),
    "both+output=1.deep.second.0": lambda e: e["second"] ** 2,
    "both+output=1.deep.1.0": lambda e: e["second"] ** 2,
    "tokens+token=0": lambda e: e["tokens"][:, :1],
    "tokens+token=1:": lambda e: e["tokens"][:, 1:],
    "tokens+channels=3": lambda e: e["tokens"][..., 3:],
    "tokens+pool=mean": lambda e: e["tokens"].mean(1),
    "conv+channels=0,2:4": lambda e: e["conv"][:, [0, 2, 3]],
    "conv+units=5,-1": lambda e: e["conv"].flatten(1)[:, [5, -1]],
    "conv+pool=mean": lambda e: e["conv"].mean((2, 3)),
    "conv+pool=max": lambda e: e["conv"].amax((2, 3)),
    "conv+pool=2": lambda e: e["conv"].unflatten(3, (2, 3)).unflatten(2, (2, 3)).mean((3, 5)),
    "last+axes=hwc+channels=1": lambda e: e["second"][:, 1:2],
    "last+axes=hwc+pool=mean": lambda e: e["second"].mean((2, 3)),
    "twice+call=2+channels=1+pool=max+units=0": lambda e: e["second"][:, 1].amax((1, 2)),
    "conv+pool=mean+readout=fit.npz": lambda e: (
        e["conv"].mean((2, 3)) @ torch.ones(4, 2).double() + torch.tensor([1.0, 2.0])
    ),
    "conv+noise=gaussian": lambda e: e["conv"],
}


@pytest.fixture
def folder(tmp_path):
    np.savez(tmp_path / "fit.npz", weights=np.ones((2, 4)), bias=np.array([1.0, 2.0]))
    np.save(tmp_path / "variances.npy", np.arange(1.0, 145.0))
    np.save(tmp_path / "covariance.npy", np.eye(4) + 1)
    return tmp_path


@pytest.mark.parametrize("tap", READ)
def test_what_is_read(tap, expected, folder):
    (found,) = models.from_module(Net(), [tap], "net", folder=folder)
    assert found.name == f"net/{tap}"
    linear = found.network.linearize(IMAGE, [tap])
    wanted = READ[tap](expected).detach().flatten()
    torch.testing.assert_close(linear.responses[0], wanted)


@pytest.mark.parametrize("tap", READ)
def test_its_derivative_is_its_own(tap, folder):
    found = models.from_module(Net(), [tap], "net", folder=folder)
    checks = models.check_derivatives(found, IMAGE)
    assert checks[f"net/{tap}"].verdict == "passed"


def test_many_taps_share_one_network(folder):
    taps = ["conv", "conv+pool=mean", "twice+call=1", "twice+call=2", "both+output=0", "head"]
    found = models.from_module(Net(), taps, "net", folder=folder)
    local = geometry.LocalGeometry(found, IMAGE)
    alone = [geometry.sensitivity(r, IMAGE, IMAGE[None]) for r in found]
    together = local.sensitivities(IMAGE[None])
    assert together.flatten().tolist() == pytest.approx([a.item() for a in alone])
    assert [r.origin.depth for r in found] == [0, 0.2, 0.4, 0.6, 0.8, 1]


def test_noise_of_a_tap(folder):
    taps = [
        "conv",
        "conv+noise=variances.npy",
        "conv+pool=mean",
        "conv+pool=mean+noise=covariance.npy",
        "head+noise=categorical-logits",
    ]
    found = models.from_module(Net(), taps, "net", folder=folder)
    kinds = [type(r.noise).__name__ for r in found]
    assert kinds == ["Gaussian", "Gaussian", "Gaussian", "CorrelatedGaussian", "Categorical"]
    u = torch.randn((1, 3, 6, 6), dtype=torch.float64)
    plain, weighed, pooled, correlated, logits = (
        geometry.sensitivity(r, IMAGE, u).item() for r in found
    )
    responses = (Net().conv(u) - Net().conv(0 * u)).detach()
    variances = torch.arange(1.0, 145.0).double()
    assert plain == pytest.approx(float(responses.norm()))
    assert weighed == pytest.approx(float((responses.flatten() / variances.sqrt()).norm()))
    r = responses.mean((2, 3))[0]
    assert pooled == pytest.approx(float(r.norm()))
    covariance = torch.eye(4).double() + 1
    assert correlated == pytest.approx(float(r @ covariance.inverse() @ r) ** 0.5)
    assert logits > 0
    assert found[0].origin.tap_sha256 == ""
    assert len(found[1].origin.tap_sha256) == 64


REFUSED = {
    "twice": ("used 2 times", '"twice+call=1"'),
    "twice+call=3": ("the forward pass never reaches it 3 times", ""),
    "both": ("gives tuple, not a tensor", '"both+output=0"'),
    "both+output=2": ("output=2 does not fit what the layer gives: there are 2", ""),
    "both+output=1": ("gives dict, not a tensor", ""),
    "both+output=1.depth": (
        "output=1.depth does not fit what the layer gives: it is a dict of deep",
        "",
    ),
    "both+channels=0": (
        "channels=0 does not fit what the layer gives: it is a tuple of 0 to 1",
        "",
    ),
    "conv+channels=4": ("channels=4 does not fit what the layer gives: there are 4, numbered", ""),
    "conv+units=0:200": ("units=0:200 does not fit what the layer gives: there are 144", ""),
    "conv+token=0": ("token=0 does not fit what the layer gives: (4, 6, 6) is not tokens", ""),
    "head+pool=mean": ("pool=mean does not fit what the layer gives: there is no space", ""),
    "tokens+pool=2": ("pool=2 does not fit what the layer gives: (36, 4) has no fields", ""),
    "last+pool=mean": ("pool=mean does not fit what the layer gives: (6, 6, 4) looks as", ""),
    "tokens+axes=hwc": ("axes=hwc does not fit what the layer gives: it has 2 axes", ""),
    "conv+readout=fit.npz": ("is a readout of 4 responses, and the layer gives 144", "fitted to"),
}


@pytest.mark.parametrize("tap", REFUSED)
def test_what_cannot_be_read_is_refused(tap, folder):
    (found,) = models.from_module(Net(), [tap], "net", folder=folder)
    problem, remedy = REFUSED[tap]
    with refused(remedy=remedy) as told:
        found.network.linearize(IMAGE, [tap])
    assert told.value.problem.startswith(problem)


@pytest.mark.parametrize(
    ("tap", "said"),
    [
        ("conv+chanels=0", 'unknown step "chanels=0": did you mean "channels"?'),
        ("conv+call=0", '"call=0" cannot be read: call= takes N, which time'),
        ("conv+channels=a", '"channels=a" cannot be read'),
        ("conv+pool=median", '"pool=median" cannot be read: pool= takes mean or max'),
        ("conv+pool=mean+call=1", "call= has to come first"),
        ("conv+noise=poisson+pool=mean", "noise= last"),
        ("conv+noise=pink", '"noise=pink" cannot be read'),
        ("conv+readout=fit.txt", "readout= takes FILE.npz"),
    ],
)
def test_what_is_not_written_as_a_tap_is_refused(tap, said):
    with pytest.raises(ValueError, match="=") as told:
        parse_tap(tap)
    assert said in str(told.value)
    with refused(file='model "net"', field=tap):
        models.from_module(Net(), [tap], "net")
    with refused(field="layers[0]"):
        models.load([{"source": "python", "name": "a:b", "layers": [tap]}])


@pytest.mark.parametrize(
    ("array", "said"),
    [
        ({"weights": np.ones(3)}, "is no linear readout"),
        ({"weights": np.ones((2, 4)), "extra": np.ones(1)}, "is no linear readout"),
        ({"weights": np.ones((2, 4)), "bias": np.ones(3)}, "does not fit the weights"),
        ({"weights": np.full((2, 4), np.nan)}, "has values that are not finite"),
        ({"weights": np.array([["a"]])}, "not numpy arrays"),
        ({}, "is empty"),
    ],
)
def test_files_that_are_no_readout(array, said, tmp_path):
    np.savez(tmp_path / "fit.npz", **array)
    (found,) = models.from_module(Net(), ["conv+readout=fit.npz"], "net", folder=tmp_path)
    with refused(file=tmp_path / "fit.npz") as told:
        found.network.linearize(IMAGE, [found.layer])
    assert told.value.problem.startswith(said)


def test_a_file_that_is_not_there_is_refused_at_once(folder):
    for step in ("readout", "noise"):
        with refused(file="none.npy"):
            models.from_module(Net(), [f"conv+{step}=none.npy"], "net", folder=folder)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros(4), "is out of range"),
        (-np.eye(4), "is not positive definite"),
        (np.ones((2, 2, 2)), "is no noise"),
        (np.ones(()), "is no noise"),
    ],
)
def test_files_that_are_no_noise(array, said, tmp_path):
    np.save(tmp_path / "noise.npy", array)
    with refused(file=tmp_path / "noise.npy") as told:
        models.from_module(Net(), ["conv+noise=noise.npy"], "net", folder=tmp_path)
    assert told.value.problem.startswith(said)


def test_addresses_with_taps():
    text = "file:resnet50@weights/mine.pth/fc+readout=regression/V4.npz+noise=poisson"
    found = parse(text)
    assert (found.name, found.weights) == ("resnet50", "weights/mine.pth")
    assert found.names == (text,)
    assert split_tap("torchvision:alexnet/features.0") == ("torchvision:alexnet", "features.0")
    assert split_tap("nothing") == ("", "nothing")


def test_numbers_of_a_few():
    assert numbers("0,-1,2:4,:1,-2:", 6) == [0, 5, 2, 3, 0, 4, 5]
    for none in ("6", "-7", "0:9", "3:3"):
        with pytest.raises(ValueError, match="6"):
            numbers(none, 6)


def test_every_step_is_in_the_documentation():
    page = (Path(__file__).parents[3] / "docs" / "networks.md").read_text(encoding="utf-8")
    assert [f"`+{kind}=" in page for kind in STEPS] == [True] * len(STEPS)
    assert set(STEPS) == {step.kind for tap in READ for step in parse_tap(tap).steps}


def test_recipes_have_taps_and_sets_know_their_files(folder, tmp_path):
    (folder / "tapped_net.py").write_text(
        "from torch import nn\n"
        "def net():\n"
        "    act = nn.Tanh()\n"
        "    return nn.Sequential(nn.Conv2d(1, 4, 3), act, nn.Conv2d(4, 4, 3), act)\n"
    )
    (folder / "small.yaml").write_text("""\
images: [{sample: cat}]
preprocess: {size: 16, range: [0.05, 0.95]}
models:
  - source: python
    name: tapped_net:net
    label: net
    layers: [1+call=1+pool=mean, 1+call=2, 2+pool=mean+readout=fit.npz]
distortions: [{kind: principal, iterations: 3}]
floor: 0.1
""")
    made = stimuli.generate(folder / "small.yaml")
    names = ("net/1+call=1+pool=mean", "net/1+call=2", "net/2+pool=mean+readout=fit.npz")
    assert made.models == names
    records = made.manifest.representations
    assert [len(record.tap_sha256) for record in records] == [0, 0, 64]
    assert "layers 1+call=1+pool=mean, 1+call=2" in made.describe()
    np.savez(folder / "fit.npz", weights=np.zeros((2, 4)))
    shutil.rmtree(made.path / "responses")
    forget_representations()
    with refused(value=names[2], remedy="generate the set again") as told:
        stimuli.add_finite_responses(made.path, trust_code=True)
    assert told.value.problem.startswith("the model has other files here")
