"""What modules compute themselves, by the names of torch.fx."""

from __future__ import annotations

import re

import pytest
import torch
import torchvision
from refusals import refused
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from pdpsych import geometry, models

IMAGE = torch.rand((3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def _network(name):
    torch.manual_seed(0)
    extra = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    return torchvision.models.get_model(name, weights=None, **extra).double().eval()


class Inner(nn.Module):
    def forward(self, x):
        x = x + 1
        x += x.mean()
        return 1 - x


class Branching(nn.Module):
    """Goes another way by the value of its image, which torch.fx cannot trace."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.inner = Inner()
        self.double()

    def forward(self, x):
        x = self.relu(self.conv(x))
        height, width = x.shape[-2:]
        if x.mean() > 100:
            x = x.exp()
        kept = nn.functional.relu(x - 0.1, inplace=True)
        first, second = kept.chunk(2, dim=1)
        total = first * (height / width)
        total += second
        total.mul_(2)
        return self.inner(self.inner(total)).tanh()


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "densenet121", "efficientnet_b0"])
def test_names_are_those_of_the_extractor_of_torchvision(name):
    network = _network(name)
    nodes = get_graph_node_names(network)[1][1:]
    modules = dict(network.named_modules())
    between = [node for node in nodes if node not in modules]
    found = models.ModuleNetwork(network).uses(IMAGE[None], operations=True)
    # It has no names inside torchvision's own modules, as squeeze and excitation.
    inside = re.compile(r"block\.\d\.mul$")
    operations = [u.name for u in found if u.kind == "operation" and not inside.search(u.name)]
    assert operations == between


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "efficientnet_b0"])
def test_values_are_those_of_the_extractor_of_torchvision(name):
    network = _network(name)
    modules = dict(network.named_modules())
    nodes = [n for n in get_graph_node_names(network)[1][1:] if n not in modules]
    expected = create_feature_extractor(network, nodes)(IMAGE[None])
    found = models.ModuleNetwork(_network(name)).responses(IMAGE[None], nodes)
    for node, response in zip(nodes, found, strict=True):
        # Of the extractor, what a rectifier overwrites later has been overwritten.
        overwritten = name == "resnet18" and node.endswith(".add")
        wanted = expected[node]
        torch.testing.assert_close(response.relu() if overwritten else response, wanted)


@pytest.mark.parametrize(
    ("name", "taps"),
    [
        ("resnet18", ["layer1.0.add", "layer1.0.relu_1", "layer3.1.add+channels=0:8", "flatten"]),
        ("efficientnet_b0", ["features.2.1.add", "features.1.0.block.1.mul", "features.3.1.add"]),
    ],
)
def test_derivatives_are_those_of_finite_differences(name, taps):
    network = _network(name)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_var.fill_(0.1)
    found = models.from_module(network, taps, name)
    checks = models.check_derivatives(found, IMAGE)
    assert {checks[f"{name}/{tap}"].verdict for tap in taps} == {"passed"}
    local = geometry.LocalGeometry(found, IMAGE)
    direction = torch.randn((1, 3, 64, 64), dtype=torch.float64)
    step = 1e-6
    ahead, behind = (
        found[0].network.responses((IMAGE + s * direction[0])[None], taps) for s in (step, -step)
    )
    for pushed, a, b in zip(local.push(direction), ahead, behind, strict=True):
        difference = (a - b).flatten() / (2 * step)
        assert (pushed[0] - difference).norm() < 1e-5 * difference.norm()


def test_what_timm_adds():
    pytest.importorskip("timm")
    taps = ["layer1.0.add", "layer1.0.act2"]
    found = models.load(
        [{"source": "timm", "name": "resnet18", "weights": "random", "layers": taps}],
        dtype=torch.float64,
    )
    image = torch.rand((3, 64, 64), dtype=torch.float64)
    checks = models.check_derivatives(found, image)
    assert {check.verdict for check in checks.values()} == {"passed"}
    added, rectified = found[0].network.responses(image[None], taps)
    torch.testing.assert_close(added.relu(), rectified)


def test_a_network_that_cannot_be_traced():
    network = Branching()
    with pytest.raises(torch.fx.proxy.TraceError):
        torch.fx.symbolic_trace(network)
    rectified = network.conv(IMAGE[None]).relu()
    kept = (rectified - 0.1).relu()
    total = kept[:, :2] + kept[:, 2:]
    first = 2 * total + 1
    first = 1 - (first + first.mean())
    expected = {
        "sub": rectified - 0.1,
        # The module relu has run before.
        "relu": rectified,
        "relu_1": kept,
        "chunk+output=1": kept[:, 2:],
        "mul": kept[:, :2],
        "add+channels=1": total[:, 1:],
        "mul_1": 2 * total,
        "inner.add": 2 * total + 1,
        "inner.sub": first,
        "inner.add_2": first + 1,
        "tanh+pool=mean": network(IMAGE[None]).mean((2, 3)),
    }
    made = models.ModuleNetwork(network)
    found = made.responses(IMAGE[None], list(expected))
    for response, wanted in zip(found, expected.values(), strict=True):
        torch.testing.assert_close(response, wanted)
    # In a pass of their own, and with a module beside them.
    for tap, wanted in expected.items():
        linear = made.linearize(IMAGE, [tap, "conv"])
        torch.testing.assert_close(linear.responses[0], wanted.flatten())
    taps = models.from_module(network, ["inner.sub", "conv", "mul_1"], "net")
    assert set(models.check_derivatives(taps, IMAGE)) == {r.name for r in taps}
    assert made.order(IMAGE[None], ["mul_1", "conv", "add"]) == ["conv", "add", "mul_1"]


def test_operations_are_listed_when_asked():
    shown = models.layers("torchvision:resnet18", shape=(3, 64, 64))
    assert not any(use.kind == "operation" for use in shown.uses)
    found = models.layers("torchvision:resnet18", operations=True, shape=(3, 64, 64))
    names = [use.name for use in found.uses]
    assert [n for n in names if n.startswith("layer1.0")] == [
        *("layer1.0.conv1", "layer1.0.bn1", "layer1.0.relu", "layer1.0.conv2", "layer1.0.bn2"),
        *("layer1.0.add", "layer1.0.relu_1", "layer1.0"),
    ]
    assert names[-2:] == ["flatten", "fc"]
    (tapped,) = models.layers("torchvision:resnet18", taps=["layer1.0.add+pool=mean"]).uses
    assert tapped.kind == "operation"
    assert tapped.outputs == ("(64)",)
    # Steps read none of them, and leave none behind.
    network = models.ModuleNetwork(_network("resnet18"))
    before = network.uses(IMAGE[None], operations=True)
    network.responses(IMAGE[None], ["layer1.0.add+pool=mean", "conv1+channels=0+pool=max"])
    assert network.uses(IMAGE[None], operations=True) == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.module.modules())


def test_a_look_at_operations():
    image = IMAGE[:, :32, :32].numpy()
    found = models.look("torchvision:resnet18", image, operations=True)
    assert {"layer1.0.add", "layer1.0"} <= {layer.name for layer in found.layers}
    kinds = {layer.name: layer.kind for layer in found.layers}
    assert kinds["layer1.0.add"] == "operation"


@pytest.mark.parametrize(
    ("tap", "expected"),
    [
        ("layer1.0.add_1", {"allowed": "layer1.0.add", "remedy": "--operations"}),
        ("layer1.0.addition", {"problem": "no such layer", "allowed": "layer1.0.conv1"}),
        ("norm", {"remedy": "--operations"}),
        ("layer9.add", {"problem": "no such layer"}),
        ("layer1.0.add+call=2", {"problem": "the forward pass never reaches it 2 times"}),
    ],
)
def test_operations_that_are_not_there(tap, expected):
    network = models.ModuleNetwork(_network("resnet18"))
    with refused(**expected):
        network.responses(IMAGE[None], [tap])
