"""Files written as the published ones are, read whole; everything else is refused."""

from __future__ import annotations

import os
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused
from torch import nn
from torchvision import models

from pdpsych.common.errors import InputError
from pdpsych.models import load, load_weights
from pdpsych.models.address import NetworkInput
from pdpsych.models.preprocessing import InputFormat
from pdpsych.models.sources import catalogue, checkpoint, tensor_file
from pdpsych.models.sources.state_dict import WRAPPERS, NamedTensors
from pdpsych.models.sources.tensor_file import read_tensors

from .kinds import KINDS
from .kinds import tiny as kinds_of_tiny
from .wrapped import AttackerModel, examples, robustness


def tiny(parallel_features=False):
    """Return a network with parameters, buffers and a counter; random in all of them."""
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    parts = {"features" if parallel_features else "stem": body}
    parts["classifier" if parallel_features else "fc"] = nn.Linear(4, 2)
    network = nn.ModuleDict(parts)
    if parallel_features:
        network.features, network.classifier = body, parts["classifier"]
    for buffer in network.buffers():
        buffer.copy_(torch.rand(buffer.shape) * 9)
    return network


def _loaded(path):
    """Return the state dict of a small network that has loaded a file."""
    network = tiny()
    load_weights(network, path)
    return network.state_dict()


def saved(content, path, zipped=True):
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def assert_same(state, network):
    wanted = network.state_dict()
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[key], wanted[key]) for key in wanted)


@pytest.mark.parametrize(
    ("build", "content"),
    [
        pytest.param(models.alexnet, examples, id="AlexNet of Geirhos"),
        pytest.param(models.resnet50, robustness, id="ResNet50 of MadryLab"),
    ],
)
def test_full_size(build, content, tmp_path):
    with torch.device("meta"):
        network, other = build(weights=None), build(weights=None)
    network, other = (filled(n, seed) for seed, n in enumerate((network, other)))
    found = load_weights(other, saved(content(network), tmp_path / "w.pt"))
    assert not found.lacking
    assert_same(other.state_dict(), network)


def filled(network, seed):
    generator = torch.Generator().manual_seed(seed)
    network.to_empty(device="cpu")
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.1, 1, generator=generator)  # variances are positive
        else:
            value.fill_(seed)
    return network


names = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=9)


@given(st.lists(names | st.sampled_from(WRAPPERS), max_size=4))
def test_a_network_is_found_wherever_it_is(inside):
    network, other = tiny(), tiny()
    head = "".join(f"{part}." for part in inside)
    tensors = {head + key: value for key, value in network.state_dict().items()}
    found = checkpoint.load_tensors(other, tensors, Path("w.pt"))
    assert found.part == ".".join(part for part in inside if part not in WRAPPERS)
    assert (found.left_out, found.lacking) == ((), ())
    assert_same(other.state_dict(), network)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"weights": [torch.ones(1)], "epoch": 1}, "2 keys (epoch, weights)"),
        ({}, "an empty dict"),
        ({"state_dict": {}}, "1 keys (state_dict)"),
        ([torch.ones(1)], "a list"),
        (torch.ones(1), "a Tensor"),
        ({"state_dict": {"a": 1.0}}, "1 keys (state_dict)"),
    ],
)
def test_a_file_without_a_state_dict(content, found, tmp_path):
    with refused(file="w", value=found, allowed="a state dict"):
        read_tensors(saved(content, tmp_path / "w"))


def test_another_normaliser_is_used_where_the_recipe_says_so(tmp_path):
    network, other = tiny(), tiny()
    cifar = (0.4914, 0.4822, 0.4465)
    wrapped = AttackerModel(network, mean=cifar)
    path = saved({"model": nn.DataParallel(wrapped).state_dict()}, tmp_path / "w")
    imagenet = InputFormat(3, None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with refused(file="w", value=list(cifar), allowed="[0.485") as told:
        load_weights(other, path, takes=imagenet)
    assert told.value.field.endswith("new_mean")
    assert "preprocess: {mean: [0.4914, 0.4822, 0.4465]}" in told.value.remedy
    load_weights(other, path, takes=imagenet.changed_by(NetworkInput(mean=cifar)))
    assert_same(other.state_dict(), network)


def test_names_of_old_densenets():
    with torch.device("meta"):
        names = list(models.densenet121(weights=None).state_dict())
    new = [n for n in names if "denselayer2." in n]
    old = [re.sub(r"(norm|conv)([12])", r"\1.\2", n) for n in new]
    assert old[0] == "features.denseblock1.denselayer2.norm.1.weight"
    tensors = {key: torch.ones(1) for key in old}
    assert list(NamedTensors(tensors, nn.Linear(1, 1)).tensors) == new


def test_names_the_architecture_that_it_fits():
    with torch.device("meta"):
        small = models.resnet18(weights=None)
    state = {k: torch.zeros(()).expand(v.shape) for k, v in small.state_dict().items()}
    with torch.device("meta"), pytest.raises(InputError) as caught:
        checkpoint.load_tensors(models.resnet34(weights=None), state, Path("w"))
    assert caught.value.remedy == "it has as many parameters as resnet18"
    assert "missing (layer1.2.bn1.bias, " in caught.value.problem


def test_tensors_that_the_network_shares(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = self.two = nn.Linear(2, 2)

    network, other = Tied(), Tied()
    state = {k: v for k, v in network.state_dict().items() if k.startswith("one")}
    assert load_weights(other, saved(state, tmp_path / "w")).lacking == ()
    assert_same(other.state_dict(), network)
    state = network.state_dict() | {"two.bias": torch.ones(2)}
    with refused(file="w", field="two.bias"):
        load_weights(other, saved(state, tmp_path / "w"))


def test_what_is_in_the_place_of_a_layer_is_another_network():
    network = tiny()
    for strange in ("stem.0.gate.weight", "token", "stem.1.extra"):
        state = network.state_dict() | {strange: torch.ones(2)}
        with pytest.raises(InputError, match="1 not in the network"):
            checkpoint.load_tensors(tiny(), state, Path("w"))
    state = network.state_dict() | {"projector.0.weight": torch.ones(2), "updates": torch.ones(1)}
    assert checkpoint.load_tensors(tiny(), state, Path("w")).left_out == ("projector", "updates")


def test_a_part_that_is_not_there_gets_those_that_are(tmp_path):
    path = saved({"state_dict": tiny().state_dict()}, tmp_path / "w")
    with refused(file="w", value="ema", allowed="state_dict"):
        load_weights(tiny(), path, part="ema")


def test_a_mark_in_the_name_of_a_file_is_no_part(tmp_path):
    (tmp_path / "run#3.pth").touch()
    assert checkpoint.split_part("run#3.pth", tmp_path) == (tmp_path / "run#3.pth", "")
    assert checkpoint.split_part("run.pth#ema", tmp_path) == (tmp_path / "run.pth", "ema")


class TestWhatIsNotTensors:
    def test_numbers_of_numpy_as_robustness_saves_them(self, tmp_path):
        network = tiny()
        beside = {"nat_prec1": np.float64(57.9), "adv_prec1": np.array([1.5, 2.5])}
        for zipped in (True, False):
            path = saved(robustness(network, **beside), tmp_path / "w", zipped)
            assert_same(_loaded(path), network)

    def test_numbers_of_numpy_before_version_2(self, tmp_path):
        network = tiny()
        path = saved(robustness(network, nat_prec1=np.float64(57.9)), tmp_path / "w", False)
        new, old = b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"
        assert new in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(new, old))
        assert_same(_loaded(path), network)

    def test_settings_of_training_scripts(self, tmp_path, monkeypatch):
        class Parameters:
            def __init__(self):
                self.lr, self.arch = 0.1, "tiny"

        Parameters.__module__, Parameters.__qualname__ = "cox.utils", "Parameters"
        module = types.ModuleType("cox.utils")
        module.Parameters = Parameters
        monkeypatch.setitem(sys.modules, "cox", types.ModuleType("cox"))
        monkeypatch.setitem(sys.modules, "cox.utils", module)
        network = tiny()
        path = saved(robustness(network, args=Parameters()), tmp_path / "w")
        monkeypatch.undo()
        assert_same(_loaded(path), network)

    @pytest.mark.parametrize("zipped", [True, False])
    @pytest.mark.parametrize("function", [exec, eval, print, np.load, np.fromfile, open])
    def test_no_program_in_a_file_runs(self, function, zipped, tmp_path):
        mark = tmp_path / "mark"
        path = saved(
            robustness(tiny(), evil=Call(function, f"open({str(mark)!r}, 'w').close()")),
            tmp_path / "w",
            zipped,
        )
        with refused(file="w", remedy="if you trust it"):
            read_tensors(path)
        assert not mark.exists()

    def test_nor_in_place_of_a_number_of_numpy(self, tmp_path):
        mark = tmp_path / "mark"
        evil = Call(exec, f"open({str(mark)!r}, 'w').close()")
        scalar = Call(np.float64(1).__reduce__()[0], np.dtype("O"), evil)
        path = saved(robustness(tiny(), nat_prec1=scalar), tmp_path / "w")
        with refused(file="w", value="exec"):
            read_tensors(path)
        assert not mark.exists()

    def test_numpy_itself_is_not_called(self, tmp_path):
        numbers = {"a": np.float64(1), "b": np.zeros(3)}
        content = tensor_file._from_torch(saved(numbers, tmp_path / "w"), zipped=True)
        assert all(isinstance(value, tensor_file._StandIn) for value in content.values())

    def test_the_permission_ends_with_the_file(self, tmp_path):
        before = set(torch.serialization.get_safe_globals())
        read_tensors(saved(robustness(tiny(), a=np.float64(1)), tmp_path / "w"))
        assert set(torch.serialization.get_safe_globals()) == before

    @pytest.mark.parametrize(
        "made",
        [
            pytest.param(lambda net: net, id="a network"),
            pytest.param(
                lambda net: {"model": net, "args": Call(print, 1)}, id="a network in a dict"
            ),
            pytest.param(lambda net: {"state_dict": net.state_dict(), "o": nn.ReLU()}, id="beside"),
        ],
    )
    def test_the_advice_for_more_than_tensors_works(self, made, tmp_path, monkeypatch):
        network, other = nn.Sequential(nn.Linear(3, 2)), nn.Sequential(nn.Linear(3, 2))
        path = saved(made(network), tmp_path / "w")
        with refused(file="w") as told:
            read_tensors(path)
        monkeypatch.chdir(tmp_path)
        exec("import torch; " + told.value.remedy.partition(": ")[2])
        assert load_weights(other, "NEW.pt").lacking == ()
        assert_same(other.state_dict(), network)

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize(
        "kind",
        ["TorchScript", "torch.export, `.pt2`", "torch.distributed.checkpoint, a folder"],
    )
    def test_the_advice_for_programs_works(self, kind, tmp_path, monkeypatch):
        (made,) = (one for one in KINDS if one.name == kind)
        network, other = kinds_of_tiny(0), kinds_of_tiny(1)
        path = made.write(network, tmp_path / f"w{made.ending}")
        with refused(file=path) as told:
            read_tensors(path)
        monkeypatch.chdir(tmp_path)
        exec("import torch; " + told.value.remedy.partition(": ")[2])
        load_weights(other, "NEW.pt")
        assert torch.equal(other.layer2[0].conv1.weight, network.layer2[0].conv1.weight)


class Call:
    """Pickled as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("zipped", [True, False], ids=["new file", "old file"])
@pytest.mark.parametrize("kept", [0, 20, 0.5, 0.99])
def test_truncated(kept, zipped, tmp_path):
    path = saved(tiny().state_dict(), tmp_path / "w", zipped)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if kept < 1 else kept])
    with refused(file="w"):
        read_tensors(path)


@pytest.mark.parametrize("content", [b"<html>Sign in</html>", b"version https://git-lfs", b"\x80"])
def test_not_a_checkpoint(content, tmp_path):
    (tmp_path / "w").write_bytes(content)
    with refused(file="w"):
        read_tensors(tmp_path / "w")


def test_no_such_file(tmp_path):
    with refused(file=tmp_path / "none"):
        read_tensors(tmp_path / "none")
    with refused(file=tmp_path):
        read_tensors(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_pipe_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / "w")
    with refused(file=tmp_path / "w", problem="is not a regular file"):
        read_tensors(tmp_path / "w")


def test_the_layout_must_be_the_published_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PDPSYCH_CHECKPOINTS", str(tmp_path))
    entry = catalogue.find("resnet50", "robust_linf_4")
    network, other, takes = tiny(), tiny(), InputFormat()
    path = saved(robustness(network), tmp_path / entry.file)
    checkpoint.load_published(other, entry, takes)
    assert_same(other.state_dict(), network)
    for content in (network.state_dict(), {"model": network.state_dict()}):
        saved(content, path)
        with refused(file=path, remedy="download it again"):
            checkpoint.load_published(other, entry, takes)


def test_a_published_name_leads_to_the_weights_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("PDPSYCH_CHECKPOINTS", str(tmp_path))
    trained = filled(models.resnet18(weights=None), seed=5)
    saved(robustness(trained), tmp_path / catalogue.find("resnet18", "salman_l2_3").file)
    (layer,) = load(["torchvision:resnet18@salman_l2_3/layer1"])
    assert layer.origin.training == "adversarial (L2, ε = 3)"
    image = torch.rand(1, 3, 224, 224)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    with torch.no_grad():
        (found,) = layer.network.responses(image, ["layer1"])
        expected = nn.Sequential(*list(trained.eval().children())[:5])((image - mean) / std)
    assert torch.allclose(found, expected, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda t: t.to_sparse(), "is sparse"),
        (lambda t: torch.empty_like(t, device="meta"), "is empty"),
        (lambda t: t.to(torch.complex64), "is complex"),
        (lambda t: t.flatten()[:1].clone().expand(t.shape), "says that it has 8 numbers, in 4 b"),
        (lambda t: t * torch.nan, "has values that are not finite"),
    ],
)
def test_tensors_that_no_network_can_be_given_are_refused(made, message, tmp_path):
    state = tiny().state_dict()
    state["fc.weight"] = made(state["fc.weight"])
    with refused(file="x.pt", field="fc.weight") as told:
        load_weights(tiny(), saved(state, tmp_path / "x.pt"))
    assert re.match(message, told.value.problem)


@pytest.mark.parametrize("content", [torch.ones(3), torch.zeros(0), None, 3, [], {}])
def test_what_is_no_state_dict_is_described(content, tmp_path):
    with refused(file="x.pt") as told:
        read_tensors(saved(content, tmp_path / "x.pt"))
    assert told.value.value.startswith("a")
