from __future__ import annotations

import inspect
import re

import pytest
import torch
import torch.nn.functional as F
from refusals import refused
from torch import nn

from pdpsych import models
from pdpsych.common.errors import InputError
from pdpsych.geometry.linearization import AutogradLinearization
from pdpsych.models import ModuleNetwork

IMAGE = torch.rand((2, 6, 6), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Net(nn.Module):
    """A tapped convolution between whatever a test puts before and after it."""

    def __init__(self, after=lambda self, x: x, before=lambda self, x: x, **parts):
        super().__init__()
        torch.manual_seed(2)
        self.conv = nn.Conv2d(2, 3, 3, padding=1)
        for name, part in parts.items():
            setattr(self, name, part)
        self.after, self.before = after, before
        self.double()

    def forward(self, x):
        return self.after(self, self.conv(self.before(self, x)))


def _counted(self, x):
    self.calls = getattr(self, "calls", 0) + 1
    return x + 1e-3 * self.calls


def _statistics_in_training(self, x):
    return F.batch_norm(x, self.norm.running_mean, self.norm.running_var, training=True)


def _flips(self, x):
    self.norm.train()
    return self.norm(x)


def _without_gradient(self, x):
    with torch.no_grad():
        return x.sin()


class Stubborn(nn.Dropout):
    def train(self, mode=True):
        return super().train(True)


BAD = {
    "dropout applied as in training": (
        Net(lambda self, x: F.dropout(x, 0.5, training=True)),
        "",
        "two forward passes differ",
    ),
    "noise": (Net(lambda self, x: x + torch.randn_like(x)), "", "two forward passes differ"),
    "state that is not a tensor": (Net(_counted), "", "two forward passes differ"),
    "dropout that stays in training": (
        Net(drop=Stubborn()),
        "conv",
        r'layer "drop": Stubborn is in training mode',
    ),
    "normalisation flipped to training": (
        Net(_flips, norm=nn.BatchNorm2d(3)),
        "conv",
        r'layer "norm": BatchNorm2d is in training mode',
    ),
    "batch statistics by function": (
        Net(_statistics_in_training, norm=nn.BatchNorm2d(3)),
        "conv",
        r'buffer "norm.running_mean": the forward pass writes to it',
    ),
    "batch statistics for want of others": (
        Net(norm=nn.BatchNorm2d(3, track_running_stats=False)),
        "conv",
        r'layer "norm": BatchNorm2d uses the statistics of the batch',
    ),
    "NaN": (Net(lambda self, x: (x - 10).log()), "", "NaN or infinite"),
    "infinity": (Net(lambda self, x: x / 0), "", "NaN or infinite"),
    "no gradient": (Net(_without_gradient), "", "loses the gradient"),
    "detached": (Net(before=lambda self, x: x.detach()), "conv", "loses the gradient"),
    "image ignored": (
        Net(before=lambda self, x: torch.ones_like(x)),
        "conv",
        "ignores the image",
    ),
    "integers": (Net(lambda self, x: x.argmax(dim=1)), "", "gives another dtype"),
    "another precision inside": (Net(lambda self, x: x.float()), "", "gives another dtype"),
    "tuple": (Net(lambda self, x: (x, x)), "", "gives tuple, not a tensor"),
    "dictionary": (Net(lambda self, x: {"out": x}), "", "gives dict, not a tensor"),
    "layer used twice": (
        Net(lambda self, x: self.act(self.act(x)), act=nn.Tanh()),
        "act",
        "used 2 times",
    ),
    "layer never used": (Net(act=nn.Tanh()), "act", "never reaches it"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_has_no_local_geometry_is_refused_naming_model_and_layer(case):
    net, layer, message = BAD[case]
    with pytest.raises(InputError) as told:
        ModuleNetwork(net, name="mine").linearize(IMAGE, [layer])
    where = told.value.file
    assert where.startswith('model "mine", ')
    assert f'layer "{layer}"' in where or "norm" in where or "drop" in where
    assert re.search(message, f"{where}: {told.value.problem}")


def test_a_layer_that_is_not_there_gets_the_nearest():
    with refused(file='model "mine"', value="cnov", allowed="conv"):
        ModuleNetwork(Net(), name="mine").linearize(IMAGE, ["cnov"])


@pytest.mark.parametrize("case", [*BAD, "forward pass fails"])
def test_nothing_is_left_behind_by_a_failure(case):
    net, layer, _ = BAD.get(case, (Net(lambda self, x: x @ x.new_ones(5)), "conv", None))
    image = IMAGE.clone().requires_grad_()
    torch.backends.mha.set_fastpath_enabled(True)
    with pytest.raises(InputError):
        ModuleNetwork(net, name="mine").linearize(image, [layer])
    assert not any(part._forward_hooks for part in net.modules())
    assert torch.backends.mha.get_fastpath_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()
    assert torch.is_grad_enabled()
    assert image.requires_grad
    assert image.grad is None
    assert torch.equal(image, IMAGE)


@pytest.mark.parametrize("after", [_statistics_in_training, _flips])
def test_buffers_that_a_forward_pass_wrote_to_get_their_values_back(after):
    net = Net(after, norm=nn.BatchNorm2d(3))
    with pytest.raises(InputError):
        ModuleNetwork(net).linearize(IMAGE, [""])
    assert (net.norm.running_mean == 0).all()
    assert (net.norm.running_var == 1).all()


def test_an_image_of_another_shape_is_refused_saying_which():
    network = ModuleNetwork(nn.Sequential(nn.Flatten(), nn.Linear(72, 2).double()), name="mine")
    network.linearize(IMAGE, ["1"])
    with refused(file='model "mine"'):
        network.linearize(IMAGE[:, :5], ["1"])


def test_parameters_of_another_precision_are_refused_with_advice():
    network = ModuleNetwork(Net().float(), name="mine")
    with refused(
        file='model "mine", parameter "conv.weight"', value="torch.float32", remedy=".double()"
    ):
        network.linearize(IMAGE, ["conv"])


def test_parameters_on_another_device_are_refused_with_advice():
    network = ModuleNetwork(Net().to("meta"), name="mine")
    with refused(file='parameter "conv.weight"', value="meta", allowed="cpu", remedy=".to(device)"):
        network.linearize(IMAGE, ["conv"])


def test_a_model_set_back_to_training_is_refused():
    network = ModuleNetwork(nn.Sequential(nn.Conv2d(2, 1, 1), nn.Dropout()).double(), name="mine")
    network.module.train()
    with refused(file='model "mine", layer ""'):
        network.linearize(IMAGE, ["0"])


def test_a_model_without_a_name_goes_by_its_class():
    with refused(file='model "Net"', value="x"):
        ModuleNetwork(Net()).linearize(IMAGE, ["x"])


def test_from_module_passes_the_name_on():
    with refused(file='model "mine"', value="x"):
        models.from_module(Net(), ["x"], name="mine")


@pytest.mark.parametrize(
    "overwrite",
    [
        lambda self, x: F.relu_(x),
        lambda self, x: x.mul_(2).clamp_(min=0),
        lambda self, x: x[:, :1].zero_() + x[:, 1:],
        lambda self, x: self.relu(x),
    ],
    ids=["function", "method", "view", "module"],
)
def test_what_follows_a_tap_cannot_overwrite_it(overwrite):
    net = Net(overwrite, relu=nn.ReLU(inplace=True))
    linear = ModuleNetwork(net).linearize(IMAGE, ["conv", ""])
    alone = AutogradLinearization(lambda batch: [net.conv(batch)], IMAGE)
    torch.testing.assert_close(linear.responses[0], alone.responses[0])
    u = torch.ones((1, *IMAGE.shape), dtype=torch.float64)
    torch.testing.assert_close(linear.push(u)[0], alone.push(u)[0])
    assert not torch.equal(linear.responses[0], linear.responses[1])


def test_a_network_may_overwrite_its_input_but_not_the_image():
    image = IMAGE.clone()
    net = Net(before=lambda self, x: x.sub_(0.5).div_(0.2))
    linear = ModuleNetwork(net).linearize(image, ["conv"])
    assert torch.equal(image, IMAGE)
    u = torch.ones((1, *IMAGE.shape), dtype=torch.float64)
    expected = F.conv2d(u / 0.2, net.conv.weight, padding=1)
    torch.testing.assert_close(linear.push(u)[0], expected.flatten(1))


def test_every_inplace_activation_of_torch_is_made_out_of_place():
    made = []
    for name in dir(nn):
        kind = getattr(nn, name)
        if "Dropout" in name or not inspect.isclass(kind):
            continue
        if "inplace" in inspect.signature(kind.__init__).parameters:
            arguments = {"Threshold": (0.1, 0.0)}.get(name, ())
            made.append(kind(*arguments, inplace=True))
    assert len(made) > 12
    x = torch.linspace(-4, 4, 9).view(1, 1, 3, 3)
    for module in ModuleNetwork(nn.Sequential(*made)).module:
        before = x.clone()
        module(before)
        assert torch.equal(before, x), module


def test_two_representations_of_one_layer_share_it():
    linear = ModuleNetwork(Net()).linearize(IMAGE, ["conv", "", "conv"])
    assert torch.equal(linear.responses[0], linear.responses[2])
    u = torch.ones((1, *IMAGE.shape), dtype=torch.float64)
    first, _, second = linear.push(u)
    assert torch.equal(first, second)
    weights = [torch.ones_like(first), torch.zeros_like(first), torch.ones_like(first)]
    twice = [2 * weights[0], weights[1], weights[1]]
    torch.testing.assert_close(linear.pull(weights), linear.pull(twice))


def test_recording_ends_at_the_last_tap():
    calls = []
    net = Net(lambda self, x: self.act(x), act=nn.Tanh())
    net.act.register_forward_hook(lambda *_: calls.append(1))
    ModuleNetwork(net).linearize(IMAGE, ["conv"])
    assert len(calls) == 1


def test_a_network_that_catches_exceptions_is_still_ended_at_the_last_tap():
    class Catches(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 1).double()

        def forward(self, x):
            try:
                return self.conv(x)
            except Exception:
                return None

    linear = ModuleNetwork(Catches()).linearize(IMAGE, ["conv"])
    assert linear.responses[0].shape == (72,)
