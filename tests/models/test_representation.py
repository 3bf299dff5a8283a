from __future__ import annotations

import sys
from dataclasses import asdict

import pytest
import torch
from refusals import refused
from torchvision.models import alexnet

from pdpsych import geometry, models
from pdpsych.models.sources.source import fingerprint
from pdpsych.stimuli.manifest import RepresentationRecord


def test_load_gives_representations_by_name():
    loaded = models.load(["LGN", "identity"])
    assert [r.name for r in loaded] == ["LGN", "identity"]
    image = torch.rand((1, 16, 16))
    torch.testing.assert_close(
        loaded[1].network.linearize(image, [""]).responses[0], image.flatten()
    )


def test_an_unknown_name_gets_the_nearest():
    with refused(value="LGM", allowed="LGN", remedy="torchvision"):
        models.load(["LGM"])


def test_from_module_names_layers_and_refuses_unknown_ones():
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU())
    net.train()
    found = models.from_module(net, ["0", "1"], name="mine")
    assert [r.name for r in found] == ["mine/0", "mine/1"]
    assert found[0].network is found[1].network
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())
    with refused(file='model "mine"', value="conv", allowed="0"):
        models.from_module(net, ["conv"], name="mine")


def test_a_layer_the_forward_pass_skips_is_refused():
    class Skips(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = torch.nn.Conv2d(1, 1, 1), torch.nn.Conv2d(1, 1, 1)

        def forward(self, x):
            return self.used(x)

    (representation,) = models.from_module(Skips(), ["unused"], name="skips")
    with refused(file='model "skips", layer "unused"', remedy='such as "used"'):
        representation.network.linearize(torch.zeros((1, 4, 4)), ["unused"])


ALEXNET = {"source": "torchvision", "name": "alexnet", "weights": "random"}
NETS = """
from torch import nn

class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.last, self.first, self.idle = (nn.Conv2d(1, 1, 1) for _ in range(3))
        self.act = nn.Tanh()

    def forward(self, x):
        return self.act(self.last(self.act(self.first(x))))
"""


@pytest.fixture
def odd(tmp_path):
    """Return the folder of a module whose layers do not run in the order of their definition."""
    (tmp_path / "odd_nets.py").write_text(NETS)
    yield tmp_path
    sys.modules.pop("odd_nets", None)


def _odd(*layers: str, **more: object) -> dict[str, object]:
    return {"source": "python", "name": "odd_nets:Odd", "layers": list(layers), **more}


def test_each_network_is_held_once_whatever_names_it():
    loaded = models.load(
        [
            "torchvision:alexnet@random/features.4",
            "identity",
            {**ALEXNET, "layers": ["features.1"], "noise": "poisson"},
            {**ALEXNET, "layers": ["features.0"], "label": "A", "training": "nothing"},
            "torchvision:alexnet@random-1/features.0",
        ]
    )
    assert [r.name for r in loaded] == [
        "torchvision:alexnet@random/features.4",
        "identity",
        "torchvision:alexnet@random/features.1",
        "A/features.0",
        "torchvision:alexnet@random-1/features.0",
    ]
    networks = [r.network for r in loaded]
    assert networks[0] is networks[2] is networks[3]
    assert networks[4] is not networks[0]
    assert [r.origin.depth for r in loaded] == [1.0, 0.0, 0.5, 0.0, 0.0]
    assert [type(r.noise) for r in loaded[1:3]] == [geometry.Gaussian, geometry.Poisson]


def test_an_origin_says_what_a_set_records():
    (alexnet,) = models.load([{**ALEXNET, "layers": ["features.1"]}], encoding="linear")
    origin = alexnet.origin
    assert (origin.architecture, origin.training) == ("alexnet", "random weights, seed 0")
    assert origin.preprocessing.startswith("linear to srgb; resized to 224 x 224")
    assert origin.weights_sha256 == fingerprint(alexnet.network.module)
    said = {"architecture": "five convolutions", "training": "none at all"}
    (named,) = models.load([{**ALEXNET, "layers": ["features.1"], **said}])
    assert (named.origin.architecture, named.origin.training) == tuple(said.values())
    record = RepresentationRecord(
        name=alexnet.name, layer=alexnet.layer, noise="Gaussian", **asdict(origin)
    )
    assert record.depth == 0


def test_depth_follows_the_order_of_execution_where_the_input_is_known(odd):
    layers = ("last", "first")
    known = _odd(*layers, preprocess={"size": 5, "mean": [0.5], "std": [1]})
    assert [r.origin.depth for r in models.load([known], folder=odd)] == [0.0, 1.0]
    torchvision = {**ALEXNET, "layers": ["classifier.5", "features.3", "avgpool"]}
    assert [r.origin.depth for r in models.load([torchvision])] == [1.0, 0.0, 0.5]


def test_precision_is_that_asked_for_and_the_weights_are_recorded_before():
    loaded = models.load([{**ALEXNET, "layers": ["features.1"]}], dtype=torch.float64)
    network = loaded[0].network
    tensors = [*network.module.parameters(), *network.preprocessing.buffers()]
    assert {t.dtype for t in tensors} == {torch.float64}
    torch.manual_seed(0)
    assert loaded[0].origin.weights_sha256 == fingerprint(alexnet())


@pytest.mark.parametrize(
    ("name", "layer", "near"),
    [
        ("resnet18", "layer1.0.relu", 'such as "layer1.0", "layer1.0.'),
        (
            "vit_b_32",
            "encoder.layers.encoder_layer_3.self_attention",
            'such as "encoder.layers.encoder_layer_3", "encoder.layers.encoder_lay',
        ),
        (
            "vit_b_32",
            "encoder.layers.encoder_layer_3.self_attention.out_proj",
            'such as "encoder.layers.encoder_layer_3"',
        ),
    ],
)
def test_layers_that_cannot_be_read_get_others_close_by(name, layer, near):
    with refused(file=f'layer "{layer}"', remedy=near):
        models.load([f"torchvision:{name}@random/{layer}"])


def test_a_layer_that_does_not_exist_gets_others_like_it():
    with refused(
        file='model "torchvision:alexnet@random"', value="features.l", allowed="features.2"
    ):
        models.load(["torchvision:alexnet@random/features.l"])


def test_another_number_of_channels_is_refused_with_advice(odd):
    (loaded,) = models.load([_odd("last")], folder=odd)
    with refused(remedy="first convolution takes 1 channels, the image has 3: set"):
        loaded.network.linearize(torch.rand((3, 5, 5)), ["last"])
    (fixed,) = models.load([{**ALEXNET, "layers": ["features.0"]}])
    with refused(
        file='model "torchvision:alexnet@random"', value=2, allowed="3", remedy="set colour: rgb"
    ):
        fixed.network.linearize(torch.rand((2, 5, 5)), ["features.0"])


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ],
)
@pytest.mark.parametrize("where", ["forward", "backward"])
def test_running_out_of_memory_says_what_to_reduce(error, where):
    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, gradient):
            raise error

    class Large(torch.nn.Module):
        def forward(self, x):
            if where == "forward":
                raise error
            return Doubled.apply(x)

    (large,) = models.from_module(torch.nn.Sequential(Large()), ["0"], name="large")
    with refused(file='model "large"', problem="out of memory", remedy="use smaller images"):
        large.network.linearize(torch.rand((1, 4, 4)), ["0"])
