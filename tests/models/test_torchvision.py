"""The traps of real networks, with random weights, against forward passes written by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pdpsych import geometry, models
from pdpsych.geometry.linearization import AutogradLinearization
from pdpsych.models.preprocessing import Preprocessing


def _image(channels: int = 3, side: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand((channels, side, side), generator=generator, dtype=torch.float64)


def _load(name, layers, source="torchvision", size=64, **more):
    mapping = {"source": source, "name": name, "weights": "random", "layers": layers, **more}
    if size:
        mapping["preprocess"] = {"size": size}
    return models.load([mapping], dtype=torch.float64)


def _linearize(representations, image):
    network = representations[0].network
    return network.linearize(image, [r.layer for r in representations])


def _normalised(x):
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return (x - x.new_tensor(mean).view(3, 1, 1)) / x.new_tensor(std).view(3, 1, 1)


def _alexnet(net, x):
    """Return the convolutions before, and the rest after, their rectification."""
    f, taps = net.features, []
    x = _normalised(x)
    for conv, pool in ((0, True), (3, True), (6, False), (8, False), (10, True)):
        before = F.conv2d(x, f[conv].weight, f[conv].bias, f[conv].stride, f[conv].padding)
        taps += [before, before.clamp_min(0)]
        x = F.max_pool2d(taps[-1], 3, 2) if pool else taps[-1]
    x = F.adaptive_avg_pool2d(x, 6).flatten(1)
    hidden = F.linear(x, net.classifier[1].weight, net.classifier[1].bias).clamp_min(0)
    return [*taps, hidden]


def _normalise(norm, x):
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale[:, None, None] * (x - norm.running_mean[:, None, None]) + norm.bias[:, None, None]


def _bottleneck(block, x):
    y = _normalise(block.bn1, F.conv2d(x, block.conv1.weight)).clamp_min(0)
    y = F.conv2d(y, block.conv2.weight, stride=block.conv2.stride, padding=1)
    y = _normalise(block.bn2, y).clamp_min(0)
    before = _normalise(block.bn3, F.conv2d(y, block.conv3.weight))
    if block.downsample is not None:
        conv, norm = block.downsample
        x = _normalise(norm, F.conv2d(x, conv.weight, stride=conv.stride))
    return before, (before + x).clamp_min(0)


def _resnet50(net, x):
    x = F.conv2d(_normalised(x), net.conv1.weight, stride=2, padding=3)
    x = F.max_pool2d(_normalise(net.bn1, x).clamp_min(0), 3, 2, 1)
    taps = []
    for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
        for number, block in enumerate(stage):
            before, x = _bottleneck(block, x)
            taps += [before] if number == 0 else []
        taps.append(x)
    return [*taps, F.linear(x.mean((2, 3)), net.fc.weight, net.fc.bias)]


ALEXNET = [f"features.{i}" for i in (0, 1, 3, 4, 6, 7, 8, 9, 10, 11)] + ["classifier.2"]
RESNET50 = [x for i in (1, 2, 3, 4) for x in (f"layer{i}.0.bn3", f"layer{i}")] + ["fc"]


@pytest.mark.parametrize(
    ("name", "layers", "by_hand"),
    [("alexnet", ALEXNET, _alexnet), ("resnet50", RESNET50, _resnet50)],
)
def test_taps_are_what_a_forward_pass_written_by_hand_gives(name, layers, by_hand):
    loaded = _load(name, layers)
    image = _image()
    linear = _linearize(loaded, image)
    net = loaded[0].network.module
    hand = AutogradLinearization(lambda batch: by_hand(net, batch), image)
    u = torch.randn((1, *image.shape), generator=torch.Generator().manual_seed(1)).double()
    for layer, found, expected in zip(layers, linear.responses, hand.responses, strict=True):
        torch.testing.assert_close(found, expected, msg=layer)
    pushed, expected = linear.push(u), hand.push(u)
    for layer, found, tangent in zip(layers, pushed, expected, strict=True):
        torch.testing.assert_close(found, tangent, msg=layer)
    torch.testing.assert_close(linear.pull(pushed), hand.pull(expected))


def _attention(module, x):
    heads, width = module.num_heads, module.embed_dim // module.num_heads
    projected = F.linear(x, module.in_proj_weight, module.in_proj_bias)
    q, k, v = projected.unflatten(-1, (3, heads, width)).permute(2, 0, 3, 1, 4)
    weights = (q @ k.mT / width**0.5).softmax(-1)
    return module.out_proj((weights @ v).transpose(1, 2).flatten(2))


def _vit(net, x):
    tokens = net.conv_proj(_normalised(x)).flatten(2).mT
    x = torch.cat([net.class_token.expand(len(x), -1, -1), tokens], dim=1)
    x, taps = x + net.encoder.pos_embedding, []
    for block in net.encoder.layers[:2]:
        x = x + _attention(block.self_attention, block.ln_1(x))
        hidden = block.mlp[3](F.gelu(block.mlp[0](block.ln_2(x))))
        x = x + hidden
        taps.append(x)
    return taps


def test_attention_has_derivatives_though_its_fast_kernels_have_none():
    layers = [f"encoder.layers.encoder_layer_{i}" for i in range(2)]
    loaded = _load("vit_b_16", layers, size=None)
    image = _image(side=224)
    linear = _linearize(loaded, image)
    net = loaded[0].network.module
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        hand = AutogradLinearization(lambda batch: _vit(net, batch), image)
    u = torch.randn((1, *image.shape), generator=torch.Generator().manual_seed(1)).double()
    for found, expected in zip(linear.push(u), hand.push(u), strict=True):
        torch.testing.assert_close(found, expected)


def test_activations_that_torch_cannot_differentiate_twice_have_pushes():
    loaded = _load("mobilenet_v3_small", ["features.1", "features.4", "classifier.1"])
    module = loaded[0].network.module
    assert any(isinstance(part, nn.Hardsigmoid) for part in module.modules())
    image = _image()
    linear = _linearize(loaded, image)
    step = (
        1e-9 * torch.randn((1, *image.shape), generator=torch.Generator().manual_seed(1)).double()
    )
    layers = [r.layer for r in loaded]
    up = loaded[0].network.responses(image[None] + step, layers)
    down = loaded[0].network.responses(image[None] - step, layers)
    for tangent, high, low in zip(linear.push(step), up, down, strict=True):
        # A norm, since even so small a step takes some of many thousand units over a kink.
        assert ((high - low).flatten(1) / 2 - tangent).norm() < 1e-4 * tangent.norm()


@pytest.mark.parametrize("source", ["torchvision", "timm"])
def test_networks_are_in_evaluation_mode_and_stay_as_they_are(source):
    loaded = _load("resnet18", ["layer1", "layer4"], source)
    module = loaded[0].network.module
    before = {name: value.clone() for name, value in module.state_dict().items()}
    _linearize(loaded, _image())
    assert not any(part.training for part in module.modules())
    assert not any(getattr(part, "inplace", False) for part in module.modules())
    assert not any(p.requires_grad for p in module.parameters())
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_timm_attention_works():
    (loaded,) = _load("test_vit", ["blocks.1"], "timm", size=None)
    linear = _linearize([loaded], _image(side=32))
    assert linear.responses[0].shape == (101 * 64,)


def test_networks_of_two_sizes_and_encodings_are_compared_at_one_image():
    loaded = models.load(
        [
            {
                "source": "torchvision",
                "name": "squeezenet1_1",
                "weights": "random",
                "layers": ["features.0"],
                "label": str(size),
                "preprocess": {"size": size, "encoding": encoding},
            }
            for size, encoding in ((48, "srgb"), (96, "linear"))
        ],
        encoding="linear",
        dtype=torch.float64,
    )
    assert loaded[0].network is not loaded[1].network
    image = _image(1, 64)
    found = geometry.LocalGeometry(loaded, image)
    u = torch.randn((1, *image.shape), generator=torch.Generator().manual_seed(1)).double()
    step = 1e-6
    for r, tangent in zip(loaded, found.push(u), strict=True):
        high, low = (
            r.network.responses((image + sign * step * u[0])[None], [r.layer])[0].flatten(1)
            for sign in (1, -1)
        )
        torch.testing.assert_close(tangent, (high - low) / (2 * step), rtol=1e-5, atol=1e-6)
    assert [r.network.preprocessing.target.size for r in loaded] == [(48, 48), (96, 96)]
    assert found.response_sizes == [64 * 23 * 23, 64 * 47 * 47]


def test_a_grey_image_goes_through_a_colour_network_as_its_repetition():
    loaded = _load("alexnet", ["features.1", "classifier.2"])
    grey, colour = _image(1), _image(1).repeat(3, 1, 1)
    u = torch.randn((1, *grey.shape), generator=torch.Generator().manual_seed(1)).double()
    pushed = _linearize(loaded, grey).push(u)
    expected = _linearize(loaded, colour).push(u.repeat(1, 3, 1, 1))
    for found, tangent in zip(pushed, expected, strict=True):
        torch.testing.assert_close(found, tangent)


def test_preprocessing_is_one_module_for_all_layers():
    loaded = _load("alexnet", ["features.1", "features.4"])
    assert isinstance(loaded[0].network.preprocessing, Preprocessing)
    assert loaded[0].network is loaded[1].network
