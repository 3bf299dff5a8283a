"""Every property over a list of networks, each against a slower way to the same number."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused
from torch import nn

from pdpsych.geometry import linearization
from pdpsych.geometry.affine import AffineOperations
from pdpsych.geometry.linearization import AutogradLinearization, ForwardLinearization, linearize
from pdpsych.models import ModuleNetwork

# PyTorch's forward mode, an oracle here, compiles its rules with what PyTorch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:FutureWarning")


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.branch = nn.Sequential(
            nn.Conv2d(4, 4, 3, padding=1, groups=2), nn.BatchNorm2d(4, affine=False)
        )
        self.relu, self.end = nn.ReLU(inplace=True), nn.Conv2d(4, 6, 3, stride=2, dilation=2)
        for norm in (self.norm, self.branch[1]):
            norm.running_mean.uniform_(-0.1, 0.1)
            norm.running_var.uniform_(0.5, 2)

    def forward(self, x):
        x = self.relu(self.norm(self.stem(x)))
        return self.end(self.relu(self.branch(x) + x))


class Transformer(nn.Module):
    """Patches, one attention block, a linear end; attention as a module or as a function."""

    def __init__(self, fused):
        super().__init__()
        self.patches, self.norm = nn.Conv2d(3, 8, 4, stride=4), nn.LayerNorm(8)
        self.attention = None if fused else nn.MultiheadAttention(8, 2, batch_first=True)
        self.end = nn.Linear(8, 5)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).mT
        x = self.norm(tokens)
        if self.attention is None:
            x = F.scaled_dot_product_attention(x, 2 * x, x)
        else:
            x, _ = self.attention(x, x, x, need_weights=False)
        return self.end(F.gelu(tokens + x))


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def _warped(x):
    turn = torch.tensor([[[0.9, 0.2, 0.1], [-0.2, 0.9, 0.0]]], dtype=x.dtype)
    return F.grid_sample(x, F.affine_grid(turn, x.shape, align_corners=False), align_corners=False)


def _cnn():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 5, 3, stride=(2, 1), padding=1),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(5 * 4 * 8, 6),
    )


TINY = {
    "cnn": (_cnn, ["0", "1", "3", "5"]),
    "same": (lambda: nn.Sequential(nn.Conv2d(3, 2, 3, padding="same"), nn.ELU()), ["0", ""]),
    "residual": (Residual, ["stem", "norm", "branch", "end"]),
    "transformer": (lambda: Transformer(fused=False), ["patches", "norm", "end"]),
    "fused": (lambda: Transformer(fused=True), ["patches", "end"]),
    "hard": (
        lambda: nn.Sequential(nn.Conv2d(3, 3, 3), nn.Hardsigmoid(), nn.Hardswish()),
        ["1", "2"],
    ),
    "grid": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), Function(_warped), nn.Softplus()),
        ["1", "2"],
    ),
    "pooling": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.LocalResponseNorm(2),
            nn.MaxPool2d(2),
            nn.AdaptiveAvgPool2d(2),
            nn.ConvTranspose2d(4, 2, 2),
        ),
        ["1", "2", "4"],
    ),
    "volume": (
        lambda: nn.Sequential(nn.Unflatten(1, (1, 3)), nn.Conv3d(1, 2, 2), nn.BatchNorm3d(2)),
        ["2"],
    ),
}
BIG = {
    "alexnet": ["features.1", "features.9", "classifier.6"],
    "resnet18": ["relu", "layer2", "fc"],
    "mobilenet_v3_small": ["features.1", "features.6", "classifier"],
}
# PyTorch's own derivative of a hard sigmoid is 1/6 to seven digits only.
TOLERANCE = {"hard": 1e-7, "mobilenet_v3_small": 1e-6}
WAYS = {"double backward": AutogradLinearization, "forward mode": ForwardLinearization}


def _network(name):
    torch.manual_seed(1)
    if name in TINY:
        make, layers = TINY[name]
        return ModuleNetwork(make().double(), name=name), layers, _random(3, 8, 8).sigmoid()
    module = torchvision.models.get_model(name, weights=None, num_classes=10).double()
    return ModuleNetwork(module, name=name), BIG[name], _random(3, 64, 64).sigmoid()


def _random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _function(network, layers):
    def function(image):
        return tuple(tap.flatten() for tap in network.responses(image[None], layers))

    return function


def _cotangents(linear, count, seed=5):
    return [
        _random(count, len(r), seed=seed + i).to(r.dtype) for i, r in enumerate(linear.responses)
    ]


def _assert_near(found, expected, name):
    assert found.shape == expected.shape
    assert (found - expected).norm() <= TOLERANCE.get(name, 1e-11) * expected.norm()


@pytest.fixture(params=TINY)
def tiny(request):
    return _network(request.param)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("way", [None, *WAYS])
def test_products_equal_the_dense_jacobian(name, way):
    if (name, way) == ("grid", "forward mode"):
        pytest.skip("PyTorch has no forward mode for it")
    network, layers, image = _network(name)
    function = _function(network, layers)
    if way is None:
        linear = network.linearize(image, layers)
    else:
        linear = WAYS[way](lambda batch: network.responses(batch, layers), image)
    dense = [j.flatten(1) for j in torch.autograd.functional.jacobian(function, image)]
    u = _random(3, *image.shape)
    for response, tap in zip(linear.responses, function(image), strict=True):
        torch.testing.assert_close(response, tap, rtol=0, atol=0)
    for tangent, matrix in zip(linear.push(u), dense, strict=True):
        _assert_near(tangent, u.flatten(1) @ matrix.T, name)
    weights = _cotangents(linear, 2)
    expected = sum(w @ matrix for w, matrix in zip(weights, dense, strict=True))
    pulled = linear.pull(weights)
    assert pulled.shape == (2, *image.shape)
    _assert_near(pulled.flatten(1), expected, name)


@pytest.mark.parametrize("name", BIG)
def test_products_of_large_networks_equal_those_of_torch_func(name):
    network, layers, image = _network(name)
    linear = network.linearize(image, layers)
    function = _function(network, layers)
    u = _random(2, *image.shape)
    pushed = linear.push(u)
    for k in range(2):
        _, expected = torch.func.jvp(function, (image,), (u[k],))
        for tangent, column in zip(pushed, expected, strict=True):
            _assert_near(tangent[k], column, name)
    weights = _cotangents(linear, 1)
    _, pull = torch.func.vjp(function, image)
    (expected_row,) = pull(tuple(w[0] for w in weights))
    _assert_near(linear.pull(weights)[0], expected_row, name)


@pytest.mark.parametrize("name", [*TINY, *BIG])
def test_double_backward_serves_every_network(name):
    network, layers, image = _network(name)
    assert isinstance(network.linearize(image, layers), AutogradLinearization)


class _OnceDifferentiable(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.sin()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, weight):
        return ctx.saved_tensors[0].cos() * weight

    @staticmethod
    def jvp(ctx, tangent):
        return ctx.saved_tensors[0].cos() * tangent


def test_forward_mode_takes_over_where_double_backward_fails():
    image = _random(1, 5, 5)
    linear = linearize(lambda x: [x * 3, _OnceDifferentiable.apply(x)], image, ["a", "b"])
    assert isinstance(linear, ForwardLinearization)
    u = _random(2, 1, 5, 5, seed=1)
    tripled, curved = linear.push(u)
    torch.testing.assert_close(tripled, 3 * u.flatten(1))
    torch.testing.assert_close(curved, (image.cos() * u).flatten(1))
    torch.testing.assert_close(linear.pull([tripled, curved]), 9 * u + image.cos() ** 2 * u)


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one call"])
def test_a_block_is_its_directions_one_by_one(tiny, together):
    network, layers, image = tiny
    linear = network.linearize(image, layers)
    linear.together = together
    u, weights = _random(4, *image.shape), _cotangents(linear, 4)
    block, rows = linear.push(u), linear.pull(weights)
    for k in range(4):
        for tangents, single in zip(block, linear.push(u[k : k + 1]), strict=True):
            torch.testing.assert_close(tangents[k], single[0], rtol=1e-12, atol=1e-14)
        single = linear.pull([w[k : k + 1] for w in weights])
        torch.testing.assert_close(rows[k], single[0], rtol=1e-12, atol=1e-14)


class _Reading(torch.autograd.Function):
    """x², with a derivative that looks at numbers, which a block in one call does not have."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx, weight):
        (x,) = ctx.saved_tensors
        return 2 * x * weight * (1.0 if float(weight.detach().abs().sum()) >= 0 else 2.0)


def test_what_cannot_go_in_one_call_goes_one_by_one():
    image = _random(1, 4, 4)
    linear = AutogradLinearization(lambda x: [_Reading.apply(x)], image)
    linear.together = True
    weights = _random(2, 16, seed=1)
    pulled = linear.pull([weights])
    assert not linear.together
    torch.testing.assert_close(pulled, (2 * image * weights.reshape(2, 1, 4, 4)))


@given(st.sampled_from(list(TINY)), st.floats(-1e3, 1e3), st.integers(0, 1000))
@settings(max_examples=25)
def test_products_are_linear_and_each_others_transpose(name, scale, seed):
    network, layers, image = _network(name)
    linear = network.linearize(image, layers)
    a, b = _random(2, 1, *image.shape, seed=seed)
    weights = _cotangents(linear, 1, seed=seed + 1)
    mixed = linear.push(a + scale * b)
    for left, x, y in zip(mixed, linear.push(a), linear.push(b), strict=True):
        torch.testing.assert_close(left, x + scale * y, rtol=1e-9, atol=1e-10)
    forwards = sum((w * t).sum() for w, t in zip(weights, linear.push(a), strict=True))
    torch.testing.assert_close(forwards, (linear.pull(weights) * a).sum(), rtol=1e-9, atol=1e-10)


def test_products_are_kept_and_never_run_the_network_again(tiny):
    network, layers, image = tiny
    linear = network.linearize(image, layers)
    calls = []
    for part in network.module.modules():
        part.register_forward_hook(lambda *_: calls.append(1))
    u, weights = _random(2, *image.shape), _cotangents(linear, 2)
    first = [*linear.push(u), linear.pull(weights)]
    again = [*linear.push(u), linear.pull(weights)]
    assert not calls
    for x, y in zip(first, again, strict=True):
        assert torch.equal(x, y)


@pytest.mark.parametrize("name", [*TINY, "alexnet", "mobilenet_v3_small"])
def test_float32_agrees_with_float64(name):
    network, layers, image = _network(name)
    image = image.float().double()
    wide = network.linearize(image, layers)
    u, weights = _random(1, *image.shape), _cotangents(wide, 1)
    expected = [*wide.push(u), wide.pull(weights)]
    network.module.float()
    narrow = network.linearize(image.float(), layers)
    found = [*narrow.push(u.float()), narrow.pull([w.float() for w in weights])]
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == torch.float32
        assert (x - y).norm() < 1e-3 * y.norm()


def test_the_image_may_change_after_it_was_linearised(tiny):
    network, layers, image = tiny
    linear = network.linearize(image, layers)
    u, weights = _random(1, *image.shape), _cotangents(linear, 1)
    before = [*linear.push(u), linear.pull(weights)]
    image.zero_()
    for x, y in zip([*linear.push(u), linear.pull(weights)], before, strict=True):
        assert torch.equal(x, y)


def test_building_leaves_the_global_random_numbers_alone(tiny):
    network, layers, image = tiny
    state = torch.get_rng_state()
    network.linearize(image, layers)
    assert torch.equal(torch.get_rng_state(), state)


def test_affine_operations_change_no_value_and_spare_the_weights_derivative():
    network, layers, image = _network("residual")
    with torch.no_grad(), AffineOperations():
        ruled = network.responses(image[None], layers)
    for x, y in zip(ruled, network.responses(image[None], layers), strict=True):
        assert torch.equal(x, y)
    linear = AutogradLinearization(lambda batch: network.responses(batch, layers), image)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        linear.push(_random(1, *image.shape))
    convolutions = [e for e in profile.events() if e.name == "aten::convolution"]
    assert len(convolutions) == 3


def test_weights_that_depend_on_the_image_keep_their_derivative():
    image = _random(2, 6, 6)

    def function(batch):
        kernel = batch[:, :, :3, :3].mean(dim=0, keepdim=True)
        scale = batch.mean(dim=(0, 2, 3))
        filtered = F.conv2d(batch, weight=kernel.sin(), padding=1)
        return [filtered, F.batch_norm(batch, scale.detach(), scale.detach() + 2, weight=scale)]

    linear = AutogradLinearization(function, image)
    dense = torch.autograd.functional.jacobian(
        lambda x: torch.cat([tap.flatten() for tap in function(x[None])]), image
    ).flatten(1)
    u = _random(1, 2, 6, 6, seed=3)
    pushed = torch.cat(linear.push(u), dim=1)
    torch.testing.assert_close(pushed, u.flatten(1) @ dense.T, rtol=1e-10, atol=1e-12)


def test_a_hard_sigmoid_has_the_slope_of_its_values():
    image = torch.linspace(-5, 5, 21, dtype=torch.float64)[None, None]
    linear = AutogradLinearization(lambda x: [F.hardsigmoid(x)], image)
    h = 1e-6
    expected = (F.hardsigmoid(image + h) - F.hardsigmoid(image - h)) / (2 * h)
    (pushed,) = linear.push(torch.ones_like(image)[None])
    away = (image.abs() - 3).abs() > 0.1
    torch.testing.assert_close(pushed[0][away.flatten()], expected[away], rtol=1e-9, atol=1e-9)


def test_arguments_by_name_reach_the_rule():
    image, kernel = _random(2, 6, 6), _random(3, 1, 3, 3, seed=1)

    def function(batch):
        return [F.conv2d(input=batch[:, :1], weight=kernel, stride=2, dilation=(1, 2))]

    linear = AutogradLinearization(function, image)
    u = _random(2, 2, 6, 6, seed=2)
    expected = F.conv2d(u[:, :1], kernel, stride=2, dilation=(1, 2)).flatten(1)
    torch.testing.assert_close(linear.push(u)[0], expected)


class _Wrong(torch.autograd.Function):
    """A backward pass that is not linear in its cotangent: no adjoint of its own derivative."""

    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, weight):
        return weight * weight

    @staticmethod
    def jvp(ctx, tangent):
        return 2 * tangent


def test_a_derivative_that_is_not_the_adjoint_is_refused_naming_the_layer():
    with refused(file="layer a, layer b") as told:
        linearize(lambda x: [x, _Wrong.apply(x)], _random(1, 4, 4), ["layer a", "layer b"])
    assert "differ at layer b" in told.value.problem
    assert "differ at layer a" not in told.value.problem


def test_a_small_error_of_one_layer_among_many_is_seen():
    class Off:
        def __init__(self, function, image):
            self._right = AutogradLinearization(function, image)
            self.responses, self.pull = self._right.responses, self._right.pull

        def push(self, u):
            *most, last = self._right.push(u)
            return [*most, last * (1 + 1e-6)]

    image = _random(1, 8, 8)
    off = Off(lambda x: [x, x.sin(), x.cos()], image)
    assert linearization._broken_adjoints(off, image, ["a", "b", "c"]) == ["c"]
    right = AutogradLinearization(lambda x: [x, x.sin(), x.cos()], image)
    assert linearization._broken_adjoints(right, image, ["a", "b", "c"]) == []


class _Opaque(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, weight):
        return 2 * weight


def test_what_neither_mode_can_do_is_refused_with_both_reasons():
    with refused(file="layer a") as told:
        linearize(lambda x: [_Opaque.apply(x)], _random(1, 4, 4), ["layer a"])
    assert all(f"by {mode}: " in told.value.problem for mode in linearization._MODES)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: [x, x * 0 + 1],
        lambda x: [x, x.detach()],
        lambda x: [x, torch.ones(3, dtype=x.dtype)],
        lambda x: [x, x.round()],
        lambda x: [x, (x - x).sqrt()],
    ],
    ids=["zero", "detached", "constant", "rounded", "infinite"],
)
def test_a_useless_derivative_is_refused_naming_the_layer(function):
    with refused(file="layer b"):
        linearize(function, _random(1, 4, 4), ["layer a", "layer b"])
