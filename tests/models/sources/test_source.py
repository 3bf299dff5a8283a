from __future__ import annotations

import sys

import pytest
import torch
import torchvision
from refusals import refused
from torch import nn

from pdpsych import models
from pdpsych.models.address import parse_network
from pdpsych.models.preprocessing import InputFormat
from pdpsych.models.sources import source
from pdpsych.models.sources.catalogue import Checkpoint

NETS = """
import torch
from torch import nn

SIZE = 4

def small():
    return nn.Sequential(nn.Conv2d(1, SIZE, 3), nn.ReLU())

def fails():
    raise FileNotFoundError("weights.pt")

def number():
    return 3
"""


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """Return a folder with a module of networks that no other test has imported."""
    (tmp_path / "my_nets.py").write_text(NETS)
    yield tmp_path
    sys.modules.pop("my_nets", None)


def _build(text, folder=None):
    return source.build(parse_network(text), folder)


def test_random_weights_are_those_of_the_seed():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (
        source.fingerprint(_build(f"torchvision:squeezenet1_1@random{seed}").module)
        for seed in ("", "-0", "-1")
    )
    assert first == again != other
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(0)
    assert first == source.fingerprint(torchvision.models.squeezenet1_1())


def test_a_fingerprint_tells_names_values_and_buffers():
    plain = nn.BatchNorm1d(2)
    found = {source.fingerprint(plain), source.fingerprint(nn.Sequential(plain))}
    plain.running_mean[0] = 1e-7
    found.add(source.fingerprint(plain))
    found.add(source.fingerprint(plain.double()))
    assert len(found) == 4


@pytest.mark.parametrize(
    ("name", "side"), [("resnet18", 224), ("inception_v3", 299), ("efficientnet_b1", 240)]
)
def test_networks_of_torchvision_take_what_their_first_weights_do(name, side):
    built = _build(f"torchvision:{name}@random")
    assert built.takes == InputFormat(
        3, (side, side), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "srgb"
    )
    assert (built.architecture, built.training) == (name, "random weights, seed 0")


def test_ported_weights_get_the_conversion_inside_the_network():
    assert _build("torchvision:googlenet@random").module.transform_input


def test_published_weights_are_loaded_by_name(monkeypatch, tmp_path):
    torch.manual_seed(3)
    trained = torchvision.models.squeezenet1_1()
    asked = []

    torch.save(trained.state_dict(), tmp_path / "file.pth")

    def locate(found: Checkpoint, progress: bool = True):
        asked.append((found.architecture, found.weights))
        return tmp_path / "file.pth"

    monkeypatch.setattr("pdpsych.models.sources.checkpoint.locate", locate)
    named = _build("torchvision:squeezenet1_1@IMAGENET1K_V1")
    pinned = _build("torchvision:squeezenet1_1")
    assert asked == [("squeezenet1_1", "IMAGENET1K_V1")] * 2
    for built in (named, pinned):
        assert source.fingerprint(built.module) == source.fingerprint(trained)


def test_a_checkpoint_on_disk_is_loaded_into_an_architecture(tmp_path):
    torch.manual_seed(4)
    trained = torchvision.models.squeezenet1_1()
    (tmp_path / "weights").mkdir()
    torch.save(trained.state_dict(), tmp_path / "weights" / "mine.pt")
    built = _build("file:squeezenet1_1@weights/mine.pt", tmp_path)
    assert source.fingerprint(built.module) == source.fingerprint(trained)
    assert (built.architecture, built.training) == ("squeezenet1_1", "mine")
    with refused(file="weights/mine.pt", field="file:mobilenet_v2@weights/mine.pt"):
        _build("file:mobilenet_v2@weights/mine.pt", tmp_path)
    with refused(file="mine.pt", field="file:squeezenet1_1@mine.pt"):
        _build("file:squeezenet1_1@mine.pt", tmp_path)


def test_another_head_gets_its_number_of_classes(tmp_path):
    torch.manual_seed(4)
    trained = torchvision.models.squeezenet1_1(num_classes=7)
    torch.save({"module." + k: v for k, v in trained.state_dict().items()}, tmp_path / "mine.pt")
    built = _build("file:squeezenet1_1@mine.pt", tmp_path)
    assert source.fingerprint(built.module) == source.fingerprint(trained)
    assert built.loaded.lacking == ()


def test_layers_that_need_what_a_file_lacks_are_refused(tmp_path):
    torch.manual_seed(4)
    trained = torchvision.models.squeezenet1_1()
    kept = {k: v for k, v in trained.state_dict().items() if k.startswith("features")}
    torch.save({"state_dict": kept | {"projector.0.weight": torch.ones(3)}}, tmp_path / "mine.pt")
    name = "file:squeezenet1_1@mine.pt#state_dict"
    (layer,) = models.load([f"{name}/features.2"], folder=tmp_path)
    assert layer.origin.training == "mine state_dict"
    said = (
        "mine.pt: 50 tensors of state_dict; left out: state_dict.projector; "
        "lacking: classifier.1.weight, classifier.1.bias"
    )
    assert layer.origin.checkpoint == said
    assert models.fetch([name], folder=tmp_path).describe() == f"{name}: ready; {said}"
    with refused(
        file=f'model "{name}", layer "classifier.3"',
        value="classifier.1.weight, classifier.1.bias",
        remedy="read layers before these",
    ):
        models.load([f"{name}/classifier.3"], folder=tmp_path)
    listed = models.layers(name, shape=(3, 64, 64), folder=tmp_path)
    assert said in listed.describe()
    assert listed.readable[-1] == "classifier.0"


def test_a_checkpoint_is_loaded_into_an_architecture_of_timm(tmp_path):
    import timm

    torch.manual_seed(4)
    trained = timm.create_model("test_resnet", num_classes=9)
    content = {"state_dict": timm.create_model("test_resnet").state_dict()}
    torch.save(content | {"state_dict_ema": trained.state_dict()}, tmp_path / "last.pth.tar")
    built = _build("timm:test_resnet@last.pth.tar#state_dict_ema", tmp_path)
    assert source.fingerprint(built.module) == source.fingerprint(trained)
    assert (built.takes.size, built.training) == ((160, 160), "last.pth state_dict_ema")
    with refused(file="none.pth", field="timm:test_resnet@none.pth"):
        _build("timm:test_resnet@none.pth", tmp_path)


def test_timm_says_what_its_networks_take():
    built = _build("timm:test_vit.r160_in1k@random-1")
    half = (0.5, 0.5, 0.5)
    assert built.takes == InputFormat(3, (160, 160), half, half, "srgb")
    assert (built.architecture, built.training) == ("test_vit", "random weights, seed 1")


def test_timm_gets_its_weights_by_tag(monkeypatch):
    import timm

    make = timm.create_model
    asked = []

    def create_model(name, pretrained):
        asked.append((name, pretrained))
        return make(name, pretrained=False)

    monkeypatch.setattr(timm, "create_model", create_model)
    assert _build("timm:resnet18.a1_in1k").training == "a1_in1k"
    assert _build("timm:resnet18").training == "a1_in1k"
    assert asked == [("resnet18.a1_in1k", True), ("resnet18", True)]


def test_a_hub_out_of_reach_is_said(monkeypatch):
    import timm

    def create_model(name, pretrained):
        raise OSError("no connection")

    monkeypatch.setattr(timm, "create_model", create_model)
    with refused(file="timm:resnet18", remedy="fetch them where there is a connection"):
        _build("timm:resnet18")


def test_a_callable_of_the_user_makes_a_network(nets):
    path = list(sys.path)
    built = _build("python:my_nets:small", nets)
    assert isinstance(built.module[0], nn.Conv2d)
    assert built.takes == InputFormat()
    assert (built.architecture, built.training) == ("small", "made by my_nets:small")
    assert sys.path == path
    again = _build("python:my_nets:small", nets)
    assert source.fingerprint(built.module) == source.fingerprint(again.module)


def test_the_module_of_another_study_does_not_pass_for_this_ones(nets, tmp_path):
    _build("python:my_nets:small", nets)
    other = tmp_path / "other"
    other.mkdir()
    (other / "my_nets.py").write_text(NETS)
    with refused(file="my_nets.py", field="python:my_nets:small", remedy="rename one"):
        _build("python:my_nets:small", other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("torchvision:resnet51@random", {"value": "resnet51", "allowed": "resnet50"}),
        ("torchvision:alexnet@SINN", {"value": "SINN", "allowed": "SIN"}),
        ("torchvision:fcn_resnet50@random", {"value": "fcn_resnet50"}),
        ("timm:resnet51", {"value": "resnet51", "allowed": "resnet50"}),
        ("timm:resnet18.a1_in2k", {"value": "a1_in2k", "allowed": "a1_in1k"}),
        ("timm:resnet18@a1_in1k", {"field": "weights", "value": "a1_in1k", "allowed": "random"}),
        (
            "python:my_nests:small",
            {"problem": "No module named 'my_nests'", "remedy": "looked in"},
        ),
        ("python:my_nets:smal", {"value": "smal", "allowed": "small"}),
        ("python:my_nets:SIZE", {"value": "SIZE"}),
        ("python:my_nets:fails", {"problem": "fails(): FileNotFoundError: weights.pt"}),
        ("python:my_nets:number", {"problem": "number() returns int, not a torch.nn.Module"}),
    ],
)
def test_what_is_not_there_is_refused_naming_the_address(text, expected, nets):
    with refused(file=text, **expected):
        _build(text, nets)


@pytest.mark.parametrize(
    ("text", "extra"), [("timm:resnet18", "timm"), ("torchvision:alexnet", "models")]
)
def test_a_missing_package_is_said_with_what_to_install(text, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, text.partition(":")[0], None)
    with refused(file=text, remedy=f"pip install 'pdpsych[{extra}]'"):
        _build(text)
