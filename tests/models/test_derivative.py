from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from refusals import refused
from torch import Tensor, nn

from pdpsych import models
from pdpsych.geometry.linearization import AutogradLinearization
from pdpsych.models import ModuleNetwork, Representation, check_derivatives
from pdpsych.models.float64 import Float64Arithmetic, in_float64

IMAGE = torch.rand((1, 12, 12), generator=torch.Generator().manual_seed(0))
EDGES = torch.cat([torch.zeros(1, 6, 12), torch.ones(1, 3, 12), IMAGE[:, :3]], dim=1)


class Net(nn.Module):
    """A convolution, and what a test puts behind it."""

    def __init__(self, after, **parts):
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv2d(1, 4, 3, bias=False)
        self.after = after
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.after(self, self.conv(x))


class Backwards(torch.autograd.Function):
    """A function with the backward pass of another."""

    @staticmethod
    def forward(ctx, x, value, slope):
        ctx.save_for_backward(x)
        ctx.slope = slope
        return value(x)

    @staticmethod
    def backward(ctx, g):
        return g * ctx.slope(*ctx.saved_tensors), None, None


def _zero_residual(self, x):
    return F.relu(x + self.norm(x))


def _zero_norm():
    norm = nn.BatchNorm2d(4)
    nn.init.zeros_(norm.weight)
    return norm


def _autocast(self, x):
    with torch.autocast("cpu", torch.bfloat16):
        return self.second(x).float()


def _attention(self, x):
    rows = x.flatten(2)
    return self.part(rows, rows, rows)[0]


HONEST = {
    "kinks": Net(lambda self, x: F.max_pool2d(F.relu(x), 2)),
    "absolute value": Net(lambda self, x: x.abs()),
    "zero-initialised residual": Net(_zero_residual, norm=_zero_norm()),
    "attention": Net(_attention, part=nn.MultiheadAttention(100, 2)),
    "half precision": Net(lambda self, x: F.relu(x.half()).to(x.dtype)),
    "autocast": Net(_autocast, second=nn.Conv2d(4, 2, 3)),
    "complex": Net(lambda self, x: torch.fft.rfft2(x).to(torch.complex64).abs()),
    "recurrent": Net(lambda self, x: self.part(x[0])[0], part=nn.GRU(10, 3)),
    "binary weights": Net(
        lambda self, x: F.conv2d(x, self.second.weight.sign()), second=nn.Conv2d(4, 2, 3)
    ),
}


@pytest.mark.parametrize("image", [IMAGE, EDGES], ids=["noise", "edges"])
@pytest.mark.parametrize("name", HONEST)
def test_the_derivative_of_a_network_passes(name, image):
    (check,) = check_derivatives(models.from_module(HONEST[name], [""], name), image).values()
    assert check.verdict == "passed"
    assert check.difference < 1e-6
    assert check.told() == ""


def test_a_power_that_is_not_defined_below_black_passes():
    class Gamma(nn.Module):
        def forward(self, x):
            return x**2.4

    (check,) = check_derivatives(models.from_module(Gamma(), [""], "gamma"), EDGES).values()
    assert check.verdict == "passed"


def test_early_visual_models_pass_also_along_what_is_given():
    directions = torch.randn((2, 1, 12, 12), generator=torch.Generator().manual_seed(3))
    # LN does not see a change of the mean: all that is left of it is rounding.
    directions[1] = 1
    found = check_derivatives(
        models.load(["LN", "LG", "LGG", "LGN"]), IMAGE, distortions=directions
    )
    assert list(found) == ["LN", "LG", "LGG", "LGN"]
    assert all(check.verdict == "passed" for check in found.values())


def _scaled(factor):
    return lambda self, x: Backwards.apply(x, torch.clone, lambda x: factor)


def _tensor_hook(change):
    def after(self, x):
        if x.requires_grad:
            x.register_hook(change)
        return x.tanh()

    return after


def _hooked():
    part = nn.Tanh()
    part.register_full_backward_hook(lambda module, given, got: (2 * given[0],))
    return part


FALSE = {
    "straight-through": (lambda self, x: x + (x.round() - x).detach(), 1),
    "binarised": (lambda self, x: Backwards.apply(x, torch.sign, lambda x: x.abs() < 1), 1),
    "spikes": (
        lambda self, x: Backwards.apply(x, lambda x: (x > 0.1).to(x), lambda x: 1 / (1 + x**2)),
        1,
    ),
    "fake quantisation": (
        lambda self, x: torch.fake_quantize_per_tensor_affine(x, 0.02, 0, -128, 127),
        1,
    ),
    "fake quantisation by channel": (
        lambda self, x: torch.fake_quantize_per_channel_affine(
            x, self.scale, torch.zeros(4, dtype=torch.int32), 1, -128, 127
        ),
        1,
    ),
    "eight-bit floats": (lambda self, x: x + (x.to(torch.float8_e4m3fn).to(x) - x).detach(), 1),
    "reversed": (_scaled(-1.0), 2),
    "9 times": (_scaled(9.0), 8 / 9),
    "mildly scaled": (_scaled(1.001), 1e-3 / 1.001),
    "tensor hook": (_tensor_hook(lambda g: 0.5 * g), 0.5),
    "module hook": (lambda self, x: self.part(x), 0.5),
    "stop-gradient": (lambda self, x: x / (1 + x.norm(dim=1, keepdim=True).detach()), None),
    "fake ReLU": (lambda self, x: Backwards.apply(x, F.relu, torch.sigmoid), None),
}


@pytest.mark.parametrize("name", FALSE)
def test_the_derivative_of_another_is_refused(name):
    after, size = FALSE[name]
    scale = nn.Parameter(torch.full((4,), 0.02))
    net = Net(after, part=_hooked(), scale=scale)
    with refused(
        file=f'model "{name}", layer ""', remedy="derivative: surrogate", allowed="at most 0.0001"
    ) as told:
        check_derivatives(models.from_module(net, [""], name), IMAGE)
    assert told.value.value > 5e-4
    if size is not None:
        assert told.value.value == pytest.approx(size, rel=1e-3)


def test_each_layer_is_judged_by_itself_and_all_that_are_wrong_are_named():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), Net(_scaled(2.0)), nn.Tanh())
    net[1].conv = nn.Conv2d(2, 2, 3)
    assert (
        check_derivatives(models.from_module(net, ["0"], "net"), IMAGE)["net/0"].difference < 1e-6
    )
    with refused(file='model "net", layer "1"') as told:
        check_derivatives(models.from_module(net, ["0", "1", "2"], "net"), IMAGE)
    assert [error.file for error in told.value.problems] == [
        'model "net", layer "1"',
        'model "net", layer "2"',
    ]


def test_a_backward_pass_that_clips_is_refused():
    """Small cotangents pass it as they are: the product J u is right."""
    net = Net(_tensor_hook(lambda g: g.clamp(-1, 1)))
    with refused() as told:
        check_derivatives(models.from_module(net, [""], "clips"), IMAGE)
    assert "backwards" in told.value.problem


def test_what_is_false_along_a_distortion_alone_is_refused():
    """The network's derivative is wrong for a pixel that the random direction leaves alone."""
    from pdpsych.models import derivative

    seen = derivative._noise(IMAGE).float()
    seen /= seen.norm()

    class Blind(nn.Module):
        def forward(self, x):
            along = (x * seen.to(x)).sum(dim=(1, 2, 3), keepdim=True) * seen.to(x)
            return along + (x - along).detach()

    representations = models.from_module(Blind(), [""], "blind")
    across = torch.randn((1, 1, 12, 12), generator=torch.Generator().manual_seed(5))
    with refused() as told:
        check_derivatives(representations, IMAGE, distortions=across)
    assert "along distortion 1" in told.value.problem


def test_a_surrogate_that_is_asked_for_is_told():
    net = models.from_module(Net(_scaled(9.0)), [""], "spiking")
    wanted = [replace(one, derivative="surrogate") for one in net]
    (check,) = check_derivatives(wanted, IMAGE).values()
    assert check.verdict == "surrogate"
    assert check.told() == "that of a surrogate, 88.9 % from its own"


def test_a_surrogate_that_is_not_needed_is_none():
    net = models.from_module(Net(lambda self, x: x.tanh()), [""], "plain")
    (check,) = check_derivatives([replace(net[0], derivative="surrogate")], IMAGE).values()
    assert check.verdict == "passed"


class Fixed(nn.Module):
    """Computes in float32, whatever it is given and however it is copied."""

    def __init__(self, gain=1.0):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.gain = gain

    def __deepcopy__(self, memo):
        raise RuntimeError("cannot be copied")

    def forward(self, x):
        y = self.conv(x).tanh()
        return Backwards.apply(y, torch.clone, lambda y: self.gain)


def test_a_network_of_one_precision_is_checked_coarsely():
    torch.manual_seed(0)
    (check,) = check_derivatives(models.from_module(Fixed(), [""], "fixed"), IMAGE).values()
    assert check.verdict == "coarse"
    assert check.told().startswith("checked coarsely, to ")
    with refused(file='model "fixed", layer ""', allowed="at most 0.03"):
        check_derivatives(models.from_module(Fixed(2.0), [""], "fixed"), IMAGE)


def test_a_response_below_what_float64_resolves_is_doubtful():
    net = Net(lambda self, x: 1e-12 * x + 1)
    (check,) = check_derivatives(
        models.from_module(net.double(), [""], "n"), IMAGE.double()
    ).values()
    assert check.verdict == "doubtful"
    assert "finite differences, which leave" in check.told()


class OneLayer:
    """A matrix as a network that is none of PyTorch, with a push of its own."""

    def __init__(self, gain):
        self.gain = gain

    def linearize(self, image, layers):
        linear = AutogradLinearization(lambda x: [(self.gain * x) ** 2], image)
        return Wrong(linear) if self.gain == 2 else linear

    def responses(self, batch, layers):
        return [(self.gain * batch) ** 2 for _ in layers]


class Wrong:
    def __init__(self, linear):
        self._linear, self.responses = linear, linear.responses

    def push(self, distortions):
        return [1.01 * tangent for tangent in self._linear.push(distortions)]

    def pull(self, cotangents):
        return 1.01 * self._linear.pull(cotangents)


def test_networks_of_any_kind_are_checked():
    right, wrong = (Representation("own", OneLayer(gain), "out") for gain in (3, 2))
    assert check_derivatives([right], IMAGE)["own"].verdict == "passed"
    with refused(file='model "own", layer "out"'):
        check_derivatives([wrong], IMAGE)


def test_the_network_stays_as_it_was():
    net = HONEST["kinks"]
    before = copy.deepcopy(net.state_dict())
    check_derivatives(models.from_module(net, [""], "net"), IMAGE)
    after = net.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert net.conv.weight.dtype == torch.float32


def test_arithmetic_is_wide_and_tensors_outside_are_not_changed():
    narrow, x = torch.ones(2, dtype=torch.float16), torch.full((2,), 1 + 1e-12, dtype=torch.float64)
    with Float64Arithmetic():
        found = [
            x.half() - 1,
            torch.zeros(2, dtype=torch.float32) + x - 1,
            x @ torch.eye(2) - 1,
            F.softmax(x, dim=0, dtype=torch.float32),
        ]
        eight = (x + 0.01).to(torch.float8_e4m3fn)
    assert all(one.dtype == torch.float64 for one in found)
    assert all((one > 0).all() for one in found)
    assert (eight.double() == 1).all()
    assert narrow.dtype == torch.float16


def test_computed_weights_are_copied():
    module = nn.Sequential(nn.Conv2d(1, 1, 3))
    computed: Tensor = 2 * module[0].weight
    module[0].computed = computed
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(module)
    twin = in_float64(module)
    assert twin[0].weight.dtype == torch.float64
    assert torch.equal(twin[0].computed, computed)


def test_a_float64_copy_shares_nothing_with_the_network():
    network = ModuleNetwork(HONEST["kinks"], name="kinks")
    wide = network.in_float64()
    wide.module.conv.weight.zero_()
    assert network.module.conv.weight.any()
    assert wide.name == "kinks"
