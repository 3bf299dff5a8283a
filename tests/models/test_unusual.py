"""Modules that are unusual: they work, or are refused with what to give in their place."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
import torch.utils.checkpoint as checkpointing
from refusals import refused
from torch import nn

from pdpsych import geometry, models
from pdpsych.models.sources.source import fingerprint

IMAGE = torch.rand((3, 12, 12), generator=torch.Generator().manual_seed(0))


def net(seed=0):
    torch.manual_seed(seed)
    parts = nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(400, 5)
    return nn.Sequential(*parts).eval()


class Of(nn.Module):
    """A function of a network inside."""

    def __init__(self, function, inside=None):
        super().__init__()
        self.function, self.inside = function, inside or net()

    def forward(self, x):
        return self.function(self.inside, x)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = net()
        self.two = self.one

    def forward(self, x):
        return self.two(x)


class Extra(nn.Sequential):
    """Keeps more than tensors in its state."""

    state: ClassVar = {"scale": [1.5, torch.ones(2)], "kind": "x", "other": object()}

    def get_extra_state(self):
        return self.state

    def set_extra_state(self, state):
        pass


def _half_inside(inside, x):
    return inside.half()(x.half())


def _autocast(inside, x):
    with torch.autocast("cpu"):
        return inside(x)


def _quantised(static):
    from torch.ao import quantization as q

    if not static:
        return q.quantize_dynamic(net(), {nn.Linear})
    module = nn.Sequential(q.QuantStub(), net(), q.DeQuantStub()).eval()
    module.qconfig = q.get_default_qconfig("fbgemm")
    q.prepare(module, inplace=True)
    module(IMAGE[None])
    return q.convert(module)


def _checkpointed(reentrant):
    return Of(lambda inside, x: checkpointing.checkpoint(inside, x, use_reentrant=reentrant))


WORKS = {
    "two paths to one module, the first": (Tied, "one.1"),
    "two paths to one module, the second": (Tied, "two.1"),
    "extra state": (lambda: Extra(*net()), "1"),
    "gradient checkpointing, reentrant": (lambda: _checkpointed(True), "inside.1"),
    "gradient checkpointing": (lambda: _checkpointed(False), "inside.1"),
    "DataParallel": (lambda: nn.DataParallel(net()), "module.1"),
    "torch.fx": (lambda: torch.fx.symbolic_trace(net()), "1"),
    "TorchScript inside": (
        lambda: nn.Sequential(torch.jit.trace(net()[:1], IMAGE[None]), nn.Tanh()),
        "1",
    ),
    "channels_last": (lambda: net().to(memory_format=torch.channels_last), "1"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", WORKS)
def test_what_works(case):
    make, layer = WORKS[case]
    module = make()
    found = models.from_module(module, [layer], "net")
    (plain,) = models.from_module(net(), ["1"], "plain")
    u = torch.randn((1, 3, 12, 12), generator=torch.Generator().manual_seed(1))
    expected = geometry.sensitivity(plain, IMAGE, u)
    assert geometry.sensitivity(found[0], IMAGE, u) == pytest.approx(expected, rel=1e-5)
    assert models.check_derivatives(found, IMAGE)[f"net/{layer}"].verdict == "passed"
    uses = found[0].network.uses(IMAGE[None])
    assert layer in {use.name for use in uses} | {"one.1", "two.1"}


@pytest.mark.filterwarnings("ignore:None of the inputs")
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_is_itself_again_afterwards(reentrant):
    before = checkpointing.CheckpointFunction
    (found,) = models.from_module(_checkpointed(reentrant), [""], "net")
    geometry.sensitivity(found, IMAGE, IMAGE[None])
    assert checkpointing.CheckpointFunction is before


REFUSED = {
    "quantised": (lambda: _quantised(True), "1.0", "computes with whole", "before it was quant"),
    "quantised in part": (lambda: _quantised(False), "1", "computes with whole", "before it was"),
    "lazy": (
        lambda: nn.Sequential(nn.LazyConv2d(4, 3)),
        "0",
        "has no shape yet",
        "run the network",
    ),
    "TorchScript": (
        lambda: torch.jit.script(net()),
        "0",
        "is TorchScript",
        "nn.Sequential(network)",
    ),
    "TorchScript, traced": (
        lambda: torch.jit.trace(net(), IMAGE[None]),
        "",
        "is TorchScript",
        "of",
    ),
    "torch.export": (
        lambda: torch.export.export(net(), (IMAGE[None],)),
        "0",
        "is a program of torch.export",
        "network.load_state_dict(program.state_dict)",
    ),
    "torch.export, as a module": (
        lambda: torch.export.export(net(), (IMAGE[None],)).module(),
        "0",
        "is a program of torch.export",
        "program.state_dict",
    ),
    "a function": (lambda: torch.tanh, "", "is a builtin_function_or_method, not a torch.nn", ""),
    "no values": (lambda: net().to("meta"), "1", "has no values", "load weights before"),
    "half precision": (lambda: net().half(), "1", "has another dtype than the image", ".float()"),
    "half precision inside": (
        lambda: Of(_half_inside),
        "inside.1",
        "gives another dtype",
        ".half()",
    ),
    "autocast": (lambda: Of(_autocast), "inside.0", "gives another dtype", "torch.autocast"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    make, layer, problem, remedy = REFUSED[case]
    module = make()
    with refused(remedy=remedy) as told:
        (found,) = models.from_module(module, [layer], "net")
        geometry.sensitivity(found, IMAGE, IMAGE[None])
    assert problem in told.value.problem


def test_advice_for_lazy_modules_works():
    module = nn.Sequential(nn.LazyConv2d(4, 3), nn.Tanh())
    module(torch.zeros(1, 3, 224, 224))
    (found,) = models.from_module(module, ["1"], "net")
    assert geometry.sensitivity(found, IMAGE, IMAGE[None]) > 0


@pytest.mark.filterwarnings("ignore")
def test_advice_for_programs_works():
    program = torch.export.export(net(1), (IMAGE[None],))
    other = net(2)
    other.load_state_dict(program.state_dict)
    assert fingerprint(other) == fingerprint(net(1))
    whole = nn.Sequential(torch.jit.trace(net(1), IMAGE[None]))
    (found,) = models.from_module(whole, [""], "net")
    (plain,) = models.from_module(net(1), [""], "plain")
    expected = geometry.sensitivity(plain, IMAGE, IMAGE[None])
    assert geometry.sensitivity(found, IMAGE, IMAGE[None]) == pytest.approx(expected, rel=1e-5)


def test_a_fingerprint_tells_extra_state():
    one, other = Extra(*net()), Extra(*net())
    assert fingerprint(one) == fingerprint(other) != fingerprint(net())
    other.state = {**Extra.state, "scale": [1.5, torch.zeros(2)]}
    assert fingerprint(one) != fingerprint(other)


def test_networks_of_addresses_come_in_the_precision_of_the_study(tmp_path):
    (tmp_path / "halved.py").write_text(
        "from torch import nn\ndef net():\n    return nn.Sequential(nn.Conv2d(3, 4, 3)).half()\n"
        "def lazy():\n    return nn.LazyConv2d(4, 3)\n"
    )
    (found,) = models.load(["python:halved:net/0"], folder=tmp_path)
    assert geometry.sensitivity(found, IMAGE, IMAGE[None]) > 0
    with refused(remedy="run the network once"):
        models.load(["python:halved:lazy/0"], folder=tmp_path)
