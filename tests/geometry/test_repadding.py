from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused
from torch import nn
from torch.nn import functional

from pdpsych import models
from pdpsych.geometry.repadding import MODES, extended, repadded

NUMPY = {"replicate": "edge", "reflect": "reflect"}


def _by_hand(maps, rows, columns, mode):
    """Pad the last two dimensions with NumPy."""
    widths = [(0, 0)] * (maps.ndim - 2) + [rows, columns]
    return torch.from_numpy(np.pad(maps.numpy(), widths, mode=NUMPY[mode]))


@given(
    size=st.integers(1, 6),
    before=st.integers(0, 15),
    after=st.integers(0, 15),
    mode=st.sampled_from(MODES),
)
def test_a_map_goes_on_as_numpy_would_have_it(size, before, after, mode):
    line = torch.arange(size)
    expected = np.pad(line.numpy(), (before, after), mode=NUMPY[mode])
    np.testing.assert_array_equal(extended(line, 0, before, after, mode), expected)


MAPS = torch.randn(2, 4, 9, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
# Each module, the same without padding, and the padding: above, below, left, right.
PADDING = {
    "one number": (nn.Conv2d(4, 6, 3, padding=1), (1, 1, 1, 1)),
    "two numbers": (nn.Conv2d(4, 6, (5, 3), padding=(2, 0), stride=2), (2, 2, 0, 0)),
    "same": (nn.Conv2d(4, 6, (4, 3), padding="same", dilation=2), (3, 3, 2, 2)),
    "groups": (nn.Conv2d(4, 4, 3, padding=2, groups=2, dilation=2), (2, 2, 2, 2)),
    "circular": (nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"), (1, 1, 1, 1)),
    "replicate": (nn.Conv2d(4, 6, 3, padding=2, padding_mode="replicate"), (2, 2, 2, 2)),
    "average": (nn.AvgPool2d(3, 2, 1), (1, 1, 1, 1)),
    "average of what is there": (
        nn.AvgPool2d((3, 5), 2, (1, 2), count_include_pad=False),
        (1, 1, 2, 2),
    ),
    "unfold": (nn.Unfold(3, padding=(1, 0)), (1, 1, 0, 0)),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", PADDING)
def test_modules_that_pad(name, mode):
    module, (above, below, left, right) = PADDING[name]
    module = module.double().requires_grad_(False)
    with repadded(mode, checked=True):
        found = module(MAPS)
    around = _by_hand(MAPS, (above, below), (left, right), mode)
    torch.testing.assert_close(found, _without_padding(module)(around))
    with torch.no_grad():
        assert module(MAPS).shape == found.shape


def _without_padding(module):
    if isinstance(module, nn.Conv2d):
        return lambda x: functional.conv2d(
            x, module.weight, module.bias, module.stride, 0, module.dilation, module.groups
        )
    if isinstance(module, nn.Unfold):
        return nn.Unfold(module.kernel_size)
    return nn.AvgPool2d(module.kernel_size, module.stride)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "pad",
    [
        lambda x: functional.pad(x, (1, 2, 0, 3)),
        lambda x: functional.pad(x, (1, 2, 0, 3), value=0.7),
        lambda x: functional.pad(x, (1, 2, 0, 3), mode="circular"),
        lambda x: functional.pad(input=x, pad=(1, 2, 0, 3), mode="reflect"),
        nn.ZeroPad2d((1, 2, 0, 3)),
        lambda x: functional.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 2, 0, 3)).permute(0, 3, 1, 2),
    ],
    ids=["zeros", "constant", "circular", "reflect", "module", "channels last"],
)
def test_padding_by_itself(pad, mode):
    with repadded(mode, checked=True):
        found = pad(MAPS)
    torch.testing.assert_close(found, _by_hand(MAPS, (0, 3), (1, 2), mode))


@pytest.mark.parametrize("mode", MODES)
def test_a_line_of_pixels(mode):
    module = nn.Conv1d(9, 3, 3, padding=1).double().requires_grad_(False)
    with repadded(mode, checked=True):
        found, average = module(MAPS[0]), nn.AvgPool1d(3, padding=1)(MAPS[0])
    around = _by_hand(MAPS[0], (0, 0), (1, 1), mode)
    torch.testing.assert_close(found, functional.conv1d(around, module.weight, module.bias))
    torch.testing.assert_close(average, functional.avg_pool1d(around, 3))


@pytest.mark.parametrize(
    "function",
    [
        nn.MaxPool2d(3, 2, 1),
        lambda x: functional.max_pool2d(
            functional.pad(x, (0, 1, 0, 1), value=-torch.inf), 3, stride=2
        ),
        lambda x: functional.pad(x, (-1, 0, -1, -1)),
        nn.LocalResponseNorm(3),
        nn.ConvTranspose2d(4, 2, 2, stride=2).double().requires_grad_(False),
        lambda x: torch.cat([x, x], dim=1),
        lambda x: functional.scaled_dot_product_attention(*3 * [x.flatten(2).mT]),
    ],
    ids=["maximum", "lowest", "cut", "channels", "transposed", "joined channels", "attention"],
)
def test_what_does_not_pad_stays_and_is_not_refused(function):
    with repadded("reflect", checked=True):
        found = function(MAPS)
    assert torch.equal(found, function(MAPS))


def _scripted(x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return torch.jit.script(nn.Conv2d(4, 2, 3, padding=1).double())(x)


def _with_rim(x):
    whole = x.new_zeros((*x.shape[:2], 11, 9))
    whole[:, :, 1:-1, 1:-1] = x
    return whole


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (_scripted, "convolution"),
        (nn.ConvTranspose2d(4, 2, 3, padding=1).double().requires_grad_(False), "convolution"),
        (nn.AvgPool2d(3, 2, 1, ceil_mode=True), "avg_pool2d"),
        (lambda x: torch.roll(x, 1, dims=2), "roll"),
        (lambda x: torch.cat([x, x.flip(3)], dim=3), "cat"),
        (lambda x: torch.ops.aten.reflection_pad2d(x, [1, 1, 1, 1]), "reflection_pad2d"),
        (lambda x: functional.pad(x, (0, 0, 0, 0, 1, 1)), "constant_pad_nd"),
        (_with_rim, "copy_"),
    ],
    ids=["script", "transposed", "ceil", "roll", "cat", "aten", "channels", "written"],
)
def test_what_pads_in_a_way_of_its_own_is_refused(function, operation):
    with (
        torch.no_grad(),
        pytest.raises(ValueError, match=operation),
        repadded("reflect", checked=True),
    ):
        function(MAPS)


@pytest.mark.parametrize("mode", MODES)
def test_a_network_has_the_jacobian_of_the_one_padded_by_hand(mode):
    torch.manual_seed(0)
    one, two = (nn.Conv2d(i, o, 3, padding=1, bias=False).double() for i, o in ((1, 3), (3, 2)))
    module = nn.Sequential(one, nn.Tanh(), nn.AvgPool2d(3, 2, 1), two)
    image = torch.rand(1, 7, 6, dtype=torch.float64)

    def around(x):
        return functional.pad(x, (1, 1, 1, 1), mode=mode)

    def by_hand(x):
        x = torch.tanh(functional.conv2d(around(x), one.weight))
        return functional.conv2d(around(functional.avg_pool2d(around(x), 3, 2)), two.weight)

    network = models.ModuleNetwork(module)
    linear = network.repadded(mode).linearize(image, ["3"])
    expected = torch.autograd.functional.jacobian(by_hand, image[None]).reshape(-1, 42)
    pixels = torch.eye(42, dtype=torch.float64).reshape(-1, 1, 7, 6)
    torch.testing.assert_close(linear.push(pixels)[0].T, expected)
    cotangents = torch.eye(len(expected), dtype=torch.float64)
    torch.testing.assert_close(linear.pull([cotangents]).flatten(1), expected)
    torch.testing.assert_close(linear.responses[0], by_hand(image[None]).flatten())
    # The network itself is as it was.
    torch.testing.assert_close(network.responses(image[None], ["3"])[0], module(image[None]))


def test_a_network_names_itself_where_its_padding_cannot_be_changed():
    module = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ConvTranspose2d(1, 1, 3))
    network = models.ModuleNetwork(module, name="decoder").repadded("replicate")
    with refused(file='model "decoder"'), torch.no_grad():
        network.responses(torch.zeros(1, 1, 8, 8), ["1"])
