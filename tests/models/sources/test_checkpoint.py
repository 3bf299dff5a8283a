"""Files written as the published ones are, read whole; everything else is refused."""

from __future__ import annotations

import os
import re
import sys
import types

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused
from torch import nn
from torchvision import models

from pdpsych.common.errors import InputError
from pdpsych.models import load
from pdpsych.models.sources import catalogue, checkpoint

from .wrapped import AttackerModel, FeatherModel, examples, robustness


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


def saved(content, path, zipped=True):
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def assert_same(state, network):
    wanted = network.state_dict()
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[key], wanted[key]) for key in wanted)


LAYOUTS = {
    "plain": lambda net: net.state_dict(),
    "plain under state_dict": lambda net: {"state_dict": net.state_dict(), "epoch": 3},
    "plain under model": lambda net: {"model": net.state_dict(), "epoch": 3},
    "bare DataParallel": lambda net: nn.DataParallel(net).state_dict(),
    "examples": examples,
    "robustness": robustness,
    "robustness, old": lambda net: robustness(net, key="state_dict"),
    "robustness of Feather": lambda net: robustness(net, FeatherModel),
}


@pytest.mark.parametrize("zipped", [True, False], ids=["new file", "old file"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_tensor_comes_back(layout, zipped, tmp_path):
    network = tiny()
    path = saved(LAYOUTS[layout](network), tmp_path / "w.pt", zipped)
    state = checkpoint.read_state(path)
    assert_same(state, network)
    other = tiny()
    checkpoint.load_into(other, state, "tiny")
    assert_same(other.state_dict(), network)


def test_only_the_features_in_parallel(tmp_path):
    network = tiny(parallel_features=True)
    content = examples(network)
    keys = content["state_dict"].keys()
    assert {"features.module.0.weight", "classifier.weight"} <= keys
    assert_same(checkpoint.read_state(saved(content, tmp_path / "w")), network)


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
    state = checkpoint.read_state(saved(content(network), tmp_path / "w.pt"))
    checkpoint.load_into(other, state, "full")
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
keys = st.lists(names, min_size=1, max_size=4).map(".".join)


@given(st.sets(keys, min_size=1), st.sampled_from(["module.", "module.model."]))
def test_a_prefix_goes_once_and_from_all_keys(inside, prefix):
    state = {prefix + key: torch.zeros(1) for key in inside}
    if prefix == "module." and any(key.startswith("model.") for key in inside):
        return  # a key that the next layout claims
    found, _ = checkpoint._unwrapped(state, "file")
    assert found.keys() == inside


@pytest.mark.parametrize(
    "prefix", ["net.", "model.", "encoder.module.", "module.module.", "module.modell."]
)
def test_a_wrong_prefix_fails_rather_than_loads_nothing(prefix, tmp_path):
    network = tiny()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state = {prefix + key: value + 1 for key, value in network.state_dict().items()}
    path = saved({"state_dict": state}, tmp_path / "w.pt")
    with pytest.raises(InputError):
        checkpoint.load_into(network, checkpoint.read_state(path), "tiny")
    assert all(torch.equal(network.state_dict()[key], before[key]) for key in before)


def test_keys_of_no_layout_are_named(tmp_path):
    state = nn.DataParallel(AttackerModel(tiny())).state_dict()
    strange = saved({"model": state | {"module.extra.x": torch.ones(1)}}, tmp_path / "a")
    with refused(file="a", value="1 keys (module.extra.x)", allowed="module.attacker."):
        checkpoint.read_state(strange)
    mixed = saved({"module.a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "b")
    with refused(file="b", value="2 keys (b, module.a)"):
        checkpoint.read_state(mixed)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"weights": {"a": torch.ones(1)}, "epoch": 1}, "2 keys (epoch, weights)"),
        ({}, "an empty dict"),
        ({"state_dict": {}}, "an empty dict"),
        ([torch.ones(1)], "a list"),
        (torch.ones(1), "a Tensor"),
        ({"state_dict": {"a": 1.0}}, "1 keys (a)"),
    ],
)
def test_a_file_without_a_state_dict(content, found, tmp_path):
    with refused(file="w", value=found, allowed="tensors by name"):
        checkpoint.read_state(saved(content, tmp_path / "w"))


def test_another_normaliser_is_refused(tmp_path):
    wrapped = AttackerModel(tiny(), mean=(0.4914, 0.4822, 0.4465))
    path = saved({"model": nn.DataParallel(wrapped).state_dict()}, tmp_path / "w")
    with refused(file="w", value=[0.4914, 0.4822, 0.4465], allowed="[0.485") as told:
        checkpoint.read_state(path)
    assert told.value.field.endswith("new_mean")


def test_files_older_than_the_batch_counter(tmp_path):
    network, other = tiny(), tiny()
    state = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    checkpoint.load_into(other, checkpoint.read_state(saved(state, tmp_path / "w")), "old")
    assert all(torch.equal(other.state_dict()[key], value) for key, value in state.items())


def test_names_of_old_densenets(tmp_path):
    new = ["features.denseblock1.denselayer2.norm1.weight", "features.norm5.weight"]
    old = ["features.denseblock1.denselayer2.norm.1.weight", "features.norm5.weight"]
    path = saved({key: torch.ones(1) for key in old}, tmp_path / "w")
    assert list(checkpoint.read_state(path)) == new


def test_names_the_architecture_that_it_fits():
    with torch.device("meta"):
        small, large = models.resnet18(weights=None), models.resnet34(weights=None)
    with pytest.raises(InputError) as caught:
        checkpoint.load_into(large, small.state_dict(), "torchvision:resnet34@x")
    assert caught.value.file == "torchvision:resnet34@x"
    assert caught.value.remedy.endswith("as many parameters as resnet18")
    assert "missing (layer1.2.bn1.bias, " in caught.value.problem


def test_another_shape_is_refused():
    wide, narrow = nn.Linear(3, 2), nn.Linear(4, 2)
    with refused(file="linear") as told:
        checkpoint.load_into(wide, narrow.state_dict(), "linear")
    assert "1 of another shape (weight (2, 4) for (2, 3))" in told.value.problem


class TestWhatIsNotTensors:
    def test_numbers_of_numpy_as_robustness_saves_them(self, tmp_path):
        network = tiny()
        beside = {"nat_prec1": np.float64(57.9), "adv_prec1": np.array([1.5, 2.5])}
        for zipped in (True, False):
            path = saved(robustness(network, **beside), tmp_path / "w", zipped)
            assert_same(checkpoint.read_state(path), network)

    def test_numbers_of_numpy_before_version_2(self, tmp_path):
        network = tiny()
        path = saved(robustness(network, nat_prec1=np.float64(57.9)), tmp_path / "w", False)
        new, old = b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"
        assert new in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(new, old))
        assert_same(checkpoint.read_state(path), network)

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
        assert_same(checkpoint.read_state(path), network)

    @pytest.mark.parametrize("zipped", [True, False])
    @pytest.mark.parametrize("function", [exec, eval, print, np.load, np.fromfile, open])
    def test_no_program_in_a_file_runs(self, function, zipped, tmp_path):
        mark = tmp_path / "mark"
        path = saved(
            robustness(tiny(), evil=Call(function, f"open({str(mark)!r}, 'w').close()")),
            tmp_path / "w",
            zipped,
        )
        with refused(file="w", remedy="keep only its tensors"):
            checkpoint.read_state(path)
        assert not mark.exists()

    def test_nor_in_place_of_a_number_of_numpy(self, tmp_path):
        mark = tmp_path / "mark"
        evil = Call(exec, f"open({str(mark)!r}, 'w').close()")
        scalar = Call(np.float64(1).__reduce__()[0], np.dtype("O"), evil)
        path = saved(robustness(tiny(), nat_prec1=scalar), tmp_path / "w")
        with refused(file="w", value="exec"):
            checkpoint.read_state(path)
        assert not mark.exists()

    def test_numpy_itself_is_not_called(self, tmp_path):
        numbers = {"a": np.float64(1), "b": np.zeros(3)}
        content = checkpoint._open(saved(numbers, tmp_path / "w"))
        assert all(isinstance(value, checkpoint._StandIn) for value in content.values())

    def test_the_permission_ends_with_the_file(self, tmp_path):
        before = set(torch.serialization.get_safe_globals())
        checkpoint.read_state(saved(robustness(tiny(), a=np.float64(1)), tmp_path / "w"))
        assert set(torch.serialization.get_safe_globals()) == before

    def test_a_whole_network_is_refused(self, tmp_path):
        with refused(file="w", remedy="keep only its tensors") as told:
            checkpoint.read_state(saved(nn.Linear(2, 2), tmp_path / "w"))
        assert told.value.value.startswith("torch.nn.modules")


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
        checkpoint.read_state(path)


@pytest.mark.parametrize("content", [b"<html>Sign in</html>", b"version https://git-lfs", b"\x80"])
def test_not_a_checkpoint(content, tmp_path):
    (tmp_path / "w").write_bytes(content)
    with refused(file="w"):
        checkpoint.read_state(tmp_path / "w")


def test_no_such_file(tmp_path):
    with refused(file=tmp_path / "none"):
        checkpoint.read_state(tmp_path / "none")
    with refused(file=tmp_path):
        checkpoint.read_state(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_pipe_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / "w")
    with refused(file=tmp_path / "w", problem="is not a regular file"):
        checkpoint.read_state(tmp_path / "w")


def test_the_layout_must_be_the_published_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PDPSYCH_CHECKPOINTS", str(tmp_path))
    entry = catalogue.find("resnet50", "robust_linf_4")
    network = tiny()
    path = saved(robustness(network), tmp_path / entry.file)
    state, found = checkpoint.state_dict(entry)
    assert_same(state, network)
    assert found == path
    saved(network.state_dict(), path)
    with refused(file=path, value="plain", allowed="robustness", remedy="download it again"):
        checkpoint.state_dict(entry)


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
        (lambda t: t.flatten()[:1].clone().expand(10**12), "says that it has 10+ numbers, in 4 b"),
        (lambda t: t * torch.nan, "has values that are not finite"),
    ],
)
def test_tensors_that_no_network_can_be_given_are_refused(made, message, tmp_path):
    state = tiny().state_dict()
    state["fc.weight"] = made(state["fc.weight"])
    with refused(file="x.pt", field="fc.weight") as told:
        checkpoint.read_state(saved(state, tmp_path / "x.pt"))
    assert re.match(message, told.value.problem)


@pytest.mark.parametrize("content", [torch.ones(3), torch.zeros(0), None, 3, [], {}])
def test_what_is_no_state_dict_is_described(content, tmp_path):
    with refused(file="x.pt") as told:
        checkpoint.read_state(saved(content, tmp_path / "x.pt"))
    assert told.value.value.startswith("a")
